"""A person's word on what only a person can tell: requests that are UNDECIDED, and strays."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler.errors import UsageError
from reconciler.state.ledger import AlreadyOpen, Ledger
from reconciler.state.observed import Attempt, State, Stray
from reconciler.system.clock import Clock

_TASK_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LEAST_OF_A_KEY = 8  # characters that name a request by its key: fewer may be a slip


def decide(ledger: Ledger, clock: Clock, edit: str, *, adopt: str | None, retry: bool) -> str:
    """Carry out a decision about the edit (its name, the beginning of its key, or a task id);
    what was done, in words.

    Raises UsageError when nothing, or more than one thing, waits for a decision about it.
    """
    if adopt is not None:
        check_task_id(adopt)
    now = clock.now()
    undecided = [
        attempt
        for attempt in ledger.find_open_attempts(now=now)
        if attempt.state is State.UNDECIDED
    ]
    strays = ledger.strays.unanswered()
    about = [each for each in undecided if edit == each.edit or _begins(each.key, edit)]
    loose = [
        each for each in strays if edit in (each.edit, each.task_id) or _begins(each.key, edit)
    ]
    if len(about) == 1:
        return _about_attempt(ledger, now, about[0], adopt, retry)
    if loose and not about:
        return _about_strays(ledger, clock, loose, adopt, retry)
    if about:
        keys = " or ".join(sorted(each.key[:12] for each in about))
        raise UsageError(
            f"{edit} has {len(about)} undecided requests.", hint=f"Say which, by its key: {keys}."
        )
    waiting = sorted({each.edit for each in undecided} | {each.edit for each in strays})
    there = (
        f"Waiting for a decision: {', '.join(waiting)}."
        if waiting
        else "Nothing waits for a decision."
    )
    raise UsageError(f"{edit} names no undecided request.", hint=there)


def _begins(key: str, text: str) -> bool:
    """Whether `text` is enough of a key to mean it."""
    return len(text) >= LEAST_OF_A_KEY and key.startswith(text)


def check_task_id(text: str) -> None:
    """Raises UsageError for what is no task id."""
    if not _TASK_ID.fullmatch(text):
        raise UsageError(
            f"{text} is no task id; the service's look like 0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11."
        )


def _about_attempt(
    ledger: Ledger, now: float, attempt: Attempt, adopt: str | None, retry: bool
) -> str:
    if adopt is not None:
        if ledger.owner(adopt) not in (None, attempt.id):
            raise UsageError(f"the task {adopt} already belongs to another request.")
        if attempt.task_id not in (None, adopt):
            raise UsageError(
                f"the request of {attempt.edit} has a task, {attempt.task_id}, and takes no other.",
                hint=f"Say --adopt {attempt.task_id}, --retry (which pays again) or --abandon.",
            )
        ledger.submitted(attempt.id, adopt, at=now, adopted=True)
        return (
            f"{attempt.edit}: adopted the task {adopt}. Run apply to collect it; nothing is sent"
            " again."
        )
    ledger.end(
        attempt.id, State.NOT_SENT if retry else State.ABANDONED, at=now, message="a person decided"
    )
    return f"{attempt.edit}: {'the next apply sends it again, and pays' if retry else 'given up'}."


def _about_strays(
    ledger: Ledger, clock: Clock, strays: Sequence[Stray], adopt: str | None, retry: bool
) -> str:
    if retry:
        raise UsageError("a stray is a task that exists: say --adopt TASK_ID or --abandon.")
    if adopt is None:
        for each in strays:
            ledger.strays.answer(each.task_id)
        return f"{strays[0].edit}: {', '.join(each.task_id for each in strays)} left to themselves."
    if adopt not in {each.task_id for each in strays}:
        raise UsageError(
            f"{adopt} is no stray of {strays[0].edit}; there are"
            f" {', '.join(s.task_id for s in strays)}."
        )
    try:
        ledger.strays.adopt(adopt, clock.new_id(), at=clock.now())
    except AlreadyOpen as error:
        raise UsageError(
            error.message, hint="The stray's video is not needed: say --abandon."
        ) from error
    return (
        f"{strays[0].edit}: adopted the task {adopt}. Run apply to collect it; nothing is sent"
        " again."
    )
