"""The command line: the only part that prints and sets exit codes. Thin over reconciler.Project."""

try:
    from reconciler.cli.main import main
except KeyboardInterrupt:  # while the program was being loaded
    import sys

    sys.stderr.write("interrupted.\n")
    raise SystemExit(130) from None

__all__ = ["main"]
