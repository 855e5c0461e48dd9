"""Which recorded request another one is like, and where two of them differ."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from mockserver.digest import encode_canonical
from mockserver.recording.exchange import Asked, Exchange
from mockserver.recording.redaction import Redactor

MOST_DIFFERENCES = 3  # that are named of two requests
LONGEST_SHOWN = 60  # characters of a value in a message
_LOOKED_AT = 2000  # characters of a request by which the nearest one is chosen
_PARTS = ("query", "headers")  # of a request, which are empty where nothing was sent
TIME = re.compile(r"^\d{14}$")  # a time as lists of tasks are asked with


def build_match(asked: Asked) -> dict[str, Any]:
    """What a request is told by: all of it, but which key, which times and which addresses.

    Stand-ins count from the start of the request, so that they are alike wherever it stands.
    """
    redactor = Redactor()
    headers = {name: asked.headers[name].partition(";")[0].lower() for name in asked.headers}
    if "authorization" in headers:
        headers["authorization"] = headers["authorization"].partition(" ")[0]
    query = {
        name: "" if TIME.fullmatch(asked.query[name]) else asked.query[name] for name in asked.query
    }
    return {
        "method": asked.method,
        "path": asked.path.rstrip("/"),
        "query": query,
        "headers": headers,
        "body": redactor.redact(asked.body),
    }


def encode_match(asked: Asked) -> bytes:
    """The same as bytes, to find equal ones by."""
    return encode_canonical(build_match(asked))


def find_nearest(asked: Asked, exchanges: tuple[Exchange, ...]) -> Exchange | None:
    """The recorded request that is most like another; None for an empty recording."""
    text = _write(asked)

    def measure(exchange: Exchange) -> tuple[bool, bool, bool, float]:
        other = exchange.asked
        return (
            other.method == asked.method,
            other.path == asked.path,
            other.path.count("/") == asked.path.count("/"),
            difflib.SequenceMatcher(None, text, _write(other), autojunk=False).quick_ratio(),
        )

    return max(exchanges, key=measure, default=None)


def _write(asked: Asked) -> str:
    return f"{asked.path} {encode_match(asked).decode()}"[:_LOOKED_AT]


def describe_differences(asked: Asked, recorded: Asked) -> str:
    """Where a request differs from a recorded one, in words; empty when it does not."""
    ours, theirs = (dict(_list_leaves(build_match(item))) for item in (asked, recorded))
    places = [place for place in {**theirs, **ours} if ours.get(place) != theirs.get(place)]
    words = [
        f"{place} is {_show(theirs.get(place))} there and {_show(ours.get(place))} here"
        for place in places[:MOST_DIFFERENCES]
    ]
    more = len(places) - len(words)
    return "; ".join([*words, *([f"and {more} more"] if more > 0 else [])])


def _list_leaves(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every value that holds no others, with its place, such as body.input.prompt."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            yield from _list_leaves(item, f"{place}.{name}" if place else str(name))
    elif value is not None and place not in _PARTS:
        yield place, encode_canonical(value).decode()


def _show(text: str | None) -> str:
    if text is None:
        return "absent"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
