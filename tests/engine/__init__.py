"""Orders, and those who carry them out."""
