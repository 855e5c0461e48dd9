"""What becomes of a POST's answer that is not simply written down: a refusal, an odd name, and a
task_id that the ledger cannot take.
"""

from __future__ import annotations

from contextlib import suppress

from reconciler.apply.context import Context, close
from reconciler.apply.events import Phase
from reconciler.errors import CutlistError, LedgerError, Locked, OutcomeUnknown, ServiceError
from reconciler.service.answers import Created
from reconciler.service.retry import is_verdict
from reconciler.state.ledger import MovedOn
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.observed import Attempt, State


async def write_receipt(context: Context, attempt: Attempt, created: Created) -> None:
    """Make the task_id of an accepted request durable. While a shared ledger is away it lies in the
    spill file, and is tried again for as long as this process lives. Raises as `Ledger.submitted`.
    """
    at, server_time = context.clock.now(), context.client.server_time
    spilled = False

    async def write() -> None:
        nonlocal spilled
        try:
            await context.run_blocking(
                context.ledger.submitted,
                attempt.id,
                created.task_id,
                at=at,
                request_id=created.request_id,
                server_time=server_time,
            )
        except LedgerAway as error:
            if not spilled:
                spilled = True
                context.spill.note(attempt.id, created.task_id, created.request_id, at=at)
                note = f"{error.message} Its task is {created.task_id}; it is tried again"
                context.emit(attempt.edit, Phase.WAITING, note=note)
            raise

    await context.outlast(write)


async def close_refused(context: Context, attempt: Attempt, error: ServiceError) -> None:
    """The answer is that nothing was accepted; whoever has settled the attempt meanwhile could only
    guess so much.
    """
    states = (State.REJECTED, State.NOT_SENT) if is_verdict(error) else (State.NOT_SENT,)
    for state in states:
        with suppress(MovedOn):
            await close(context, attempt.id, state, error.code, error.message, error.request_id)
            return


async def keep_named(context: Context, attempt: Attempt, error: OutcomeUnknown) -> None:
    """Write down what an odd answer named as its task, legal or not, wherever there is room."""
    named_id = error.task_id or error.unusable_id
    if not named_id:
        return
    try:
        await context.outlast(
            lambda: context.run_blocking(context.ledger.named, attempt.id, named_id)
        )
    except (LedgerError, Locked) as full:
        created = Created(named_id, error.request_id)
        raise spill_task(context, attempt, created, full) from error


def spill_task(
    context: Context, attempt: Attempt, created: Created, error: CutlistError
) -> LedgerError:
    """A task_id that the ledger cannot take goes to the spill file and to the reader's eyes."""
    kept = context.spill.note(
        attempt.id, created.task_id, created.request_id, at=context.clock.now()
    )
    where = "It is in the spill file, and the next apply reads it." if kept else "Write it down!"
    return LedgerError(
        f"{attempt.edit}: the service accepted task {created.task_id}, and the ledger cannot take"
        f" it: {error.message}",
        hint=f"{where} Make room, then run apply again: nothing is sent twice.",
    )
