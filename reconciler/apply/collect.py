"""Brings the video of a finished task home: download, verify, store. It may be repeated, and costs
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime

from reconciler.apply.attempt import close_forgotten, is_forgotten
from reconciler.apply.context import Context, fetch_task, tell_disowned
from reconciler.apply.events import Phase
from reconciler.apply.unbroken import run_unbroken
from reconciler.apply.work import Work
from reconciler.desired.job import Facts
from reconciler.desired.media import probe_output
from reconciler.errors import (
    BadDownload,
    DownloadRefused,
    HostRefused,
    NotReached,
    OutcomeUnknown,
)
from reconciler.service.answers import TaskAnswer
from reconciler.service.models import Models
from reconciler.service.retry import choose_backoff
from reconciler.state.ledger import MovedOn
from reconciler.state.observed import Result, State
from reconciler.state.store import MOST_BLOB_BYTES, BlobWriter
from reconciler.system.probe.refusal import Unreadable

DOWNLOAD_TRIES = 10
TELL_EVERY_BYTES = 1 << 20  # of a download that goes on


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
