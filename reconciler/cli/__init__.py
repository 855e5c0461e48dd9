"""The command line: the only part that prints and sets exit codes. Thin over reconciler.Project."""

from reconciler.cli.main import main

__all__ = ["main"]
