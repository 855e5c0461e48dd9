"""What others wrote, before anything believes it: ids, numbers and text of a service. Pure."""

from __future__ import annotations

import re
from typing import Any

from reconciler.names import made_plain

LONGEST_ID = 128  # characters; the service's own are UUIDs of 36
_TASK_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST_ID - 1}}}")
_SHOWN = 80  # characters of what is shown of an id that is none


def is_task_id(value: Any) -> bool:
    """Whether `value` has the form of a task id: text that is one plain segment of a path, so that
    it never changes which path is asked.
    """
    return isinstance(value, str) and _TASK_ID.fullmatch(value) is not None


def legal_id(value: Any) -> str | None:
    """`value` as a task id; None for what is none."""
    return value if is_task_id(value) else None


def shown(value: Any, most: int = _SHOWN) -> str:
    """Anything as text for people's eyes: at most `most` characters, none of which moves a cursor
    or hides another.
    """
    text = made_plain(value[: most + 1]) if isinstance(value, str) else made_plain(repr(value))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def whole_number(value: Any, most: int) -> int | None:
    """`value` as a whole number from 0 to `most`; None for everything else, text included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= most or value != int(value):  # NaN is in no range
        return None
    return int(value)
