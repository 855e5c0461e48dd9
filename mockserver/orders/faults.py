"""Faults on order: which requests meet one, by number or by a seeded chance, and what it is.

Only decided here; `http.edge` and `orders.wire` let it happen.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.fields import BadOrder, Doc, Fields
from mockserver.orders.rules import RuleBook

# Kinds of requests, as people name them in rules; app.py says which request is of which.
ROUTES = ("create", "fetch", "list", "cancel", "policy", "upload", "result", "any")
KEYLESS = ("upload", "result")  # their right to ask is in the form or the link
KINDS = (
    "reset",  # the connection is cut, no answer: before the server has acted, or after ("lost")
    "lost",  # reset after the server has acted: a task was accepted and nobody was told
    "hang",  # no answer for `seconds` (default: until the client goes or the server stops)
    "slow",  # the answer comes `chunk_bytes` at a time, with `pause_s` between
    "answer",  # another answer: `status`, with `code` and `message`, or with body: none, html
    "not_json",  # 200 whose body is no JSON
    # only the part `keep` of the body comes; with length: none nothing tells that more was to come
    "truncate",
    "corrupt",  # a body of the right size with wrong bytes; length: right, none or wrong
    # a whole body under a Content-Length that is `off_by` too high (or, below 0, too low)
    "wrong_length",
    "duplicate",  # the request is delivered twice; the answer is that to the first
    "jump",  # the clock jumps `seconds` forward
    "restart",  # the server restarts: connections are cut, the state is read again
)
SIDES = ("before", "after")
LENGTHS = ("right", "none", "wrong")
BODIES = ("json", "none", "html")
_CODES = {429: "Throttling.RateQuota", 500: "InternalError", 503: "ModelUnavailable"}
_AFTER = ("lost", "slow", "truncate", "corrupt", "wrong_length")


@dataclass(frozen=True)
class Fault:
    """What is to happen to a request, before or after (`side`) the server has acted on it."""

    kind: str
    side: str
    seconds: float | None
    pause_s: float
    chunk_bytes: int
    status: int
    code: str
    message: str
    body: str
    keep: float
    length: str
    off_by: int


@dataclass
class FaultRule:
    """A fault and whom it meets, with what it has done so far."""

    route: str
    account: str | None
    label: str | None
    nth: tuple[int, ...]
    rate: float | None
    times: int | None
    fault: Fault
    document: Doc
    seen: int = 0
    used: int = 0

    def count(
        self, route: str, account: str | None, label: str | None, seed: int, index: int
    ) -> bool:
        """Count a request if it is this rule's, and say whether it is to meet the fault."""
        if (
            self.route not in (route, "any")
            or self.account not in (None, account)
            or self.label not in (None, label)
        ):
            return False
        self.seen += 1
        if self.nth and self.seen not in self.nth:
            return False
        if self.times is not None and self.used >= self.times:
            return False
        if self.rate is None:
            return True
        return random.Random(f"{seed}:fault:{index}:{self.seen}").random() < self.rate


class Faults(RuleBook[FaultRule]):
    """The faults of one server, in order; the first rule that a request meets decides.

    `errors` is the catalogue of codes: each brings the service's own message.
    """

    PLACE = "faults"

    def __init__(self, errors: Doc, seed: int, documents: object = None) -> None:
        self._errors, self._seed = errors, seed
        super().__init__(documents)

    def draw(self, route: str, account: str | None, label: str | None) -> Fault | None:
        """Count a request that arrives now, and give the fault that it is to meet.

        `account` is None for a request without a key that is known.
        """
        fault: Fault | None = None
        for index, rule in enumerate(self._rules):
            if rule.count(route, account, label, self._seed, index) and fault is None:
                rule.used += 1
                fault = rule.fault
        return fault

    def _read_rule(self, document: object, place: str) -> FaultRule:
        fields = Fields(document, place)
        rule = FaultRule(
            route=fields.take_choice("route", ROUTES, "any"),
            account=fields.take("account", str),
            label=fields.take("label", str),
            nth=fields.take_numbers("nth"),
            rate=fields.take_number("rate"),
            times=fields.take_count("times"),
            fault=self._read_fault(fields),
            document=dict(document) if isinstance(document, Mapping) else {},
        )
        fields.end()
        if rule.rate is not None and rule.rate > 1:
            raise BadOrder(f"{place}.rate should be a share from 0 to 1, not {rule.rate:g}")
        if rule.account is not None and rule.route in KEYLESS:
            raise BadOrder(
                f"{place}: no account is known of a request for {rule.route}; it carries no key"
            )
        if rule.fault.kind == "duplicate" and rule.route == "upload":
            raise BadOrder(
                f"{place}: an upload cannot be delivered twice; its form is read as it comes"
            )
        return rule

    def _read_fault(self, fields: Fields) -> Fault:
        kind = fields.take_choice("do", KINDS)
        side = fields.take_choice("side", SIDES, "after" if kind in _AFTER else "before")
        if kind in _AFTER and side == "before":
            raise BadOrder(f"{fields.place}: {kind} happens after the server has acted")
        status = fields.take_count("status", 100, 500 if kind == "answer" else 200) or 200
        code = fields.take_code(_CODES.get(status, "InternalError"))
        message = fields.take(
            "message", str, self._errors.get(code, {}).get("message", "ordered by a fault")
        )
        seconds, keep = fields.take_number("seconds"), fields.take_number("keep", default=0.5)
        if status > 599 or (keep is not None and keep > 1):
            raise BadOrder(
                f"{fields.place}: status should be 100 to 599, and keep a share from 0 to 1"
            )
        if kind == "jump" and seconds is None:
            raise BadOrder(f"{fields.place}: a jump needs seconds")
        return Fault(
            kind="reset" if kind == "lost" else kind,
            side=side,
            seconds=seconds,
            pause_s=fields.take_number("pause_s", default=1.0) or 0.0,
            chunk_bytes=fields.take_count("chunk_bytes", default=1024) or 1,
            status=status,
            code=code,
            message=message,
            body=fields.take_choice("body", BODIES, "html" if kind == "not_json" else "json"),
            keep=0.5 if keep is None else keep,
            length=fields.take_choice("length", LENGTHS, "right"),
            off_by=_take_off_by(fields),
        )


def _take_off_by(fields: Fields) -> int:
    value: Any = fields.take("off_by", int, 1000)
    return int(value)
