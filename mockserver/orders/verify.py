"""Questions about the journal: which requests there were, how often, and in what order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from mockserver.digest import canonical, sha256
from mockserver.orders.rules import BadOrder, Doc, Fields, read_all

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


def matching(entries: list[Doc], wanted: Mapping[str, Any], place: str = "request") -> list[Doc]:
    """The requests of the journal that fit; `wanted` may hold a field of EXACT, `status`, `path`
    or `body`.

    `path` may have * and ?; `body` is the JSON that was sent, key order and spaces aside (the journal has digests
    only, so it is compared as a whole). Raises BadOrder for another field.
    """
    fields = Fields(wanted, place)
    same: Doc = {name: value for name in EXACT if (value := fields.take(name, str)) is not None}
    if (status := fields.take("status", int)) is not None:
        same["status"] = status
    path = fields.take("path", str)
    if (body := fields.take("body", (dict, list))) is not None:
        same["request_sha256"] = sha256(canonical(body))
    fields.end()
    return [
        entry
        for entry in entries
        if all(entry.get(name) == value for name, value in same.items())
        and (path is None or fnmatchcase(entry["path"], path))
    ]


def verify(entries: list[Doc], document: object) -> Doc:
    """Whether the journal is as expected: `{"ok", "message", …}`. Raises BadOrder for a question
    that is none.

    `{"request": {…}, "count": N}`, or `at_least` and `at_most` (without any: at least 1); or `{"order": [{…}, {…}]}`:
    requests that fit one after the other, others in between allowed.
    """
    fields = Fields(document, "verify")
    wanted, order = fields.take("request", dict), fields.take("order", list)
    count, least, most = (
        fields.count("count", 0),
        fields.count("at_least", 0),
        fields.count("at_most", 0),
    )
    fields.end()
    if (wanted is None) == (order is None):
        raise BadOrder('verify needs either "request" or "order"')
    if order is not None:
        return _in_order(entries, order)
    found = matching(entries, wanted)
    low = count if count is not None else least if least is not None else (1 if most is None else 0)
    high = count if count is not None else most
    ok = low <= len(found) and (high is None or len(found) <= high)
    expected = (
        f"exactly {low}"
        if low == high
        else f"at least {low}"
        if high is None
        else f"{low} to {high}"
    )
    message = f"{len(found)} requests fit; {expected} expected"
    if not found and not ok:
        message += _nearest(entries, wanted)
    return {
        "ok": ok,
        "message": message,
        "count": len(found),
        "requests": [entry["n"] for entry in found],
    }


def _nearest(entries: list[Doc], wanted: Mapping[str, Any]) -> str:
    """Words for the request that fits in most respects, and in which it does not."""

    def misses(entry: Doc) -> list[str]:
        return [name for name in wanted if not matching([entry], {name: wanted[name]})]

    if not entries:
        return "; no request has come yet"
    nearest = min(entries, key=lambda entry: (len(misses(entry)), -entry["n"]))
    said = ", ".join(
        f"{name} is {nearest.get(name)}" if name != "body" else "its body is another"
        for name in misses(nearest)
    )
    asked = f"{nearest['method']} {nearest['path']}"
    return f". The nearest is request {nearest['n']}, {asked}: {said}"


def _in_order(entries: list[Doc], order: list[Any]) -> Doc:
    sets = read_all(
        order,
        lambda wanted, place: {e["n"] for e in matching(entries, _mapping(wanted, place))},
        "order",
    )
    reached: list[int] = []
    for fits in sets:
        after = reached[-1] if reached else 0
        following = [n for n in sorted(fits) if n > after]
        if not following:
            message = f"nothing fits order[{len(reached)}]" + (
                f" after request {after}" if after else ""
            )
            return {"ok": False, "message": message, "requests": reached}
        reached.append(following[0])
    return {
        "ok": True,
        "message": f"{len(reached)} requests came in this order",
        "requests": reached,
    }


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadOrder(f"{place} should be a mapping, not {value!r}")
    return value


def bill_by(bill: Doc, name: str) -> Doc:
    """A bill summed up per account, request_sha256 or job_sha256: tasks, those that cost, and
    seconds.
    """
    sums: dict[str, Doc] = {}
    for task in bill["tasks"]:
        line = sums.setdefault(
            task[name], {name: task[name], "tasks": 0, "billed_tasks": 0, "billed_s": 0.0}
        )
        line["tasks"] += 1
        line["billed_tasks"] += task["billed_s"] > 0
        line["billed_s"] = round(line["billed_s"] + task["billed_s"], 2)
    return {"lines": list(sums.values()), "total_billed_s": bill["total_billed_s"]}
