"""A person who has the vendor's console at hand, and decides what the program leaves to them."""

from __future__ import annotations

from collections import Counter

from reconciler import Project
from reconciler.apply.outcome import Report
from reconciler.plan.step import Step
from reconciler.state.observed import State
from tests.simulation.network import Network


class Person:
    """Adopts the task that the console shows to be it, has sent again what is not there, lets
    strays be.
    """

    def __init__(self, network: Network, counters: Counter[str]) -> None:
        self._network, self._counters = network, counters
        self.strays: set[str] = set()  # task ids that were reported as strays
        self.forgotten: set[str] = set()  # of ours, when they said --retry and knew it

    @property
    def told(self) -> set[str]:
        """Tasks that they know of beside the ledger."""
        return self.strays | self.forgotten

    def decide(self, project: Project, report: Report) -> None:
        """Decide what a report leaves open; one undecided request at a time, for two edits may
        share one.
        """
        for stray in report.left.strays:
            self._counters["stray"] += 1
            self.strays.add(stray.task_id)
            project.resolve(stray.task_id)
        for step in report.blocked:
            if step.needs_person and step.attempt_id and "not certain" in step.reason:
                self._counters["undecided"] += 1
                self._decide_step(project, step)
                return
        for orphan in report.left.undecided:
            self._counters["undecided"] += 1
            mine = self._on_the_console(project, orphan.id)
            # another clone may ask for it
            project.resolve(orphan.key, adopt=mine[0] if mine else None, retry=not mine)

    def _decide_step(self, project: Project, step: Step) -> None:
        assert step.attempt_id is not None
        mine = self._on_the_console(project, step.attempt_id)
        command = step.details[-1].split()  # … cutlist resolve EDIT --adopt …
        project.resolve(
            command[command.index("resolve") + 1],
            adopt=mine[0] if mine else None,
            retry=not mine,
        )

    def _on_the_console(self, project: Project, attempt_id: str) -> list[str]:
        """The tasks that may be an attempt's: its own where it has one, else those of its prompt
        that the ledger does not know; as far as the service still knows them.
        """
        unknown = self._network.prompts.keys() - known_tasks(project)
        still_there = {task for task in unknown if self._network.still_knows(task)}
        # the service has forgotten it: whoever says --retry now pays again, and knows it
        self.forgotten |= unknown - still_there
        own, prompt = _asked_in(project, attempt_id)
        if own is not None:
            return [own] if own in still_there else []
        mine = [task for task in still_there if self._network.prompts[task] == prompt]
        mine.sort(key=lambda task: (task in self.strays, task))
        return mine


def _asked_in(project: Project, attempt_id: str) -> tuple[str | None, str | None]:
    """(its task, its prompt) of an attempt."""
    with project._workspace.open_for_reading() as ledger:
        assert ledger is not None
        task_id = ledger.attempt(attempt_id, now=project.clock.now()).task_id
        return task_id, ledger.intent(attempt_id).prompt


def known_tasks(project: Project) -> set[str]:
    """Every task id that the ledger has linked to an attempt, and that is not in question."""
    with project._workspace.open_for_reading() as ledger:
        entries = ledger.books.entries() if ledger is not None else ()
    sure = (each for each in entries if not each.stray and each.state is not State.UNDECIDED)
    return {each.task_id for each in sure if each.task_id}
