"""This machine: files, git, clock, caches, environment, and the process that opens media."""
