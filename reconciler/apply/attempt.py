"""The life of one attempt until its task has ended: intend, submit, follow. `collect` comes next.

Each step takes and gives plain values and may be repeated, but for the POST: no byte of it leaves
before its INTENT is durable, its task_id is the next durable write, and what is not known is asked
before anything else is sent (docs/operations.md, "Submit").
"""

from __future__ import annotations

from contextlib import suppress
from typing import NoReturn

from reconciler.apply.context import (
    Context,
    NeedsPerson,
    TaskFailed,
    close,
    fetch_task,
    tell_disowned,
)
from reconciler.apply.events import Phase
from reconciler.apply.in_flight import IN_FLIGHT
from reconciler.apply.late import follow_late
from reconciler.apply.listing import is_prompt_of
from reconciler.apply.pace import Pace
from reconciler.apply.prepare import Prepared, forget_uploads
from reconciler.apply.receipt import close_refused, keep_named, spill_task, write_receipt
from reconciler.apply.unbroken import run_unbroken
from reconciler.apply.watching import Watched
from reconciler.apply.work import Work
from reconciler.errors import (
    DiskFull,
    LedgerError,
    Locked,
    NotReached,
    OutcomeUnknown,
    ServiceError,
)
from reconciler.formats.digest import hash_bytes
from reconciler.service.answers import TaskAnswer
from reconciler.service.codes import Verdict, find_code
from reconciler.service.retry import (
    UNKNOWN_LOOKS,
    UNKNOWN_OVER_S,
)
from reconciler.state.ledger import MovedOn, TaskTaken
from reconciler.state.observed import TASK_ENDS, TASK_LIFE_S, Attempt, State

LEAST_FREE_BYTES = 256 << 20  # room for what is paid next

# ------------------------------------------------------------------ the POST


async def submit(
    context: Context, work: Work, prepared: Prepared, lane: str, *, most_running: int | None = None
) -> str:
    """Send the request once. Returns the id of the attempt that has its task, once that is durable:
    its own, or a later one where it had been given up by then.

    Raises KeyTaken, LaneBusy (somebody else was faster, and nothing was sent), MovedOn (the task is
    a stray), NotReached, Throttled, QuotaExhausted, Unauthorized (nothing was sent or accepted),
    Rejected, InputUnavailable (this request was refused), OutcomeUnknown (the attempt is an open
    INTENT; settle it before anything else is sent in its lane), DiskFull.
    """
    room = context.store.measure_room()
    if room.free_bytes < LEAST_FREE_BYTES:
        raise DiskFull(
            f"less than {LEAST_FREE_BYTES >> 20} MiB are free in {room.where}; nothing more"
            " is submitted.",
            hint="Make room and run apply again; what is paid is still brought home.",
        )
    attempt = Attempt(
        id=context.clock.new_id(),
        key=work.job.key,
        lane=lane,
        edit=work.edit,
        state=State.INTENT,
        endpoint=context.endpoint,
        created_at=context.clock.now(),
        billable_s=work.billable_s,
    )
    context.emit(work.edit, Phase.SUBMITTING)
    return await run_unbroken(_intend_and_send(context, work, prepared, attempt, most_running))


async def _intend_and_send(
    context: Context,
    work: Work,
    prepared: Prepared,
    attempt: Attempt,
    most_running: int | None,
) -> str:
    begun = (context.clock.monotonic(), context.clock.now())
    before = frozenset(context.roll.strangers)
    await context.run_blocking(
        context.ledger.intend,
        attempt,
        request_sha256=hash_bytes(prepared.body),
        prompt=prepared.prompt,
        job=work.job.canonical,
        server_time=context.client.server_time,
        baseline=context.roll.baseline,
        sender=context.client.sender(attempt.id),
        booking=work.booking,
        loses=work.loses,
        limit=context.find_limit(work) if context.find_limit is not None else None,
        most_running=most_running,
    )
    context.roll.intents[attempt.id] = context.clock.monotonic()
    await _check_in_time(context, attempt, begun)
    try:
        created = await context.client.create(prepared.body, uses_oss=prepared.uses_oss)
    except OutcomeUnknown as error:
        await keep_named(context, attempt, error)
        raise
    except ServiceError as error:
        await close_refused(context, attempt, error)
        raise
    context.roll.at_service.add(created.task_id)
    try:
        if created.task_id in before:
            raise TaskTaken(f"the task {created.task_id} was there before.")
        await write_receipt(context, attempt, created)
    except TaskTaken as error:
        raise OutcomeUnknown(
            f"the service's answer cannot be true: {error.message}", status=200
        ) from error
    except MovedOn:
        attempt_id = await context.outlast(
            lambda: context.run_blocking(follow_late, context, attempt, created.task_id)
        )
    except (LedgerError, Locked) as error:
        raise spill_task(context, attempt, created, error) from error
    else:
        attempt_id = attempt.id
    context.roll.accepted[created.task_id] = context.clock.monotonic()
    context.emit(work.edit, Phase.PENDING, task_id=created.task_id)
    return attempt_id


async def _check_in_time(context: Context, attempt: Attempt, begun: tuple[float, float]) -> None:
    """A request that others may have taken for lost meanwhile is not sent. Raises NotReached.

    Both clocks are asked: the one that only grows stands still while a machine sleeps.
    """
    monotonic, now = begun
    took_s = max(context.clock.monotonic() - monotonic, context.clock.now() - now)
    if took_s <= context.ledger.send_within_s:
        return
    message = f"nothing was sent: this process stood still for {took_s:.0f} s before it"
    with suppress(MovedOn):
        await close(context, attempt.id, State.NOT_SENT, message=message)
    raise NotReached(f"{message}.")


# ------------------------------------------------------------------ follow


async def follow(context: Context, work: Work, attempt_id: str, pace: Pace) -> TaskAnswer:
    """Watch a task to its end. Returns the answer of a SUCCEEDED task.

    Raises TaskFailed (FAILED, CANCELED, or EXPIRED), NeedsPerson, and what ends reading
    (apply.retry).
    """
    attempt = context.ledger.attempt(attempt_id, now=context.clock.now())
    watched = _begin_watch(context, work, attempt, pace)
    context.roll.at_service.add(watched.task_id)
    if watched.due_at > watched.looked_at:
        await context.task_watch.wait(watched)
    status, unknown = "", 0
    while True:
        answer = await fetch_task(context, watched.task_id, tries=None, work=work)
        if answer.status == "UNKNOWN":
            unknown += 1
            await _judge_unknown(context, attempt, unknown)
            await context.clock.sleep(UNKNOWN_OVER_S / UNKNOWN_LOOKS)
            continue
        if answer.status != status:
            status, unknown = answer.status, 0
            await context.sightings.note(
                watched.task_id, status, answer.record(), final=status in TASK_ENDS
            )
        if status in TASK_ENDS:
            context.roll.at_service.discard(watched.task_id)
            await _judge_end(context, work, attempt, answer)
            return answer
        if status in IN_FLIGHT:
            context.emit(work.edit, Phase(status), task_id=watched.task_id, usual_s=pace.usual_s)
        watched.status = status
        watched.plan_next_look(context.clock.monotonic())
        await context.task_watch.wait(watched)


def _begin_watch(context: Context, work: Work, attempt: Attempt, pace: Pace) -> Watched:
    """The task of an attempt, due when its age says so; at once where it is older, or where this
    machine's clock was set back.
    """
    if attempt.task_id is None or attempt.submitted_at is None:
        raise tell_disowned(attempt)
    task_id, now = attempt.task_id, context.clock.monotonic()
    age_s = context.clock.now() - attempt.submitted_at

    def tell(status: str) -> None:
        context.sightings.add(task_id, status, {})
        context.emit(work.edit, Phase(status), task_id=task_id, usual_s=pace.usual_s)

    return Watched(
        task_id,
        pace,
        begun_at=now - max(age_s, 0.0),
        due_at=now + (max(pace.first_s - age_s, 0.0) if age_s >= 0 else 0.0),
        looked_at=now,
        tell=tell,
    )


async def _judge_end(context: Context, work: Work, attempt: Attempt, answer: TaskAnswer) -> None:
    """What the end of a task means for its attempt. Raises TaskFailed, NeedsPerson."""
    if answer.status == "FAILED":
        code, message = (
            str(answer.output.get("code", "")),
            str(answer.output.get("message", "")),
        )
        await close(context, attempt.id, State.FAILED, code, message, answer.request_id)
        if find_code(code, message).verdict is Verdict.INPUT:
            await forget_uploads(context, work)
        raise TaskFailed(message, code=code, request_id=answer.request_id)
    if answer.status == "CANCELED":
        await close(context, attempt.id, State.CANCELED)
        raise TaskFailed(
            "the task was cancelled at the service; the next apply sends it again.",
            code="CANCELED",
        )
    await _check_adopted(context, attempt, answer)


async def _judge_unknown(context: Context, attempt: Attempt, looks: int) -> None:
    if is_forgotten(context, attempt):
        await close_forgotten(context, attempt)
    if looks >= UNKNOWN_LOOKS:
        message = (
            f"the service does not know the task {attempt.task_id}, and by its clock it is not"
            " certain that 24 h are over"
        )
        if attempt.state is State.SUBMITTED:
            await close(context, attempt.id, State.UNDECIDED, message=message)
        raise NeedsPerson(f"{message}.")


def is_forgotten(context: Context, attempt: Attempt) -> bool:
    """Whether the service has forgotten a task that it says not to know: 24 h have passed by its
    own clock, or in this run. This machine's clock is not asked.
    """
    task_id, now = str(attempt.task_id), context.client.server_time
    if task_id in context.roll.accepted:
        return context.clock.monotonic() - context.roll.accepted[task_id] >= TASK_LIFE_S
    then = context.ledger.intent(attempt.id).server_time
    return then is not None and now is not None and now - then >= TASK_LIFE_S


async def close_forgotten(context: Context, attempt: Attempt) -> NoReturn:
    """Its video is not to be had any more. Raises TaskFailed."""
    await close(
        context, attempt.id, State.EXPIRED if attempt.state is State.SUBMITTED else State.LOST
    )
    raise TaskFailed(
        "the service forgot the task (24 h) before its video was brought home.", code="EXPIRED"
    )


async def _check_adopted(context: Context, attempt: Attempt, answer: TaskAnswer) -> None:
    """An adopted task is ours only if its prompt is the one that was sent, as the service truncates
    it. Where the service tells none, the one that nobody vouches for is not.
    """
    if not attempt.adopted:
        return
    intent, said = context.ledger.intent(attempt.id), answer.output.get("orig_prompt")
    sent = intent.prompt
    if "orig_prompt" not in answer.output and intent.vouched:
        return
    models = context.models
    if sent is not None and isinstance(said, str) and is_prompt_of(models, intent.job, sent, said):
        return
    told = (
        "another prompt" if "orig_prompt" in answer.output else "no prompt that tells whose it is"
    )
    message = f"the task {attempt.task_id} that was found for it has {told}"
    await context.run_blocking(
        context.ledger.disown, attempt.id, at=context.clock.now(), message=message
    )
    raise NeedsPerson(f"{message}; it is not ours.")
