"""This machine: files, git, the clock, caches, the environment, and the process that opens media."""
