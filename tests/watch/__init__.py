"""The watch on a real file system: what is seen, and what a save leads to."""
