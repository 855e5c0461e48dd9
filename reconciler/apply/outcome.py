"""How steps and whole applies end. Light: imported by those who only look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.errors import (
    EXIT_ERROR,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NEEDS_PERSON,
    EXIT_OK,
    EXIT_TERMINATED,
    CutlistError,
    DiskFull,
    NotReached,
    NotTheService,
    Unauthorized,
)
from reconciler.plan.step import Action, Plan, Step

SUPERSEDED = "superseded"  # the reason of a stop after which a newer pass goes on
ABOUT_ALL = (Unauthorized, NotTheService, NotReached, DiskFull)  # errors that are not one edit's


class NotTried(CutlistError):
    """Left alone because of an earlier error that would only come again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one step ended. `billed_s` and `price` are what this run's task was billed."""

    step: Step
    error: CutlistError | None = None
    digest: str | None = None
    billed_s: float = 0.0
    price: float | None = 0.0

    @property
    def ok(self) -> bool:
        """Whether the step went well."""
        return self.error is None

    def to_json(self) -> dict[str, object]:
        """The outcome as plain data."""
        error = self.error
        words = None
        if error is not None:
            code = getattr(error, "code", "")
            words = {"code": code, "message": error.message, "hint": error.hint}
        return {
            "name": self.step.name,
            "action": self.step.action.value,
            "ok": self.ok,
            "output": self.step.output,
            "digest": self.digest,
            "billed_s": self.billed_s,
            "price": self.price,
            "error": words,
        }

    def after(self, earlier: Outcome | None) -> Outcome:
        """The same, with what the edit's `earlier` outcome of this run was billed: what came of a
        paid task stays so, though a later pass has written another result.

        A task that the edit does not ask for any more has a key of its own. It counts in the bill;
        what is told is how the edit ended, or what failed.
        """
        if earlier is None or not earlier.billed_s:
            return self
        told = self
        if earlier.step.key == self.step.key:
            told = replace(self, step=earlier.step) if self.ok else self
        elif self.ok and not self.step.output:
            told = earlier
        unknown = self.price is None or earlier.price is None
        return replace(
            told,
            billed_s=round(self.billed_s + earlier.billed_s, 2),
            price=None if unknown else round((self.price or 0.0) + (earlier.price or 0.0), 4),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """How an apply ended. `outcomes` holds the last outcome of every edit that was worked on."""

    plan: Plan  # what was agreed to
    left: Plan  # what a plan says now
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    elapsed_s: float = 0.0
    in_flight: tuple[str, ...] = ()  # tasks that go on at the service after an interruption
    stopped_by: str = ""  # the signal that ended it, or SUPERSEDED
    cancelled: tuple[str, ...] = ()  # tasks that no edit asked for any more, cancelled for nothing

    def done(self, action: Action) -> int:
        """How many steps of an action went well."""
        return sum(
            1 for outcome in self.outcomes.values() if outcome.ok and outcome.step.action is action
        )

    @property
    def superseded(self) -> bool:
        """Whether it was ended because people ask for something else by now."""
        return self.stopped_by == SUPERSEDED

    @property
    def failures(self) -> Sequence[Outcome]:
        return [outcome for outcome in self.outcomes.values() if not outcome.ok]

    @property
    def blocked(self) -> Sequence[Step]:
        """What no further run of the same command will change."""
        return list(self.left.by_action(Action.BLOCKED))

    @property
    def unsettled(self) -> Sequence[Step]:
        """What was sent, and nobody could be asked yet whether it arrived; the next run asks."""
        return list(self.left.by_action(Action.SETTLE))

    @property
    def billed_s(self) -> float:
        return round(sum(outcome.billed_s for outcome in self.outcomes.values()), 2)

    @property
    def price(self) -> float | None:
        """What the run was billed; None when a price is not known."""
        prices = [outcome.price for outcome in self.outcomes.values()]
        return None if None in prices else round(sum(price or 0.0 for price in prices), 4)

    @property
    def exit_code(self) -> int:
        """0; 1 for what concerns everything (ABOUT_ALL); 4 failed jobs; 5 needs a person;
        130, 143.
        """
        if self.stopped_by and not self.superseded:
            return EXIT_TERMINATED if self.stopped_by == "SIGTERM" else EXIT_INTERRUPTED
        errors = [outcome.error for outcome in self.failures if outcome.error is not None]
        if any(isinstance(error, ABOUT_ALL) for error in errors):
            return EXIT_ERROR
        if (
            self.left.strays
            or self.left.undecided
            or any(step.needs_person for step in self.blocked)
            or any(e.exit_code == EXIT_NEEDS_PERSON for e in errors)
        ):
            return EXIT_NEEDS_PERSON
        return EXIT_FAILED if errors or self.blocked or self.unsettled else EXIT_OK

    def to_json(self) -> dict[str, object]:
        """The report as plain data: the last line of `cutlist apply --json`."""
        outcomes = sorted(self.outcomes.values(), key=lambda outcome: outcome.step.name)
        return {
            "rendered": self.done(Action.RENDER),
            "resumed": self.done(Action.RESUME),
            "written": self.done(Action.WRITE),
            "pruned": self.done(Action.PRUNE),
            "terraform": {
                "add": self.done(Action.RENDER),
                "change": self.done(Action.WRITE),
                "destroy": self.done(Action.PRUNE),
            },
            "failed": len(self.failures),
            "blocked": len(self.blocked),
            "billed_s": self.billed_s,
            "price": self.price,
            "currency": self.plan.currency or None,
            "in_flight": list(self.in_flight),
            "cancelled": list(self.cancelled),
            "stopped_by": self.stopped_by or None,
            "exit_code": self.exit_code,
            "edits": [outcome.to_json() for outcome in outcomes],
        }


class Stop:
    """A wish to end early, made by a signal handler or a newer pass, and heard by whoever waits."""

    def __init__(self) -> None:
        import asyncio  # lazy: start-up time

        self._event = asyncio.Event()
        self.reason = ""

    def request(self, reason: str) -> None:
        """Ask to stop; `reason` is the name of the signal, or SUPERSEDED."""
        self.reason = self.reason or reason
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
