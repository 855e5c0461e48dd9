"""The takes of an edit: the results that it has had, numbered from 1 in the order in which they
were stored. Pure.

Its takes are what was rendered for it, whatever it asked for then; what is stored for what it asks
for now; and what somebody picked for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.errors import UsageError
from reconciler.plan.jobs import Resolved
from reconciler.plan.step import Cost, Step, add_up_costs
from reconciler.state.observed import Pin, Result

TAKES_VERSION = 1


@dataclass(frozen=True, slots=True)
class Take:
    """One result that an edit has had."""

    number: int
    result: Result
    billed_s: float  # the seconds that were billed for it
    price: float | None  # what they cost, in the currency of the prices; None: not known here
    is_current: bool  # whether it is the one that counts now
    is_of_present_request: bool
    is_stored: bool  # False: its record is there, and its video is not
    output: str | None = None  # the output that has its bytes now

    @property
    def prompt(self) -> str:
        """The prompt that it was made by."""
        sent = self.result.job.get("input")
        return str(sent.get("prompt", "")) if isinstance(sent, Mapping) else ""

    @property
    def seed(self) -> object:
        """The seed that its request named; None where it named none."""
        parameters = self.result.job.get("parameters")
        return parameters.get("seed") if isinstance(parameters, Mapping) else None

    def to_json(self) -> dict[str, object]:
        """The take for programs."""
        result = self.result
        return {
            "number": self.number,
            "digest": result.digest,
            "key": result.key,
            "stored_at": result.stored_at,
            "size_bytes": result.size_bytes,
            "width": result.width,
            "height": result.height,
            "duration_s": result.duration_s,
            "billed_s": self.billed_s,
            "price": self.price,
            "seed": self.seed,
            "prompt": self.prompt,
            "request": {name: part for name, part in result.job.items() if name != "v"},
            "task_id": result.task.get("task_id"),
            "imported": result.by_hand,
            "commit": result.commit or None,
            "author": result.author or None,
            "approved_by": result.approved_by or None,
            "current": self.is_current,
            "made_by_present_request": self.is_of_present_request,
            "stored": self.is_stored,
            "output": self.output,
        }


@dataclass(frozen=True, slots=True)
class TakeList:
    """All takes of an edit. `mark` tells this state of the lock file from any other."""

    name: str
    place: str
    output: str
    realm: str
    currency: str
    mark: str
    takes: tuple[Take, ...]

    def to_json(self) -> dict[str, object]:
        """The takes for programs."""
        return {
            "version": TAKES_VERSION,
            "name": self.name,
            "place": self.place,
            "output": self.output,
            "realm": self.realm,
            "currency": self.currency or None,
            "lock": self.mark or None,
            "takes": [take.to_json() for take in self.takes],
        }

    def choose(self, number: int | None) -> Take:
        """The take of that number, or the one that counts now. Raises UsageError where there is
        none.
        """
        way = f"`cutlist takes {self.name}` lists them."
        if not self.takes:
            raise UsageError(
                f"{self.name} has no take yet.", hint="`cutlist plan` says what it waits for."
            )
        for take in self.takes:
            if take.number == number or (number is None and take.is_current):
                return take
        if number is None:
            raise UsageError(
                f"{self.name} has no result for what it asks for now.",
                hint=f"Name one of its takes with --take. {way}",
            )
        has = f"takes 1 to {len(self.takes)}" if len(self.takes) > 1 else "one take, 1"
        raise UsageError(f"{self.name} has no take {number}: it has {has}.", hint=way)


@dataclass(frozen=True, slots=True)
class Pick:
    """What a pick did, and what it would have rendered that builds on the edit."""

    name: str
    take: Take
    output: str
    reason: str  # `picked: take 2, of an earlier prompt`; empty for a take of the present request
    is_new: bool  # whether the lock file said something else before
    is_written: bool  # whether the output was written now
    realm: str
    lock: str  # the lock file that has it
    mark: str  # what tells its state from any other
    currency: str
    downstream: Sequence[Step]  # that would be rendered by the next apply

    @property
    def cost(self) -> Cost:
        """What the next apply would cost for what builds on the edit."""
        return add_up_costs([step.cost for step in self.downstream])

    def to_json(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "name": self.name,
            "take": self.take.number,
            "digest": self.take.result.digest,
            "output": self.output,
            "reason": self.reason,
            "changed": self.is_new,
            "written": self.is_written,
            "realm": self.realm,
            "lock": self.mark,
            "currency": self.currency or None,
            "downstream": [
                {
                    "name": step.name,
                    "action": step.action.value,
                    "billable_s": step.cost.billable_s,
                    "price": step.cost.price,
                }
                for step in self.downstream
            ],
        }


def list_keys(edit: Resolved, pin: Pin | None = None) -> frozenset[str]:
    """The keys under which takes of an edit lie besides those that were rendered for it. `pin` is
    its entry of the lock file, whose result may be gone.
    """
    keys = {edit.job.key} if edit.job is not None else set()
    if edit.result is not None:
        keys.add(edit.result.key)
    if pin is not None:
        keys.add(pin.stored_under)
    return frozenset(keys)


def select_takes(name: str, keys: Collection[str], recorded: Iterable[Result]) -> list[Result]:
    """Those of `recorded` that are takes of an edit, by their numbers."""
    own = [result for result in recorded if result.edit == name or result.key in keys]
    return sorted(own, key=lambda result: (result.stored_at, result.digest, result.key))
