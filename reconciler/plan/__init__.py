"""The difference between what is asked and what is, and what it costs. Pure."""
