"""Questions about the journal: which requests there were, how often, and in what order."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from mockserver.digest import compute_sha256, encode_canonical
from mockserver.fields import BadOrder, Doc, Fields, read_all

EXACT = (
    "method",
    "code",
    "account",
    "label",
    "task_id",
    "fault",
    "request_id",
    "body_sha256",
    "request_sha256",
)


def select_requests(
    entries: list[Doc], criteria: Mapping[str, Any], place: str = "request"
) -> list[Doc]:
    """Select the requests of the journal that fit.

    `criteria` may hold fields of EXACT, `status`, `path` and `body`. `path` may have * and ?.
    `body` is the JSON that was sent, whatever the order of its keys and its spaces; the journal
    has digests only, so it is compared as a whole. Raises BadOrder for another field.
    """
    fields = Fields(criteria, place)
    values: Doc = {name: value for name in EXACT if (value := fields.take(name, str)) is not None}
    if (status := fields.take("status", int)) is not None:
        values["status"] = status
    path = fields.take("path", str)
    if (body := fields.take("body", (dict, list))) is not None:
        values["request_sha256"] = compute_sha256(encode_canonical(body))
    fields.end()
    return [
        entry
        for entry in entries
        if all(entry.get(name) == value for name, value in values.items())
        and (path is None or fnmatchcase(entry["path"], path))
    ]


def verify_journal(entries: list[Doc], document: object) -> Doc:
    """Say whether the journal is as expected: `{"ok", "message", …}`.

    The question is `{"request": {…}, "count": N}`, or has `at_least` and `at_most` in place of
    `count` (without any: at least 1). Or it is `{"order": [{…}, {…}]}`: requests that came one
    after the other, others in between allowed. Raises BadOrder for a question that is none.
    """
    fields = Fields(document, "verify")
    criteria, order = fields.take("request", dict), fields.take("order", list)
    count = fields.take_count("count", 0)
    least, most = fields.take_count("at_least", 0), fields.take_count("at_most", 0)
    fields.end()
    if (criteria is None) == (order is None):
        raise BadOrder('verify needs either "request" or "order"')
    if order is not None:
        return _verify_order(entries, order)
    if count is not None:
        least = most = count
    elif least is None:
        least = 1 if most is None else 0
    return _verify_count(entries, criteria, least, most)


def _verify_count(entries: list[Doc], criteria: Doc, least: int, most: int | None) -> Doc:
    """Whether as many requests fit as expected; `most` is None where there is no upper bound."""
    fitting = select_requests(entries, criteria)
    ok = least <= len(fitting) and (most is None or len(fitting) <= most)
    if least == most:
        expected = f"exactly {least}"
    elif most is None:
        expected = f"at least {least}"
    else:
        expected = f"{least} to {most}"
    message = f"{len(fitting)} requests fit; {expected} expected"
    if not fitting and not ok:
        message += _describe_nearest(entries, criteria)
    return {
        "ok": ok,
        "message": message,
        "count": len(fitting),
        "requests": [entry["n"] for entry in fitting],
    }


def _describe_nearest(entries: list[Doc], criteria: Mapping[str, Any]) -> str:
    """Words for the request that fits in most respects, and in which it does not."""

    def find_misfits(entry: Doc) -> list[str]:
        return [name for name in criteria if not select_requests([entry], {name: criteria[name]})]

    if not entries:
        return "; no request has come yet"
    nearest = min(entries, key=lambda entry: (len(find_misfits(entry)), -entry["n"]))
    misfits = [
        "its body is another" if name == "body" else f"{name} is {nearest.get(name)}"
        for name in find_misfits(nearest)
    ]
    request = f"{nearest['method']} {nearest['path']}"
    return f". The nearest is request {nearest['n']}, {request}: {', '.join(misfits)}"


def _verify_order(entries: list[Doc], order: list[Any]) -> Doc:
    """Whether requests came one after the other that fit the questions of `order` in turn."""

    def select_numbers(criteria: object, place: str) -> list[int]:
        if not isinstance(criteria, Mapping):
            raise BadOrder(f"{place} should be a mapping, not {criteria!r}")
        return sorted({entry["n"] for entry in select_requests(entries, criteria)})

    reached: list[int] = []
    for numbers in read_all(order, select_numbers, "order"):
        last = reached[-1] if reached else 0
        following = [number for number in numbers if number > last]
        if not following:
            message = f"nothing fits order[{len(reached)}]"
            if last:
                message += f" after request {last}"
            return {"ok": False, "message": message, "requests": reached}
        reached.append(following[0])
    message = f"{len(reached)} requests came in this order"
    return {"ok": True, "message": message, "requests": reached}
