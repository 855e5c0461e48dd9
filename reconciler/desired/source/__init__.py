"""Loads manifests from the folders that the project names, in the work tree or a commit."""
