"""Where two answers differ in more than ids, times, addresses and what chance decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mockserver.recording.exchange import Answered, Exchange
from mockserver.recording.redaction import Redactor

# Fields whose values say what the service decided; of others only name and type are compared.
_DECISIONS = ("code", "message", "task_status", "status")
_TYPES = {
    str: "text",
    int: "number",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "list",
}


@dataclass(frozen=True)
class Difference:
    """One thing that the service said otherwise than this server does.

    `kind` is one of: status, header, missing (the service has it, this server has not), added (the
    other way round), type, value, refuses (the service refused, this server takes), accepts (the
    service took, this server refuses). `recorded` and `ours` say it.
    """

    line: int
    request: str
    kind: str
    place: str
    recorded: str
    ours: str


def list_differences(exchange: Exchange, ours: Answered) -> Iterator[Difference]:
    """Every difference between the recorded answer and ours to the same request."""
    recorded = exchange.answered
    if recorded.status != ours.status:
        kind = "status"
        if recorded.status == 200:
            kind = "accepts"
        elif ours.status == 200:
            kind = "refuses"
        texts = [f"{item.status} {_tell_error(item.body)}".strip() for item in (recorded, ours)]
        yield build_difference(exchange, kind, "status", *texts)
        return
    for name in sorted(recorded.headers.keys() ^ ours.headers.keys()):
        texts = ["there" if name in item.headers else "absent" for item in (recorded, ours)]
        yield build_difference(exchange, "header", name, *texts)
    yield from _compare(exchange, "", *(Redactor().redact(item.body) for item in (recorded, ours)))


def build_difference(
    exchange: Exchange, kind: str, place: str, recorded: str, ours: str
) -> Difference:
    """A difference at the request of an exchange."""
    asked = exchange.asked
    request = f"{asked.method} {asked.path}"
    return Difference(exchange.line, request, kind, place, recorded, ours)


def _tell_error(body: Any) -> str:
    """Code and message of an error."""
    if not isinstance(body, dict):
        return ""
    texts = (body.get("code"), body.get("message"))
    return ": ".join(text for text in texts if isinstance(text, str))


def _compare(exchange: Exchange, place: str, recorded: Any, ours: Any) -> Iterator[Difference]:
    types = [_TYPES.get(type(value), "null") for value in (recorded, ours)]
    if types[0] != types[1]:
        yield build_difference(exchange, "type", place or "body", *types)
    elif isinstance(recorded, dict):
        for name in {**recorded, **ours}:
            inner = f"{place}.{name}" if place else name
            if name not in ours:
                yield build_difference(exchange, "missing", inner, _show(recorded[name]), "absent")
            elif name not in recorded:
                yield build_difference(exchange, "added", inner, "absent", _show(ours[name]))
            else:
                yield from _compare(exchange, inner, recorded[name], ours[name])
    elif isinstance(recorded, list):
        yield from _compare_rows(exchange, place, recorded, ours)
    elif place.rpartition(".")[2] in _DECISIONS and recorded != ours:
        yield build_difference(exchange, "value", place, str(recorded), str(ours))


def _compare_rows(
    exchange: Exchange, place: str, recorded: list[Any], ours: list[Any]
) -> Iterator[Difference]:
    """Compare rows that tell of equal things: the first ones of each status, or of all."""

    def sort(rows: list[Any]) -> dict[str, Any]:
        firsts: dict[str, Any] = {}
        for row in rows:
            status = row.get("status", row.get("task_status", "")) if isinstance(row, dict) else ""
            firsts.setdefault(str(status), row)
        return firsts

    theirs, here = sort(recorded), sort(ours)
    for status in theirs.keys() & here.keys():
        yield from _compare(exchange, f"{place}[{status}]", theirs[status], here[status])


def _show(value: Any) -> str:
    """A value in a few words: itself where it is one, else its type."""
    return _TYPES.get(type(value), "null") if isinstance(value, dict | list) else repr(value)[:80]
