"""`cutlist resolve`: a person's word on what only a person can tell.

Two things wait for it: requests that are UNDECIDED (nobody can tell whether they reached the
service), and strays (tasks of the account that may be answers to a request).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler.errors import UsageError
from reconciler.state.ledger import AlreadyOpen, Ledger
from reconciler.state.observed import Attempt, State, Stray
from reconciler.system.clock import Clock

_TASK_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LEAST_OF_A_KEY = 8  # characters that name a request by its key: fewer may be a slip


def resolve_request(
    ledger: Ledger, clock: Clock, name: str, *, adopt: str | None, retry: bool
) -> str:
    """Carry out a decision, and say in words what was done. `name` is an edit's name, the
    beginning of a key, or a task id.

    `adopt` names the task that is the request's, `retry` sends it again; otherwise it is given up.
    Raises UsageError when nothing, or more than one thing, waits for a decision about `name`.
    """
    if adopt is not None:
        check_task_id(adopt)
    now = clock.now()
    undecided = _find_undecided(ledger, now)
    unanswered = ledger.strays.unanswered()
    attempts = _choose(undecided, name)
    strays = [
        stray
        for stray in unanswered
        if name in (stray.edit, stray.task_id) or _names_key(stray.key, name)
    ]
    if len(attempts) == 1:
        return _resolve_attempt(ledger, now, attempts[0], adopt, retry)
    if strays and not attempts:
        return _resolve_strays(ledger, clock, strays, adopt, retry)
    if not attempts:  # of a job that this project shares with another one
        attempts = _choose(_find_undecided(ledger, now, of_all_projects=True), name)
        if len(attempts) == 1:
            return _resolve_attempt(ledger, now, attempts[0], adopt, retry)
    if attempts:
        keys = " or ".join(sorted(attempt.key[:12] for attempt in attempts))
        raise UsageError(
            f"{name} has {len(attempts)} undecided requests.",
            hint=f"Say which, by its key: {keys}.",
        )
    waiting = {attempt.edit for attempt in undecided} | {stray.edit for stray in unanswered}
    hint = "Nothing waits for a decision."
    if waiting:
        hint = f"Waiting for a decision: {', '.join(sorted(waiting))}."
    raise UsageError(f"{name} names no undecided request.", hint=hint)


def _find_undecided(
    ledger: Ledger, now: float, *, of_all_projects: bool = False
) -> Sequence[Attempt]:
    open_ = ledger.find_open_attempts(now=now, of_all_projects=of_all_projects)
    return [attempt for attempt in open_ if attempt.state is State.UNDECIDED]


def _choose(attempts: Sequence[Attempt], name: str) -> Sequence[Attempt]:
    return [each for each in attempts if name == each.edit or _names_key(each.key, name)]


def _names_key(key: str, text: str) -> bool:
    """Whether `text` is enough of a key to mean it."""
    return len(text) >= LEAST_OF_A_KEY and key.startswith(text)


def check_task_id(text: str) -> None:
    """Raises UsageError for what is no task id."""
    if not _TASK_ID.fullmatch(text):
        raise UsageError(
            f"{text} is no task id; the service's look like 0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11."
        )


def _resolve_attempt(
    ledger: Ledger, now: float, attempt: Attempt, adopt: str | None, retry: bool
) -> str:
    """Adopt a task for an undecided request, or end the request as not sent or as given up."""
    if adopt is None:
        state = State.NOT_SENT if retry else State.ABANDONED
        ledger.end(attempt.id, state, at=now, message="a person decided")
        what = "the next apply that asks for it sends it again, and pays" if retry else "given up"
        return f"{attempt.edit}: {what}."
    if ledger.owner(adopt) not in (None, attempt.id):
        raise UsageError(f"the task {adopt} already belongs to another request.")
    if attempt.task_id not in (None, adopt):
        raise UsageError(
            f"the request of {attempt.edit} has a task, {attempt.task_id}, and takes no other.",
            hint=f"Say --adopt {attempt.task_id}, --retry (which pays again) or --abandon.",
        )
    ledger.submitted(attempt.id, adopt, at=now, adopted=True)
    return _describe_adoption(attempt.edit, adopt)


def _resolve_strays(
    ledger: Ledger, clock: Clock, strays: Sequence[Stray], adopt: str | None, retry: bool
) -> str:
    """Adopt one of the strays of an edit, or leave all of them to themselves."""
    edit = strays[0].edit
    task_ids = [stray.task_id for stray in strays]
    if retry:
        raise UsageError("a stray is a task that exists: say --adopt TASK_ID or --abandon.")
    if adopt is None:
        for task_id in task_ids:
            ledger.strays.answer(task_id)
        return f"{edit}: {', '.join(task_ids)} left to themselves."
    if adopt not in task_ids:
        raise UsageError(f"{adopt} is no stray of {edit}; there are {', '.join(task_ids)}.")
    try:
        ledger.strays.adopt(adopt, clock.new_id(), at=clock.now())
    except AlreadyOpen as error:
        raise UsageError(
            error.message, hint="The stray's video is not needed: say --abandon."
        ) from error
    return _describe_adoption(edit, adopt)


def _describe_adoption(edit: str, task_id: str) -> str:
    return f"{edit}: adopted the task {task_id}. Run apply to collect it; nothing is sent again."
