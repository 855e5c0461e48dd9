"""Scenarios: rules that choose a task when it is accepted, and say how it ends and when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.errors import Failure
from mockserver.fields import BadOrder, Doc, Fields
from mockserver.orders.rules import RuleBook

ENDS = ("succeed", "fail", "cancel", "expire", "no_url", "never", "lose")
# A header by which requests can be told apart; the service itself has no such thing.
LABEL = "X-Mock-Label"


def read_label(headers: Mapping[str, str]) -> str | None:
    """The label that a request carries; what is no UTF-8 in it becomes "?"."""
    label = headers.get(LABEL)
    return None if label is None else label.encode("utf-8", "replace").decode()


@dataclass(frozen=True)
class When:
    """Which tasks a rule is about. All that is set must hold; nothing set means every task."""

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
    """How the tasks of one rule go: how they end, and when.

    `end` is one of: succeed; fail, with `failure`; cancel, by the service; expire: UNKNOWN from
    the end on, and billed; no_url: SUCCEEDED without a video_url; never: RUNNING for ever; lose:
    the video is gone `lost_after_s` after the end, though its URL is still valid.

    The end comes `after_s` seconds after the POST, or with the `after_polls`-th fetch, or
    `by_hand` through the controls; if none is set, when the model takes its own time.
    `pending_s` is how long a task whose end is no matter of time shows PENDING first.
    """

    end: str
    after_s: float | None = None
    after_polls: int | None = None
    by_hand: bool = False
    pending_s: float = 0.0
    failure: Failure | None = None
    lost_after_s: float = 0.0

    @property
    def untimed(self) -> bool:
        """Whether its end is not a matter of time."""
        return self.by_hand or self.after_polls is not None or self.end == "never"


@dataclass
class ScenarioRule:
    """A scenario and whom it is for, with what it has done so far."""

    when: When
    scenario: Scenario
    times: int | None  # tasks it may decide; None: any number
    document: Doc
    seen: int = 0  # tasks that fit, but for `nth`
    used: int = 0


class Scenarios(RuleBook[ScenarioRule]):
    """The scenarios of one server, in order; the first rule that fits decides.

    `errors` is the catalogue of codes: each brings the service's own message.
    """

    PLACE = "scenarios"

    def __init__(self, errors: Doc, documents: object = None) -> None:
        self._errors = errors
        super().__init__(documents)

    def choose(self, account: str, label: str | None, request: Doc) -> Scenario | None:
        """Count a task that is being accepted, and give its scenario; None for the usual course."""
        scenario: Scenario | None = None
        for rule in self._rules:
            if not rule.when.fits(account, label, request):
                continue
            rule.seen += 1
            is_turn = not rule.when.nth or rule.seen in rule.when.nth
            if scenario is None and is_turn and (rule.times is None or rule.used < rule.times):
                rule.used += 1
                scenario = rule.scenario
        return scenario

    def build_failure(self, code: str, message: str | None) -> Failure:
        """A failure with any code; without a message, with the one of the catalogue."""
        entry = self._errors.get(code, {})
        return Failure(code, message or entry.get("message", "ordered by a scenario"))

    def _read_rule(self, document: object, place: str) -> ScenarioRule:
        fields = Fields(document, place)
        when = _read_when(fields.take("when", Mapping, {}), f"{place}.when")
        scenario = self._read_scenario(fields)
        rule = ScenarioRule(
            when=when,
            scenario=scenario,
            times=fields.take_count("times"),
            document=dict(document) if isinstance(document, Mapping) else {},
        )
        fields.end()
        return rule

    def _read_scenario(self, fields: Fields) -> Scenario:
        end = fields.take_choice("then", ENDS, "succeed")
        if end != "fail" and (fields.has("code") or fields.has("message")):
            raise BadOrder(f"{fields.place}: code and message are for then: fail")
        code, message = fields.take_code("InternalError.Algo"), fields.take("message", str)
        scenario = Scenario(
            end=end,
            after_s=fields.take_number("after_s"),
            after_polls=fields.take_count("after_polls"),
            by_hand=fields.take("by_hand", bool, False),
            pending_s=fields.take_number("pending_s") or 0.0,
            failure=self.build_failure(code, message) if end == "fail" else None,
            lost_after_s=fields.take_number("lost_after_s") or 0.0,
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


def _read_when(document: Any, place: str) -> When:
    fields = Fields(document, place)
    when = When(
        model=fields.take("model", str),
        account=fields.take("account", str),
        label=fields.take("label", str),
        prompt=fields.take("prompt", str),
        prompt_regex=fields.take("prompt_regex", str),
        nth=fields.take_numbers("nth"),
    )
    fields.end()
    try:
        re.compile(when.prompt_regex or "")
    except re.error as error:
        raise BadOrder(f"{place}.prompt_regex is no regular expression: {error}") from error
    return when
