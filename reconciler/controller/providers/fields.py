"""Takes fields out of the JSON of a provider, and believes none of it before it has the right form.
Pure.

Everything raises formats.untrusted.Unfit for what has another form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

from reconciler.formats.names import is_plain
from reconciler.formats.untrusted import Unfit, make_plain_line, read_whole_number

Item = Mapping[str, object]
Parsed = TypeVar("Parsed")
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_MOST_NUMBER = 10**15
_LONGEST_LINE = 300
_LONGEST_URL = 2000


def read_item(value: object) -> Item:
    """An object."""
    if not isinstance(value, dict):
        raise Unfit("is no JSON object")
    return value


def read_items(value: object, parse: Callable[[Item], Parsed]) -> list[Parsed]:
    """A list of objects, each parsed."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise Unfit("is no JSON list")
    return [parse(read_item(item)) for item in value]


def look_up(item: Item, *path: str) -> object:
    """What stands at `path`; None where nothing does."""
    value: object = item
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def take_text(item: Item, *path: str) -> str:
    """Text as it is; empty where there is none."""
    value = look_up(item, *path)
    if value is not None and not isinstance(value, str):
        raise Unfit(f"has no text in {'.'.join(path)}")
    return value or ""


def take_line(item: Item, *path: str) -> str:
    """Text for people, on one line."""
    return make_plain_line(take_text(item, *path), _LONGEST_LINE)


def take_number(item: Item, *path: str) -> int:
    """A number above 0: an id, or that of a pull request."""
    number = read_whole_number(look_up(item, *path), _MOST_NUMBER)
    if not number:
        raise Unfit(f"has no number in {'.'.join(path)}")
    return number


def take_flag(item: Item, *path: str) -> bool:
    """Whether something is so; not, where nothing is said."""
    value = look_up(item, *path)
    if value is not None and not isinstance(value, bool):
        raise Unfit(f"says neither true nor false in {'.'.join(path)}")
    return bool(value)


def take_sha(item: Item, *path: str) -> str:
    """The id of a commit; empty where the provider says that there is none."""
    parent = look_up(item, *path[:-1])
    if not isinstance(parent, dict) or path[-1] not in parent:
        raise Unfit(f"has no commit in {'.'.join(path)}")
    return take_optional_sha(item, *path)


def take_optional_sha(item: Item, *path: str) -> str:
    """The id of a commit; empty where nothing is said."""
    sha = take_text(item, *path)
    if sha and not _SHA.fullmatch(sha):
        raise Unfit(f"has no commit in {'.'.join(path)}")
    return sha


def take_page(item: Item, *path: str) -> str:
    """The URL of a page for people; empty for everything that is none."""
    url = take_text(item, *path)
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    plain = is_plain(url) and not re.search(r"[\s<>\"'`\\()\[\]]", url)
    fits = parts.scheme in ("http", "https") and parts.hostname and len(url) <= _LONGEST_URL
    return url if plain and fits else ""


def take_moment(item: Item, *path: str) -> float | None:
    """Seconds since 1970; None where nothing is said. Gitea says year 1 for never."""
    text = take_text(item, *path)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"has no moment in {'.'.join(path)}") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None if moment.year < 1970 else moment.timestamp()
