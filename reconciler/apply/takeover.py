"""A task that somebody asked for by hand becomes an edit's, to be collected like any other. Spends
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.apply.context import Context, fetch_task
from reconciler.apply.lanes import name_lane
from reconciler.apply.unbroken import run_unbroken
from reconciler.errors import UsageError
from reconciler.plan.jobs import Resolved
from reconciler.state.booked import Booking
from reconciler.state.ledger import AlreadyOpen
from reconciler.state.observed import Attempt, State


async def take_over(
    context: Context, resolved: Resolved, task_id: str, booking: Booking, *, planned_s: float
) -> str:
    """Link a task of the account to the job of an edit that has no attempt under way. Returns
    its status.

    It counts as spent from now on: with what the service says that it billed, until then with
    `planned_s`. Raises UsageError for a task that is not to be had, or that was made from another
    request, as far as the service says from which; ServiceError when it cannot be asked.
    """
    assert resolved.job is not None
    edit = resolved.wanted.edit
    ledger = context.ledger
    if ledger.knows_task(task_id) and not ledger.strays.is_unknown(task_id):
        raise UsageError(
            f"the ledger knows the task {task_id} already.",
            hint=(
                f"See `cutlist log`; a stray is taken by `cutlist resolve EDIT --adopt {task_id}`."
            ),
        )
    answer = await fetch_task(context, task_id)
    if answer.status not in ("PENDING", "RUNNING", "SUCCEEDED"):
        why = (
            answer.output.get("message")
            or answer.output.get("code")
            or "the service knows a task for 24 h"
        )
        raise UsageError(
            f"the task {task_id} is {answer.status}: {why}.", hint="Nothing was changed."
        )
    prompt = edit.input.get("prompt")
    _check_prompt(prompt, answer.output)
    attempt = Attempt(
        id=context.clock.new_id(),
        key=resolved.job.key,
        lane=name_lane(context.endpoint, context.account, edit.model),
        edit=edit.name,
        state=State.SUBMITTED,
        endpoint=context.endpoint,
        created_at=context.clock.now(),
        task_id=task_id,
        billable_s=planned_s,
        adopted=True,
    )
    try:
        await run_unbroken(
            context.run_blocking(
                context.ledger.take_over,
                attempt,
                prompt=prompt,
                job=resolved.job.canonical,
                server_time=context.client.server_time,
                booking=booking,
            )
        )
        await run_unbroken(
            context.sightings.note(task_id, answer.status, answer.record(), final=True)
        )
    except AlreadyOpen as error:
        raise UsageError(error.message, hint="Nothing was changed.") from error
    return answer.status


def _check_prompt(wanted_prompt: object, output: Mapping[str, object]) -> None:
    """A task that has succeeded tells its prompt, as far as the service keeps it."""
    said = output.get("orig_prompt")
    if (
        isinstance(wanted_prompt, str)
        and isinstance(said, str)
        and said
        and not wanted_prompt.startswith(said)
    ):
        raise UsageError(
            f'the task was made with another prompt: "{said[:120]}".',
            hint=(
                "Write that prompt, and everything else that was sent, into the manifest first."
                " Nothing was changed."
            ),
        )
