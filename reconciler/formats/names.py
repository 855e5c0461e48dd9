"""Names and paths as text: what may stand in them, and which ones look the same. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# the name of the project as it stands, without an overlay; a section of the lock file
NO_ENVIRONMENT = "default"


def get_matrix_name(name: str) -> str:
    """The name of the matrix that made an edit, `pixel` for `pixel[clip=beach]`; of any other edit,
    its own.
    """
    return name.partition("[")[0]


def fold_path(path: str) -> str:
    """`path` as file systems that ignore case and Unicode form see it: two outputs may not share
    it.
    """
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def find_similar(
    text: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6
) -> list[str]:
    """Those of `known` that are spelled like `text`, whatever their case, the nearest first."""
    import difflib  # lazy: only when there is something to say

    spelled: dict[str, str] = {}
    for name in known:
        spelled.setdefault(name.casefold(), name)
    close = difflib.get_close_matches(text[:200].casefold(), spelled, n=most, cutoff=cutoff)
    return [spelled[name] for name in close]


def suggest_name(text: object, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """` Did you mean X?` for a `text` that is spelled like one of `known`; otherwise empty."""
    close = find_similar(text, known, most=1, cutoff=cutoff) if isinstance(text, str) else []
    return f" Did you mean {make_plain(close[0])}?" if close else ""


def make_plain(text: str) -> str:
    """`text` with a mark in the place of every character that is not plain."""
    return text if is_plain(text) else "".join(c if is_plain(c) else "\ufffd" for c in text)


def is_plain(text: str) -> bool:
    """Whether `text` is free of control characters and of marks that reorder or hide what people
    read.
    """
    return (text.isascii() and text.isprintable()) or not any(
        unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co") for c in text
    )


@lru_cache(maxsize=4096)
def compile_wildcard(text: str) -> re.Pattern[str]:
    """A pattern for `fullmatch`: `*` in `text` stands for any characters, `?` for one, all else
    for itself.

    Each part is looked for once, as far to the left as it goes (an atomic group), so that no text
    takes long.
    """
    first, *parts = [
        "".join("." if char == "?" else re.escape(char) for char in part)
        for part in text.split("*")
    ]
    if not parts:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{part})" for part in parts[:-1] if part)
    return re.compile(f"{first}{middle}.*{parts[-1]}", re.DOTALL)
