"""An answer that names its task after the request was given up: the task is paid, so it becomes its
job's where that has no other, and else it stays a stray, which asks until a person has seen it.
"""

from __future__ import annotations

from reconciler.apply.context import Context
from reconciler.state.ledger import AlreadyOpen, MovedOn
from reconciler.state.observed import Attempt, State


def follow_late(context: Context, attempt: Attempt, task_id: str) -> str:
    """The attempt by which the task is followed that an answer named for `attempt`, which had moved
    on by then; the ledger knows the task. Raises MovedOn, with what is to be done, where nobody
    follows it.
    """
    ledger = context.ledger
    owner = ledger.owner(task_id)
    if owner is not None:
        if ledger.attempt(owner, now=context.clock.now()).key == attempt.key:
            return owner
        raise MovedOn(f"the task {task_id} belongs to another request by now.")
    state = ledger.attempt(attempt.id, now=context.clock.now()).state
    if state is State.ABANDONED:
        raise _tell_stray(task_id, "was given up by a person")
    new_id = context.clock.new_id()
    try:
        ledger.strays.adopt(task_id, new_id, at=context.clock.now())
    except AlreadyOpen:
        raise _tell_stray(task_id, "has another task by now, or its result") from None
    return new_id


def _tell_stray(task_id: str, why: str) -> MovedOn:
    return MovedOn(
        f"the answer that names the task {task_id} came late: its job {why}.",
        hint="It is paid, and kept as a stray; see cutlist status.",
    )
