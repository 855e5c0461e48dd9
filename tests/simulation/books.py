"""The ledger's books, judged by the server's bill: nothing that was billed is left out, nothing is
counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler import Project
from reconciler.history.spending import Sum, add_up, add_up_spending
from reconciler.service.model_files import load_models
from reconciler.state.booked import Entry, Holding
from reconciler.state.observed import OPEN, State
from tests.simulation.world import World

MODELS = load_models()
_ROUNDING_S = 0.01
_PAID = (State.SUCCEEDED, State.LOST)


@dataclass(frozen=True)
class Books:
    """What the ledger of a run holds at one moment, beside what the server billed by then."""

    entries: Sequence[Entry]
    holdings: Sequence[Holding]
    billed_s: Mapping[str, float]  # by task, also those of others
    foreign: Collection[str]  # tasks of others
    stored: Collection[str] = ()  # tasks whose video is had, whether or not the ledger knows yet

    def faults(self, excused: Collection[str]) -> Iterator[str]:
        """What is wrong at any moment. `excused` are tasks that a person, or the network, hid from
        the ledger.
        """
        known = Counter(each.task_id for each in self.entries if each.task_id)
        yield from (f"{task} is counted twice" for task, count in known.items() if count > 1)
        yield from (
            f"a request of {each.edit} has no booking"
            for each in self.entries
            if each.booking is None
        )
        for each in self.entries:
            if each.task_id in self.foreign:
                continue  # it is not known here how long the film of somebody else is
            if self._billed(each) > spent_on([each]).billable_s + _ROUNDING_S:
                yield f"{each.task_id} of {each.edit} was billed, and is not counted as spent"
        mine = self.billed_s.keys() - self.foreign - (set(excused) - known.keys())
        billed_s, spent = (
            [self.billed_s[task] for task in mine if self.billed_s[task]],
            spent_on(self.entries),
        )
        if len(billed_s) > spent.count or sum(billed_s) > spent.billable_s + _ROUNDING_S:
            yield f"{len(billed_s)} tasks were billed, and {spent.count} are counted as spent"
        yield from self._holding_faults()

    def _holding_faults(self) -> Iterator[str]:
        """One payment stands for one holding, and one change for one."""
        last: dict[tuple[str, str], str] = {}
        for each in self.holdings:
            if last.get((each.edit, each.environment)) == each.key:
                yield f"{each.edit} was noted to have another result, and had the same"
            last[each.edit, each.environment] = each.key
        paid = Counter(
            (each.edit, each.key)
            for each in self.entries
            if not each.stray and (each.state in _PAID or each.task_id in self.stored)
        )
        held = Counter((each.edit, each.key) for each in self.holdings if not each.reused)
        yield from (f"{edit} holds what was not paid for it" for edit, _ in held - paid)

    def final_faults(self) -> Iterator[str]:
        """What is wrong once nothing is open any more: what the ledger knows to the second is the
        server's bill.
        """
        yield from (
            f"a request of {each.edit} is still open" for each in self.entries if each.state in OPEN
        )
        sure = [each for each in self.entries if each.usage]
        if abs(spent_on(sure).billable_s - sum(map(self._billed, sure))) > _ROUNDING_S:
            yield "what is counted as spent is not what was billed"

    def _billed(self, entry: Entry) -> float:
        return self.billed_s.get(entry.task_id or "", 0.0)


def spent_on(entries: Sequence[Entry]) -> Sum:
    """What counts as spent on them."""
    added_up = add_up_spending(
        entries, (), in_use=(), models=MODELS, price_per_second=lambda *_: None, currency=""
    )
    return add_up(added_up.paid)


def books(world: World, project: Project) -> Books:
    """The books of a run, as they are on its disk."""
    billed_s = {task["task_id"]: task["billed_s"] for task in world.server.bill()["tasks"]}
    with project._workspace.open_for_reading() as ledger:
        if ledger is None:
            return Books((), (), billed_s, world.network.foreign)
        return Books(
            ledger.books.entries(), ledger.books.holdings(), billed_s, world.network.foreign
        )


def judge_books(world: World, *, final: bool = False) -> None:
    """Write down what is wrong with the books now. A task that the network held back too long is no
    fault of theirs.
    """
    project = world.open_project()
    seen = books(world, project)
    excused = set(seen.billed_s) if world.kind.edge else world.person.told
    world.miscounted += [*seen.faults(excused), *(seen.final_faults() if final else ())]
