"""Text for people: lines of a screen's width, counts, and moments. Pure."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime

WIDTH = 80  # characters of a line, wherever it is read


def wrapped(text: str, first: str = "", rest: str | None = None) -> list[str]:
    """`text` in lines of a screen's width, with `first` before the first and `rest` (None: the
    same) before others.

    Names, paths and ids are never broken.
    """
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def count(number: int, word: str) -> str:
    """`1 edit`, `2 edits`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def moment(at: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Seconds since 1970 as `2027-01-15T08:00:00Z`, or in another form; always UTC."""
    return datetime.fromtimestamp(at, UTC).strftime(form)
