"""Checks JSON, ids, numbers and text of a service before anything believes them. Pure.

Every answer passes here. What passes is small, flat, finite and printable, so that no other module
has to check it again.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeGuard

from reconciler.formats.names import make_plain

LONGEST_ID = 128  # characters; the service's own are UUIDs of 36
MOST_VALUES = 200_000  # brackets, commas and colons of one answer; a page of the list has 3,000
DEEPEST = 32  # levels of brackets; the service's own answers have 4
LONGEST_TEXT = 2000  # characters of a text that is shown or kept
_MOST_DIGITS = 18  # of a whole number: what 64 bits hold
_LARGEST = 1e18
_SHOWN = 80  # characters of what is shown of an id that is none
_TASK_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST_ID - 1}}}")
_NAMED = re.compile(rb'"task_id"\s*:\s*"([^"\\\x00-\x1f]{1,512})"')
_QUERY = re.compile(r"""([a-z][a-z0-9+.-]{0,30}://[^\s?"'<>]*)\?[^\s"'<>]*""", re.IGNORECASE)
_SURROGATES = re.compile("[\ud800-\udfff]")


class Unfit(ValueError):
    """An answer that does not pass; its text says why, as the end of a sentence about it."""


# ------------------------------------------------------------------ JSON


def read_json(raw: bytes) -> Any:
    """JSON in UTF-8 as data. Raises Unfit for what is none, or is no answer of a sane service.

    A number that is not finite, or longer than 18 digits, is None: it says nothing, and what
    stands beside it still counts. Half a surrogate pair becomes U+FFFD.
    """
    marks = sum(raw.count(mark) for mark in (b",", b":", b"[", b"{"))
    if marks > MOST_VALUES:
        raise Unfit(f"holds more than {MOST_VALUES:,} values")
    try:
        value = json.loads(
            raw.decode("utf-8-sig"),
            parse_constant=lambda _name: None,
            parse_float=_parse_finite,
            parse_int=_parse_whole,
            object_pairs_hook=_build_object,
        )
    except UnicodeDecodeError:
        raise Unfit("is not UTF-8 text") from None
    except RecursionError:
        raise Unfit(f"is nested more than {DEEPEST} levels deep") from None
    except Unfit:
        raise
    except ValueError:
        raise Unfit("is not JSON" if raw.strip() else "is empty") from None
    if _is_deeper_than(value, DEEPEST):
        raise Unfit(f"is nested more than {DEEPEST} levels deep")
    return value


def _parse_finite(digits: str) -> float | None:
    number = float(digits)
    return number if abs(number) <= _LARGEST else None


def _parse_whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = {_replace_surrogates(name): _replace_surrogates(value) for name, value in pairs}
    if len(fields) < len(pairs):
        raise Unfit("names a field twice")
    return fields


def _replace_surrogates(value: Any) -> Any:
    """`value` without halves of surrogate pairs, which no file and no terminal takes."""
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):  # objects have come through here already
        return [_replace_surrogates(item) for item in value]
    return value


def _is_deeper_than(value: Any, levels: int) -> bool:
    """Whether brackets are nested deeper than `levels`; looked at level by level."""
    row = [value]
    for _ in range(levels):
        row = [
            item
            for holder in row
            if isinstance(holder, dict | list)
            for item in (holder.values() if isinstance(holder, dict) else holder)
        ]
        if not row:
            return False
    return any(isinstance(item, dict | list) for item in row)


# ------------------------------------------------------------------ ids


def is_task_id(value: object) -> TypeGuard[str]:
    """Whether `value` has the form of a task id: text that is one plain segment of a path, so that
    it never changes which path is asked.
    """
    return isinstance(value, str) and _TASK_ID.fullmatch(value) is not None


def read_task_id(value: Any) -> str | None:
    """`value` as a task id; None for what is none."""
    return value if is_task_id(value) else None


def find_task_ids(raw: bytes) -> list[str]:
    """What bytes that are no whole JSON name as task_id, each once, legal or not, in their order:
    of an answer that broke off, so that a paid task is not lost with it.
    """
    return list(dict.fromkeys(name.decode(errors="replace") for name in _NAMED.findall(raw)))


# ------------------------------------------------------------------ numbers and text


def read_whole_number(value: Any, most: int) -> int | None:
    """`value` as a whole number from 0 to `most`; None for everything else, text included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= most or value != int(value):  # NaN is in no range
        return None
    return int(value)


def make_plain_line(value: Any, most: int = _SHOWN) -> str:
    """Anything as one line for people's eyes: at most `most` characters, none of which moves a
    cursor or hides another.
    """
    text = value if isinstance(value, str) else repr(value)
    plain = make_plain(" ".join(text[: 4 * most].split()))
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def quote_service(value: Any, secret: str = "", most: int = LONGEST_TEXT) -> str:
    """What the service says, without what nobody else may read: the query of a URL that it quotes,
    and `secret`.
    """
    text = value if isinstance(value, str) else ""
    if secret:
        text = text.replace(secret, "…")
    text = make_plain_line(text, most)
    return _QUERY.sub(r"\1?…", text) if "://" in text else text
