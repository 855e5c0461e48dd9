"""What is ordered to become of tasks: rules that choose a task when it is accepted, and say how it
ends and when.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.errors import Fault
from mockserver.orders.rules import BadOrder, Doc, Fields, RuleBook

ENDS = ("succeed", "fail", "cancel", "expire", "no_url", "never", "lose")
# header by which a request can be told apart; the service itself has no such thing
LABEL = "X-Mock-Label"


@dataclass(frozen=True)
class When:
    """Which tasks a rule is about: all that is set must hold; nothing set means every task."""

    model: str | None = None
    account: str | None = None
    label: str | None = None
    prompt: str | None = None  # a part of the prompt
    prompt_regex: str | None = None
    nth: tuple[int, ...] = ()  # among the tasks that the rest fits: 1 is the first one

    def fits(self, account: str, label: str | None, request: Doc) -> bool:
        """Whether everything but `nth` holds for a request."""
        inputs = request.get("input")
        prompt = inputs.get("prompt") if isinstance(inputs, dict) else None
        text = prompt if isinstance(prompt, str) else ""
        return (
            self.model in (None, request.get("model"))
            and self.account in (None, account)
            and self.label in (None, label)
            and (self.prompt is None or self.prompt in text)
            and (self.prompt_regex is None or re.search(self.prompt_regex, text) is not None)
        )


@dataclass(frozen=True)
class Scenario:
    """How the tasks of one rule go.

    `end`: succeed; fail (with `code` and `message`); cancel, by the service; expire: UNKNOWN from the end on, and
    billed; no_url: SUCCEEDED without a video_url; never: RUNNING for ever; lose: the video is gone
    `lost_after_s` after the end, though the URL is still valid. When: `after_s` after the POST;
    with the `after_polls`-th fetch; `by_hand`, by the controls; else when the model takes its own
    time. `pending_s` is how long a task that is held shows PENDING first.
    """

    end: str
    after_s: float | None = None
    after_polls: int | None = None
    by_hand: bool = False
    pending_s: float = 0.0
    fault: Fault | None = None
    lost_after_s: float = 0.0

    @property
    def held(self) -> bool:
        """Whether its end is not a matter of time."""
        return self.by_hand or self.after_polls is not None or self.end == "never"


@dataclass
class Rule:
    """A scenario and whom it is for, with what it has done so far."""

    when: When
    scenario: Scenario
    times: int | None  # tasks it may decide; None: any number
    document: Doc
    seen: int = 0  # tasks that fit, but for `nth`
    used: int = 0


class Scenarios(RuleBook[Rule]):
    """The rules of one server, in order; the first that fits decides. `errors` is the catalogue of
    codes.
    """

    PLACE = "scenarios"

    def __init__(self, errors: Doc, documents: object = None) -> None:
        self._errors = errors
        super().__init__(documents)

    def choose(self, account: str, label: str | None, request: Doc) -> Scenario | None:
        """The scenario of a task that is being accepted, and count it."""
        chosen: Scenario | None = None
        for rule in self._rules:
            if not rule.when.fits(account, label, request):
                continue
            rule.seen += 1
            right = not rule.when.nth or rule.seen in rule.when.nth
            if chosen is None and right and (rule.times is None or rule.used < rule.times):
                rule.used += 1
                chosen = rule.scenario
        return chosen

    def fault(self, code: str, message: str | None) -> Fault:
        """A failure with any code; one of the catalogue brings the service's own message."""
        known = self._errors.get(code, {})
        return Fault(code, message or known.get("message", "ordered by a scenario"))

    def _rule(self, document: object, place: str) -> Rule:
        fields = Fields(document, place)
        when = _when(fields.take("when", Mapping, {}), f"{place}.when")
        scenario = self._scenario(fields)
        rule = Rule(
            when,
            scenario,
            fields.count("times"),
            dict(document) if isinstance(document, Mapping) else {},
        )
        fields.end()
        return rule

    def _scenario(self, fields: Fields) -> Scenario:
        end = fields.choice("then", ENDS, "succeed")
        if end != "fail" and (fields.has("code") or fields.has("message")):
            raise BadOrder(f"{fields.place}: code and message are for then: fail")
        code, message = fields.code("InternalError.Algo"), fields.take("message", str)
        scenario = Scenario(
            end=end,
            after_s=fields.number("after_s"),
            after_polls=fields.count("after_polls"),
            by_hand=fields.take("by_hand", bool, False),
            pending_s=fields.number("pending_s") or 0.0,
            fault=self.fault(code, message) if end == "fail" else None,
            lost_after_s=fields.number("lost_after_s") or 0.0,
        )
        ways = (
            scenario.after_s is not None,
            scenario.after_polls is not None,
            scenario.by_hand,
            end == "never",
        )
        if sum(ways) > 1:
            raise BadOrder(
                f"{fields.place}: only one of after_s, after_polls, by_hand and then: never"
            )
        return scenario


def _when(document: Any, place: str) -> When:
    fields = Fields(document, place)
    when = When(
        model=fields.take("model", str),
        account=fields.take("account", str),
        label=fields.take("label", str),
        prompt=fields.take("prompt", str),
        prompt_regex=fields.take("prompt_regex", str),
        nth=fields.numbers("nth"),
    )
    fields.end()
    try:
        re.compile(when.prompt_regex or "")
    except re.error as error:
        raise BadOrder(f"{place}.prompt_regex is no regular expression: {error}") from error
    return when
