"""Bad controllers, put in place by the tests alone: the simulation must catch each."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest

from reconciler.config import build_committed_config
from reconciler.controller import checkout, passes
from reconciler.controller.controller import Controller
from reconciler.controller.documents import Sync
from reconciler.controller.guard import Guarded
from reconciler.controller.passes import SyncPass
from reconciler.controller.queue import WorkQueue
from reconciler.controller.running import RunningPass
from reconciler.operations import obsolete
from reconciler.state.observed import State
from reconciler.system.git.revisions import Revision
from tests.simulation.mutants import is_broken, refusal_is_a_yes
from tests.simulation.sync.mirror import MemoryMirror
from tests.simulation.sync.play import run
from tests.simulation.sync.world import SyncWorld

Mutant = Callable[[pytest.MonkeyPatch], None]
WITHIN = 60  # seeds that must catch each


def caught(mutant: Mutant, seed: int) -> bool:
    """Whether with the bad controller a promise is broken, or nothing goes on."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        return is_broken(run(seed).broken)


def superseded_goes_on_paying(patch: pytest.MonkeyPatch) -> None:
    """A pass is carried out to its end, whatever is pushed meanwhile."""
    patch.setattr(RunningPass, "_is_superseded", lambda self: False)


def running_is_cancelled(patch: pytest.MonkeyPatch) -> None:
    """What nobody asks for any more counts as cancelled, also where it runs."""
    may_wait = lambda attempt, _config: attempt.state is State.SUBMITTED  # noqa: E731
    patch.setattr(obsolete, "_may_wait", may_wait)
    refusal_is_a_yes(patch)


def own_commit_starts_a_pass(patch: pytest.MonkeyPatch) -> None:
    """The lock file that came back is taken for something new."""
    patch.setattr(passes, "is_only_own", lambda _checkout, _old, _new: False)


def webhook_is_believed(patch: pytest.MonkeyPatch) -> None:
    """The branch is where the last webhook says it is."""
    find_ref, fetch = MemoryMirror.find_ref, MemoryMirror.fetch_revision
    said: dict[str, str] = {}
    take_hint = SyncWorld.take_hint

    def believe(self: SyncWorld, hint: Any, commit: str) -> None:
        said[""] = commit
        take_hint(self, hint, commit)

    def find_believed(self: MemoryMirror, name: str) -> tuple[str, str]:
        ref, commit = find_ref(self, name)
        return ref, said.get("", commit)

    def fetch_believed(self: MemoryMirror, ref: str, depth: int = 1) -> Revision:
        revision = fetch(self, ref, depth)
        if not said:
            return revision
        self.fetch_commit(said[""])
        return Revision(ref, said[""])

    patch.setattr(SyncWorld, "take_hint", believe)
    patch.setattr(MemoryMirror, "find_ref", find_believed)
    patch.setattr(MemoryMirror, "fetch_revision", fetch_believed)


def repository_raises_its_budget(patch: pytest.MonkeyPatch) -> None:
    """Ceilings and prices are those of the commit."""
    guard = checkout.guard_config

    def believe(sync: Sync, *rest: Any) -> Guarded:
        guarded = guard(sync, *rest)
        asked = build_committed_config(
            guarded.config.document,
            rest[2],
            endpoint=guarded.config.endpoint,
            environment=guarded.config.environment,
            outputs=rest[0].outputs,
            home=rest[0].home,
            lock_dir=rest[3],
            variables=rest[4],
            name=sync.name,
        )
        config = replace(guarded.config, budget=asked.budget, prices=asked.prices)
        return replace(guarded, config=config)

    patch.setattr(checkout, "guard_config", believe)


def consent_is_kept(patch: pytest.MonkeyPatch) -> None:
    """A yes is good for whatever plan there is by then."""
    find = SyncPass._find_waiting_plan

    def find_agreed(self: SyncPass, project: Any) -> Any:
        waiting, _ = find(self, project)
        return waiting, self._memory.consent is not None

    patch.setattr(SyncPass, "_find_waiting_plan", find_agreed)


def failure_ends_the_loop(patch: pytest.MonkeyPatch) -> None:
    """A fault in one pass is everybody's."""
    work, start = Controller._work_on, Controller._start
    broken: dict[Controller, Exception] = {}

    async def work_on(self: Controller, entry: Any, reasons: Collection[str]) -> None:
        def tell(_entry: Any, error: Exception) -> None:
            broken[self] = error

        self._tell_fault = tell  # type: ignore[method-assign]
        await work(self, entry, reasons)

    def start_unless_broken(self: Controller, name: str, reasons: Collection[str]) -> None:
        if self in broken:
            raise broken[self]
        start(self, name, reasons)

    patch.setattr(Controller, "_work_on", work_on)
    patch.setattr(Controller, "_start", start_unless_broken)


def two_passes_at_once(patch: pytest.MonkeyPatch) -> None:
    """Whoever is due begins, also while a pass over the same Sync is at work."""
    take = WorkQueue.take

    def take_any(self: WorkQueue, now: float) -> tuple[str, frozenset[str]] | None:
        self._at_work.clear()
        return take(self, now)

    patch.setattr(WorkQueue, "take", take_any)


MUTANTS: dict[str, Mutant] = {
    mutant.__name__: mutant
    for mutant in (
        superseded_goes_on_paying,
        running_is_cancelled,
        own_commit_starts_a_pass,
        webhook_is_believed,
        repository_raises_its_budget,
        consent_is_kept,
        failure_ends_the_loop,
        two_passes_at_once,
    )
}
