"""What was: what was spent, saved and wasted, and the log of every edit. Pure."""
