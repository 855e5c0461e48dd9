"""Which orphans are obsolete: tasks that no edit asks for any more, in any environment, and that
may still wait at the service, where cancelling them is free.

Wherever it is in doubt whether somebody may yet ask for a task, it is left alone: it is paid for,
and brought home like every orphan.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.config import Config, list_other_environments
from reconciler.desired.source.opening import load_project
from reconciler.errors import InvalidInput
from reconciler.formats.names import make_plain
from reconciler.formats.words import format_count
from reconciler.plan.decide import PlanOptions
from reconciler.plan.jobs import Resolved
from reconciler.planner import Pass, conclude_pass
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Attempt, State
from reconciler.state.store import Store
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.operations.approval import Tell

_KNOWN_BEFORE = (State.SUCCEEDED, State.LOST)  # of a result that may come back as it was


def find_obsolete(
    config: Config, first: Pass, store: Store, ledger: Ledger, clock: Clock, tell: Tell
) -> frozenset[str]:
    """The ids of the attempts whose tasks are obsolete by the pass that is carried out.

    What `--target` and `--exclude` leave out of it is asked for all the same. Other environments
    are read too where there is anything to cancel; one whose manifests have faults is told, and
    nothing is obsolete then.
    """
    obsolete = {
        attempt.id
        for attempt in first.plan.orphans
        if _may_wait(attempt, config) and ledger.books.environment(attempt.id) == config.environment
    }
    try:
        for current in _look_from_everywhere(config, first, store, ledger, clock):
            if not obsolete:
                break
            obsolete &= _find_unwanted(current)
    except InvalidInput as error:
        tasks = format_count(len(obsolete), "task")
        tell(
            f"warning: {tasks} that this environment asks for no more may be another one's, whose"
            f" manifests cannot be read ({make_plain(str(error.faults[0]))}). Nothing is cancelled."
        )
        return frozenset()
    return frozenset(obsolete)


def _may_wait(attempt: Attempt, config: Config) -> bool:
    """Whether the task of an orphan may wait still, and is surely ours.

    One that was adopted may be somebody else's until its prompt is told, and a task tells its
    prompt only when it has succeeded.
    """
    return (
        attempt.state is State.SUBMITTED
        and attempt.task_status == "PENDING"
        and not attempt.adopted
        and attempt.is_of(config.endpoint.name, config.account)
    )


def _look_from_everywhere(
    config: Config, first: Pass, store: Store, ledger: Ledger, clock: Clock
) -> Iterator[Pass]:
    """A pass over each environment, `first` first. Raises InvalidInput."""
    yield first
    for other in list_other_environments(config):
        desired = load_project(other, clock)
        yield conclude_pass(other, desired, store, ledger, clock, PlanOptions())


def _find_unwanted(current: Pass) -> set[str]:
    """The orphans of a pass that nobody in it may ask for again by itself.

    A suspended edit is left alone, and so is what was sent for it: whoever wakes it may well have
    put its request back.
    """
    if _may_know_more(current):
        return set()
    left_alone = {name for name, edit in current.resolved.items() if edit.wanted.edit.suspend}
    return {attempt.id for attempt in current.plan.orphans if attempt.edit not in left_alone}


def _may_know_more(current: Pass) -> bool:
    """Whether an edit waits for a video that was here before. It may come back as it was, and with
    it the key of the edit, which may be that of an orphan.
    """
    awaited = {
        name for edit in current.resolved.values() if edit.job is None for name in edit.waits_for
    }
    return any(_was_known(current, current.resolved[name]) for name in awaited)


def _was_known(current: Pass, edit: Resolved) -> bool:
    history = current.observed.history.get(edit.job.key) if edit.job is not None else None
    return history is not None and history.last.state in _KNOWN_BEFORE
