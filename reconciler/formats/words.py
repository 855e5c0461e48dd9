"""Formats counts, moments and spans of time for people. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

WIDTH = 80  # characters of a line, wherever it is read


def format_count(number: int, word: str) -> str:
    """`1 edit`, `2 edits`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def format_moment(at: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Seconds since 1970 as `2027-01-15T08:00:00Z`, or in another form; always UTC."""
    return datetime.fromtimestamp(at, UTC).strftime(form)


def format_span(seconds: float) -> str:
    """`42s`, `3m 10s`, `2h 05m`, `3d`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return (
        f"{whole // 3600}h {whole % 3600 // 60:02}m" if whole < 48 * 3600 else f"{whole // 86400}d"
    )


def format_elapsed(seconds: float) -> str:
    """How long something took, to the tenth below a minute: `4.1 s`, `3m 05s`."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}m {int(seconds) % 60:02}s"
