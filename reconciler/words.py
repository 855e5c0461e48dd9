"""Text for people: counts and moments, and how wide a page is. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

WIDTH = 80  # characters of a line, wherever it is read


def count(number: int, word: str) -> str:
    """`1 edit`, `2 edits`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def moment(at: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Seconds since 1970 as `2027-01-15T08:00:00Z`, or in another form; always UTC."""
    return datetime.fromtimestamp(at, UTC).strftime(form)
