"""A task that nobody asks for any more is cancelled while it waits: that is free.

The service cancels only what is PENDING. Neither its yes nor its no is believed: the task is looked
at, since by its state it is billed. What is not seen to be CANCELED is paid for, and followed.
"""

from __future__ import annotations

from contextlib import suppress

from reconciler.apply.context import Context, TaskFailed, close, fetch_task, tell_disowned
from reconciler.apply.events import Phase
from reconciler.apply.unbroken import run_unbroken
from reconciler.apply.work import Work
from reconciler.errors import CutlistError, Rejected, ServiceError
from reconciler.service.answers import TaskAnswer
from reconciler.service.retry import choose_backoff
from reconciler.state.observed import State

CANCELED = "CANCELED"  # the service's word for the end of such a task
TRIES = 3  # of a request to cancel that is neither done nor refused


async def cancel_waiting_task(context: Context, work: Work) -> bool:
    """Ask the service to cancel the task of an attempt. True: it is CANCELED, and the attempt is
    closed durably. False: it runs or has ended, or that cannot be told now.

    May be repeated: a run that was killed in between leaves a CANCELED task, which the next one
    finds. Raises LedgerError; MovedOn where it has no task any more.
    """
    task_id = _get_task_id(context, work)
    for failures in range(1, TRIES + 1):
        refused = await _is_refused(context, task_id)
        answer = None
        with suppress(ServiceError):  # whoever follows it meets the error again, and tells it
            answer = await fetch_task(context, task_id, tries=1)
        if answer is not None and answer.status == CANCELED:
            await _close_cancelled(context, work, answer)
            return True
        may_wait_still = answer is None or answer.status in ("PENDING", "UNKNOWN")
        if refused or not may_wait_still or failures == TRIES:
            return False
        await context.clock.sleep(choose_backoff(failures, context.clock.random()))
    return False


def was_cancelled(work: Work, error: CutlistError) -> bool:
    """Whether a task was found to be cancelled that nobody asks for any more: by us, by a run that
    was killed then, or at the vendor's console.
    """
    return work.request is None and isinstance(error, TaskFailed) and error.code == CANCELED


def tell_cancelled(context: Context, work: Work) -> str:
    """Tell whoever watches that the task of an attempt was cancelled. Returns the task's id."""
    task_id = _get_task_id(context, work)
    note = f"task {task_id} is no longer asked for: cancelled while it waited; nothing was billed"
    context.emit(work.edit, Phase.CANCELLED, note=note, task_id=task_id)
    return task_id


async def _is_refused(context: Context, task_id: str) -> bool:
    """Ask for the cancel. Whether the service has said no; what else went wrong may pass."""
    try:
        await context.client.cancel(task_id)
    except Rejected:
        return True
    except ServiceError:
        return False
    return False


async def _close_cancelled(context: Context, work: Work, answer: TaskAnswer) -> None:
    """Make durable that a task was CANCELED: first what was seen of it, then its attempt."""
    assert work.attempt_id is not None
    record = answer.record()
    await run_unbroken(
        context.sightings.note(_get_task_id(context, work), answer.status, record, final=True)
    )
    message = "no edit asked for it any more"
    await close(context, work.attempt_id, State.CANCELED, message=message)


def _get_task_id(context: Context, work: Work) -> str:
    assert work.attempt_id is not None
    attempt = context.ledger.attempt(work.attempt_id, now=context.clock.now())
    if attempt.task_id is None:
        raise tell_disowned(attempt)
    return attempt.task_id
