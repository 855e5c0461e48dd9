"""The life of one attempt: intend, submit, settle, follow, collect.

Each step takes and gives plain values and may be repeated, but for the POST: no byte of it leaves
before its INTENT is durable, its task_id is the next durable write, and what is not known is asked
before anything else is sent (docs/operations.md, "Submit").
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
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
from reconciler.desired.job import Facts
from reconciler.desired.media import probe_output
from reconciler.errors import (
    BadDownload,
    DiskFull,
    DownloadRefused,
    HostRefused,
    LedgerError,
    Locked,
    NotReached,
    OutcomeUnknown,
    ServiceError,
)
from reconciler.formats.digest import hash_bytes
from reconciler.service.answers import TaskAnswer
from reconciler.service.codes import Verdict, find_code
from reconciler.service.models import Models
from reconciler.service.retry import (
    UNKNOWN_LOOKS,
    UNKNOWN_OVER_S,
    choose_backoff,
)
from reconciler.state.ledger import MovedOn, TaskTaken
from reconciler.state.observed import TASK_ENDS, TASK_LIFE_S, Attempt, Result, State
from reconciler.state.store import MOST_BLOB_BYTES, BlobWriter
from reconciler.system.probe.refusal import Unreadable

LEAST_FREE_BYTES = 256 << 20  # room for what is paid next
DOWNLOAD_TRIES = 10
TELL_EVERY_BYTES = 1 << 20  # of a download that goes on

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


# ------------------------------------------------------------------ collect


async def fetch_kept_answer(context: Context, attempt_id: str) -> TaskAnswer | None:
    """What the service has of a task whose result is lost, asked before it is paid again; None
    when it has no video of it any more.
    """
    attempt = context.ledger.attempt(attempt_id, now=context.clock.now())
    if attempt.task_id is None:
        return None
    answer = await fetch_task(context, attempt.task_id)
    return answer if answer.status == "SUCCEEDED" and answer.video_url else None


async def collect(context: Context, work: Work, attempt_id: str, answer: TaskAnswer) -> Result:
    """Bring a finished video home: download, verify, store. May be repeated; costs nothing.

    Raises BadDownload after DOWNLOAD_TRIES bad ones, TaskFailed when the service no longer has it.
    """
    failures = 0
    while True:
        try:
            return await _collect_once(context, work, attempt_id, answer)
        except (BadDownload, DownloadRefused, OutcomeUnknown, NotReached) as error:
            failures += 1
            if failures >= DOWNLOAD_TRIES or isinstance(error, HostRefused):
                raise
            context.emit(work.edit, Phase.WAITING, note=f"{error} It is fetched again")
        await context.clock.sleep(choose_backoff(failures, context.clock.random()))
        attempt = context.ledger.attempt(attempt_id, now=context.clock.now())
        if attempt.task_id is None:
            raise tell_disowned(attempt)
        fresh = await fetch_task(context, attempt.task_id, tries=None, work=work)
        if fresh.status == "SUCCEEDED":
            answer = fresh
        elif fresh.status == "UNKNOWN" and is_forgotten(context, attempt):
            await close_forgotten(context, attempt)


async def _collect_once(
    context: Context, work: Work, attempt_id: str, answer: TaskAnswer
) -> Result:
    if not answer.video_url:
        raise BadDownload("the task SUCCEEDED without a video_url.")
    await context.take_turn()
    with context.store.new_blob() as blob:
        async with context.client.download(
            answer.video_url, most_bytes=MOST_BLOB_BYTES
        ) as download:
            told_bytes = -TELL_EVERY_BYTES
            async for chunk in download.chunks:
                blob.write(chunk)
                if blob.size_bytes >= told_bytes + TELL_EVERY_BYTES:
                    told_bytes = blob.size_bytes
                    context.emit(
                        work.edit,
                        Phase.FETCHING,
                        done_bytes=told_bytes,
                        total_bytes=download.size_bytes,
                    )
            if download.size_bytes is not None and blob.size_bytes != download.size_bytes:
                raise BadDownload(f"{blob.size_bytes} of {download.size_bytes} bytes arrived.")
        facts = await context.run_blocking(
            _verify_output, blob, context.models, work.job.canonical, answer.usage
        )
        return await run_unbroken(
            context.run_blocking(_store, context, work, attempt_id, answer, blob, facts)
        )


def _verify_output(
    blob: BlobWriter, models: Models, request: Mapping[str, object], usage: Mapping[str, object]
) -> Facts:
    """What is in the video. Raises BadDownload when it does not open, or lasts otherwise than the
    bill says.
    """
    form = models.find_output_form(request)
    kind = form.kind if form is not None else "video"
    length_fields = [*(form.length_fields if form is not None else ()), *models.length_fields]
    try:
        facts = blob.inspect(lambda path, size_bytes: probe_output(path, size_bytes, kind))
    except Unreadable as error:
        raise BadDownload(f"what arrived is not the video: {error}.") from None
    promised = next((usage[name] for name in length_fields if name in usage), None)
    lasts = facts.duration_s
    if lasts is None or not isinstance(promised, int | float) or promised <= 0:
        return facts
    if abs(lasts - promised) > max(0.5, 0.1 * promised):
        raise BadDownload(f"the video lasts {lasts:.1f} s, and {promised:.1f} s were billed.")
    return facts


def _store(
    context: Context,
    work: Work,
    attempt_id: str,
    answer: TaskAnswer,
    blob: BlobWriter,
    facts: Facts,
) -> Result:
    """Blob, then result, then ledger: SUCCEEDED is said only of what is durable."""
    digest = blob.commit()
    attempt, origin = (
        context.ledger.attempt(attempt_id, now=context.clock.now()),
        context.ledger.books.origin(attempt_id),
    )
    result = Result(
        key=work.job.key,
        digest=digest,
        size_bytes=blob.size_bytes,
        duration_s=facts.duration_s or 0.0,
        width=facts.width,
        height=facts.height,
        stored_at=datetime.fromtimestamp(context.clock.now(), UTC).isoformat(
            timespec="milliseconds"
        ),
        edit=work.edit,
        job=work.job.canonical,
        task={**answer.kept_output, "request_id": attempt.request_id},
        usage=dict(answer.usage),
        endpoint=context.endpoint,
        account=context.account,
        adopted=attempt.adopted,
        **asdict(origin),
    )
    context.store.put_result(result)
    with suppress(MovedOn):  # it is stored, whatever somebody else has said of it meanwhile
        context.ledger.end(attempt_id, State.SUCCEEDED, at=context.clock.now())
    return result
