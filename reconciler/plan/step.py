"""Kinds of step, their symbols, and the plan: a sorted, frozen, serialisable value. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import overload

from reconciler.errors import Place
from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.formats.values import value
from reconciler.state.observed import Attempt, State, Stray

PLAN_VERSION = 1
_MOST_FOLLOWERS = 5  # names of edits that wait for one, before they are cut short


class Action(StrEnum):
    """What is to be done for one edit, in the order in which people read it."""

    RENDER = "render"  # nothing in the store: a paid task
    RESUME = "resume"  # a task is in flight, or ended and not collected: free from here on
    SETTLE = "settle"  # sent, answer unknown: ask before anything else
    WRITE = "write"  # the file is missing or differs; the result is in the store: free
    PRUNE = "prune"  # an output that no manifest asks for any more
    WAIT = "wait"  # depends on an edit that comes first
    BLOCKED = "blocked"  # needs a person
    KEEP = "keep"


SYMBOLS: Mapping[Action, str] = {
    Action.RENDER: "+",
    Action.RESUME: ">",
    Action.SETTLE: "?",
    Action.WRITE: "~",
    Action.PRUNE: "-",
    Action.WAIT: ".",
    Action.BLOCKED: "!",
    Action.KEEP: " ",
}


@value(frozen=True, slots=True)
class Cost:
    """What a step spends. `price` is None when the project file names no price for it; `why` says
    so then.
    """

    billable_s: float
    price: float | None
    # inputs whose length nobody here knows, counted at the longest that is legal
    unknown_inputs: int = 0
    why: str = ""
    priced_part: float = 0.0  # of a sum without a price: what of it has one

    @property
    def known_price(self) -> float:
        """The price, or of a sum that has none, of what has one: it costs at least so much."""
        return self.priced_part if self.price is None else self.price

    @property
    def price_reason(self) -> str | None:
        """Why the price is null, for programs; None where it is known."""
        return None if self.price is not None else f"not known here: {self.why}"

    def to_json(self) -> dict[str, object]:
        """What one step or one change costs, for programs."""
        return {
            "billable_s": self.billable_s,
            "price": self.price,
            "price_reason": self.price_reason,
            "unknown_inputs": self.unknown_inputs,
        }


FREE = Cost(0.0, 0.0)


@value(frozen=True, slots=True)
class Step:
    """What happens to one edit, or to an output that no edit asks for any more, and why."""

    name: str
    action: Action
    reason: str
    output: str
    place: Place
    key: str | None = None  # None: known only after an upstream edit has its result
    details: tuple[str, ...] = ()  # further lines for people: old and new values, what to do
    cost: Cost = FREE
    digest: str | None = None  # of the result, where there is one
    attempt_id: str | None = None
    task_id: str | None = None
    paid_by: str | None = None  # another edit with the same job, which pays for both
    needs_person: bool = False  # blocked until somebody decides
    repay: bool = False  # blocked, because going on would mean paying again
    # waits for what gets no result in an apply of its plan: its cost is told, and not counted
    stuck: bool = False
    billed_at_end: bool = False  # in flight: submitted already, billed when it succeeds
    loses: str | None = None  # the attempt that is given up for lost when this one is paid again
    replaces: str | None = None  # digest of the file at the output that may be overwritten
    since: float | None = None  # seconds since 1970: when it came to be so, where that is known
    collect_by: float | None = None  # until when the service still has what its task made
    protect: bool = False  # its output is never pruned
    after: str | None = None  # pruned only once this edit has its output
    builds_on: tuple[str, ...] = ()  # the edits whose outputs are its inputs

    @property
    def may_pay(self) -> bool:
        """Whether an apply of its plan may send a task for it."""
        waits = self.action is Action.WAIT and not self.stuck
        return waits or self.action in (Action.RENDER, Action.RESUME, Action.SETTLE)

    @property
    def of_edit(self) -> bool:
        """Whether it is about an edit. The others are about an output that no edit asks for any
        more.
        """
        return not self.name.startswith(_HERE)

    def to_json(self, followers: str | None = None) -> dict[str, object]:
        """The step for programs. `followers`, which edits wait for it, ends its details."""
        return {
            "name": self.name,
            "action": self.action.value,
            "reason": self.reason,
            "details": [*self.details, *([followers] if followers else [])],
            "builds_on": list(self.builds_on),
            "key": self.key,
            "output": self.output,
            "place": str(self.place),
            "digest": self.digest,
            "task_id": self.task_id,
            "paid_by": self.paid_by,
            "stuck": self.stuck,
            "cost": self.cost.to_json(),
        }


_HERE = "./"


def name_prune(output: str) -> str:
    """What the step of an output that no edit asks for is called: `./` and its path.

    The name of an edit begins with a letter or a digit, and an edit may be called `a.mp4`.
    """
    return f"{_HERE}{output}"


class Steps(Sequence[Step]):
    """The steps of a plan, sorted by name, outputs to prune last. Those of settled edits are built
    by `build` when somebody first asks for them: `unsettled` are the others, and `settled` the
    names.
    """

    def __init__(
        self, unsettled: Sequence[Step], settled: Collection[str], build: Callable[[str], Step]
    ) -> None:
        self.unsettled = unsettled
        self.settled = settled
        self._build = build

    @cached_property
    def _all(self) -> tuple[Step, ...]:
        edits = [step for step in self.unsettled if step.of_edit]
        edits += map(self._build, self.settled)
        prunes = (step for step in self.unsettled if not step.of_edit)
        return (*sorted(edits, key=lambda step: step.name), *prunes)

    def __len__(self) -> int:
        return len(self.unsettled) + len(self.settled)

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, index: int | slice) -> Step | tuple[Step, ...]:
        return self._all[index]

    def __iter__(self) -> Iterator[Step]:
        return iter(self._all)

    def __eq__(self, other: object) -> bool:
        return self._all == tuple(other) if isinstance(other, Steps | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return repr(self._all)


@value(frozen=True, slots=True)
class Plan:
    """The steps from what is to what is asked, sorted by name, outputs to prune last;
    plain data.
    """

    steps: Sequence[Step]
    realm: str
    account: str
    endpoint: str
    currency: str
    notes: tuple[str, ...] = ()  # what people should know besides: warnings, damage
    unpriced: tuple[str, ...] = ()  # models (and tiers) of work whose price is not known
    strays: tuple[Stray, ...] = ()  # paid tasks that nobody waits for, until a person answers
    # at the service, of requests that no edit stands for any more
    orphans: tuple[Attempt, ...] = ()
    left_out: int = 0  # edits without a step, by --target, --exclude or --refresh-only
    environment: str = NO_ENVIRONMENT

    @property
    def undecided(self) -> tuple[Attempt, ...]:
        """The orphans of which only a person can tell whether they reached the service."""
        return tuple(orphan for orphan in self.orphans if orphan.state is State.UNDECIDED)

    @property
    def unsettled(self) -> Sequence[Step]:
        """The steps without those of settled edits, for which there is nothing to do: of so many
        edits, these are built only for who asks for all `steps`.
        """
        return self.steps.unsettled if isinstance(self.steps, Steps) else self.steps

    @property
    def names(self) -> frozenset[str]:
        """The names of all steps."""
        settled = self.steps.settled if isinstance(self.steps, Steps) else ()
        return frozenset(settled).union(step.name for step in self.unsettled)

    def by_action(self, *actions: Action) -> Iterator[Step]:
        """The steps of some actions."""
        steps = self.steps if Action.KEEP in actions else self.unsettled
        return (step for step in steps if step.action in actions)

    @property
    def summary(self) -> Mapping[str, int]:
        """How many steps are of each action; `render` counts edits, two of which may share one paid
        job.
        """
        counts = Counter(step.action for step in self.unsettled)
        counts[Action.KEEP] += len(self.steps) - len(self.unsettled)
        return {action.value: counts[action] for action in Action}

    @property
    def changes(self) -> bool:
        """Whether any count other than `keep` is not zero."""
        return any(step.action is not Action.KEEP for step in self.unsettled)

    @property
    def may_pay(self) -> bool:
        """Whether an apply of it may send a task."""
        return any(step.may_pay for step in self.unsettled)

    def total(self, *actions: Action) -> Cost:
        """The cost of all steps of these actions that are not stuck. A price is None when one of
        them has none.
        """
        return add_up_costs([step.cost for step in self.by_action(*actions) if not step.stuck])

    @property
    def held_up(self) -> Cost:
        """What this plan does not spend, and would, were it not for what is blocked."""
        return add_up_costs([step.cost for step in self.unsettled if step.stuck or step.repay])

    def describe_followers(self) -> Mapping[str, str]:
        """By the name of every edit that is rendered: which edits wait for it and are rendered
        after it, in words.
        """
        below: dict[str, list[str]] = {}
        for step in self.by_action(Action.WAIT):
            for upstream in step.builds_on:
                below.setdefault(upstream, []).append(step.name)
        words = {}
        for step in self.by_action(Action.RENDER):
            names = _find_followers(step.name, below)
            if names:
                more = " and more" if len(names) > _MOST_FOLLOWERS else ""
                verbs = "builds on it and follows" if len(names) == 1 else "build on it and follow"
                words[step.name] = f"{', '.join(names[:_MOST_FOLLOWERS])}{more} {verbs}"
        return words

    def describe_details(self, step: Step) -> tuple[str, ...]:
        """The details of a step, and what follows it, for a reader who does not see the chain."""
        followers = self.describe_followers().get(step.name)
        return (*step.details, *([followers] if followers else []))

    def to_json(self) -> dict[str, object]:
        """The plan for programs (schemas/plan.schema.json)."""
        summary, followers = self.summary, self.describe_followers()
        return {
            "version": PLAN_VERSION,
            "realm": self.realm,
            "account": self.account,
            "endpoint": self.endpoint,
            "environment": self.environment,
            "summary": {action.value: summary[action.value] for action in Action},
            "left_out": self.left_out,
            "terraform": {
                "add": summary["render"] + summary["wait"],
                "change": summary["write"],
                "destroy": summary["prune"],
            },
            "cost": self.cost_to_json(),
            "steps": [step.to_json(followers.get(step.name)) for step in self.steps],
            "notes": list(self.notes),
            "strays": [
                {"task_id": stray.task_id, "name": stray.edit, "status": stray.status}
                for stray in self.strays
            ],
        }

    def cost_to_json(self) -> dict[str, object]:
        """What the steps cost for programs: those of now, and with those that wait."""
        now, at_most = self.total(Action.RENDER), self.total(Action.RENDER, Action.WAIT)
        return {
            "billable_s": now.billable_s,
            "price": now.price,
            "known_price": now.known_price,
            "at_most_billable_s": at_most.billable_s,
            "at_most_price": at_most.price,
            "at_most_known_price": at_most.known_price,
            "price_reason": at_most.price_reason,
            "held_up_billable_s": self.held_up.billable_s,
            "held_up_price": self.held_up.price,
            "unknown_inputs": at_most.unknown_inputs,
            "currency": self.currency or None,
        }


def add_up_costs(costs: Sequence[Cost]) -> Cost:
    """The sum of costs."""
    priced = all(cost.price is not None for cost in costs)
    return Cost(
        billable_s=round(float(sum(cost.billable_s for cost in costs)), 2),
        price=round(sum(cost.price or 0.0 for cost in costs), 4) if priced else None,
        unknown_inputs=sum(cost.unknown_inputs for cost in costs),
        why="; ".join(dict.fromkeys(cost.why for cost in costs if cost.why)),
        priced_part=0.0 if priced else round(sum(cost.known_price for cost in costs), 4),
    )


def _find_followers(name: str, below: Mapping[str, Sequence[str]]) -> list[str]:
    """The nearest edits below one, at most one more than are named."""
    followers: dict[str, None] = {}
    waiting = [*below.get(name, ())]
    while waiting and len(followers) <= _MOST_FOLLOWERS:
        follower = waiting.pop(0)
        if follower not in followers:
            followers[follower] = None
            waiting += below.get(follower, ())[: _MOST_FOLLOWERS + 1]
    return list(followers)
