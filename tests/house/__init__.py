"""What the house itself must look like: commits, modules, words."""
