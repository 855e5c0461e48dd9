"""The life of one attempt: intend, submit, settle, follow, collect.

Each step takes and gives plain values and may be repeated, but for the POST: no byte of it leaves
before its INTENT is durable, its task_id is the next durable write, and what is not known is asked
before anything else is sent (docs/operations.md, "Submit").
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.apply.client import Created, TaskAnswer
from reconciler.apply.desk import Desk, NeedsPerson, TaskFailed, Work, close, persistently, unbroken
from reconciler.apply.events import Phase
from reconciler.apply.retry import (
    UNKNOWN_LOOKS,
    UNKNOWN_OVER_S,
    backoff_s,
    is_verdict,
)
from reconciler.desired.datauri import parse_data
from reconciler.desired.job import request
from reconciler.desired.media import probe_video
from reconciler.digest import sha256_hex
from reconciler.errors import (
    BadDownload,
    CutlistError,
    DiskFull,
    DownloadRefused,
    HostRefused,
    LedgerError,
    NotReached,
    OutcomeUnknown,
    ServiceError,
)
from reconciler.files import free_bytes, make_dirs, sha256_file
from reconciler.gate.refusal import Unreadable
from reconciler.state.observed import Attempt, Result, State, forgotten_at
from reconciler.state.store import BlobWriter

MOST_BYTES = 1 << 30  # a result larger than this is not a video of at most 10 s
LEAST_FREE_BYTES = 256 << 20  # room for what is paid next
UPLOAD_MARGIN_S = 2 * 3600  # an upload about to expire is made anew
UPLOAD_LIFE_S = 48 * 3600
DOWNLOAD_TRIES = 10

# ------------------------------------------------------------------ before the POST


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to be sent."""

    body: bytes
    uses_oss: bool
    prompt: str | None


async def prepare(desk: Desk, work: Work) -> Prepared:
    """Upload what is local and build the request. May be repeated; uploads are remembered for their
    48 hours.
    """
    assert work.wanted is not None
    urls: dict[str, str] = {}
    for each in work.wanted.inputs:
        reference = each.medium.reference
        if reference.kind == "local":
            assert each.identity is not None and each.path is not None
            urls[each.medium.at] = await _uploaded(
                desk, work, each.identity, each.path.suffix, each.path
            )
        elif reference.kind == "edit":
            digest = work.upstream[reference.value].digest
            urls[each.medium.at] = await _uploaded(
                desk, work, f"sha256:{digest}", ".mp4", desk.store.blob_path(digest)
            )
        elif reference.kind == "data":
            uri = parse_data(reference.value)
            if work.wanted.model.media[each.medium.limits].data_uri:
                urls[each.medium.at] = uri.text
                continue
            identity = f"sha256:{sha256_hex(uri.content)}"
            urls[each.medium.at] = await _uploaded(
                desk, work, identity, f".{uri.format}", uri.content
            )
    body = request(work.wanted, urls)
    uses_oss = any(value.startswith("oss://") for value in _texts(body["input"]))
    return Prepared(
        json.dumps(body, ensure_ascii=False).encode(), uses_oss, body["input"].get("prompt")
    )


async def _uploaded(desk: Desk, work: Work, identity: str, suffix: str, content: Any) -> str:
    digest = identity.removeprefix("sha256:")
    now = desk.clock.now()
    known = desk.ledger.upload(
        digest, work.model, desk.account, desk.endpoint, now=now, margin_s=UPLOAD_MARGIN_S
    )
    if known is not None:
        return known
    desk.emit(work, Phase.UPLOADING)
    if isinstance(content, Path) and await desk.block(sha256_file, content) != digest:
        raise CutlistError(
            f"{content.name} changed while this run was at work.",
            hint="Run apply again; this job was not sent.",
        )
    upload = functools.partial(
        desk.client.upload, work.model, f"{digest[:16]}{suffix.lower()}", content
    )
    url: str = await persistently(desk, upload, work=work)
    await desk.block(
        functools.partial(
            desk.ledger.uploaded,
            digest,
            work.model,
            desk.account,
            desk.endpoint,
            url,
            expires_at=now + UPLOAD_LIFE_S,
        )
    )
    return url


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    )
    return [text for part in parts for text in _texts(part)]


# ------------------------------------------------------------------ the POST


async def submit(desk: Desk, work: Work, prepared: Prepared, lane: str) -> str:
    """Send the request once. Returns the attempt's id once its task_id is durable.

    Raises NotReached, Throttled, QuotaExhausted, Unauthorized (nothing was sent or accepted),
    Rejected, InputUnavailable (this request was refused), OutcomeUnknown (the attempt is an open
    INTENT; settle it before anything else is sent in its lane), DiskFull.
    """
    make_dirs(desk.store.folder)
    if free_bytes(desk.store.folder) < LEAST_FREE_BYTES:
        raise DiskFull(
            f"less than {LEAST_FREE_BYTES >> 20} MiB are free in {desk.store.folder}; nothing more"
            " is submitted.",
            hint="Make room and run apply again; what is paid is still brought home.",
        )
    attempt = Attempt(
        id=desk.clock.new_id(),
        key=work.job.key,
        lane=lane,
        edit=work.edit,
        state=State.INTENT,
        endpoint=desk.endpoint,
        created_at=desk.clock.now(),
        billable_s=work.billable_s,
    )
    desk.emit(work, Phase.SUBMITTING)
    await unbroken(_intend_and_send(desk, work, prepared, attempt))
    return attempt.id


async def _intend_and_send(desk: Desk, work: Work, prepared: Prepared, attempt: Attempt) -> None:
    await desk.block(
        functools.partial(
            desk.ledger.intend,
            attempt,
            request_sha256=sha256_hex(prepared.body),
            prompt=prepared.prompt,
            job=work.job.canonical,
            server_time=desk.client.server_time,
            booking=work.booking,
            loses=work.loses,
        )
    )
    try:
        created = await desk.client.create(prepared.body, uses_oss=prepared.uses_oss)
    except OutcomeUnknown:
        raise
    except ServiceError as error:
        state = State.REJECTED if is_verdict(error) else State.NOT_SENT
        await close(desk, attempt.id, state, error.code, error.message, error.request_id)
        raise
    note = functools.partial(
        desk.ledger.submitted,
        attempt.id,
        created.task_id,
        at=desk.clock.now(),
        request_id=created.request_id,
    )
    try:
        await desk.block(note)
    except LedgerError as error:
        raise _spilled(desk, attempt, created, error) from error
    desk.emit(work, Phase.PENDING, task_id=created.task_id)


def _spilled(desk: Desk, attempt: Attempt, created: Created, error: LedgerError) -> LedgerError:
    """A task_id that the ledger cannot take goes to the spill file and to the reader's eyes."""
    kept = desk.spill.note(attempt.id, created.task_id, created.request_id, at=desk.clock.now())
    where = "It is in the spill file, and the next apply reads it." if kept else "Write it down!"
    return LedgerError(
        f"{attempt.edit}: the service accepted task {created.task_id}, and the ledger cannot take"
        f" it: {error.message}",
        hint=f"{where} Make room, then run apply again: nothing is sent twice.",
    )


# ------------------------------------------------------------------ follow


async def follow(
    desk: Desk,
    work: Work,
    attempt_id: str,
    *,
    first_look_s: float,
    interval_s: float,
    usual_s: float,
) -> TaskAnswer:
    """Watch a task to its end. Returns the answer of a SUCCEEDED task.

    Raises TaskFailed (FAILED, CANCELED, or EXPIRED), NeedsPerson, and what ends reading
    (apply.retry).
    """
    attempt = desk.ledger.attempt(attempt_id, now=desk.clock.now())
    assert attempt.task_id is not None and attempt.submitted_at is not None
    age_s = desk.clock.now() - attempt.submitted_at
    if 0 <= age_s < first_look_s:
        await desk.clock.sleep(first_look_s - age_s)
    seen, unknown = "", 0
    fetch = functools.partial(desk.client.fetch, attempt.task_id)
    while True:
        answer: TaskAnswer = await persistently(desk, fetch, tries=None, work=work)
        if answer.status == "UNKNOWN":
            unknown += 1
            await _judge_unknown(desk, attempt, unknown)
            await desk.clock.sleep(UNKNOWN_OVER_S / UNKNOWN_LOOKS)
            continue
        if answer.status != seen:
            seen, unknown = answer.status, 0
            call = functools.partial(
                desk.ledger.task_seen, attempt.task_id, seen, answer.record(), at=desk.clock.now()
            )
            await desk.block(call)
        match answer.status:
            case "SUCCEEDED":
                await _check_adopted(desk, attempt, answer)
                return answer
            case "FAILED":
                code, message = (
                    str(answer.output.get("code", "")),
                    str(answer.output.get("message", "")),
                )
                await close(desk, attempt_id, State.FAILED, code, message, answer.request_id)
                raise TaskFailed(message, code=code, request_id=answer.request_id)
            case "CANCELED":
                await close(desk, attempt_id, State.CANCELED)
                raise TaskFailed(
                    "the task was cancelled at the service; the next apply sends it again.",
                    code="CANCELED",
                )
            case "PENDING" | "RUNNING" as status:
                desk.emit(work, Phase(status), task_id=attempt.task_id, usual_s=usual_s)
        await desk.clock.sleep(interval_s)


async def _judge_unknown(desk: Desk, attempt: Attempt, looks: int) -> None:
    assert attempt.submitted_at is not None
    if desk.clock.now() >= forgotten_at(attempt.created_at, attempt.submitted_at):
        await close(desk, attempt.id, State.EXPIRED)
        raise TaskFailed(
            "the service forgot the task (24 h) before its video was brought home.", code="EXPIRED"
        )
    if looks >= UNKNOWN_LOOKS:
        message = (
            f"the service does not know the task {attempt.task_id}, which is younger than 24 h"
        )
        await close(desk, attempt.id, State.UNDECIDED, message=message)
        raise NeedsPerson(f"{attempt.edit}: {message}.")


async def _check_adopted(desk: Desk, attempt: Attempt, answer: TaskAnswer) -> None:
    """An adopted task is ours only if its prompt is the one that was sent, as the service truncates
    it.
    """
    if not attempt.adopted or "orig_prompt" not in answer.output:
        return
    sent, said = desk.ledger.intent(attempt.id).prompt, answer.output["orig_prompt"]
    if (
        sent is not None
        and isinstance(said, str)
        and (said == sent or (said and sent.startswith(said)))
    ):
        return
    message = f"the task {attempt.task_id} that was found for it has another prompt"
    await desk.block(
        functools.partial(desk.ledger.disown, attempt.id, at=desk.clock.now(), message=message)
    )
    raise NeedsPerson(f"{attempt.edit}: {message}; it is not ours.")


# ------------------------------------------------------------------ collect


async def collect(desk: Desk, work: Work, attempt_id: str, answer: TaskAnswer) -> Result:
    """Bring a finished video home: download, verify, store. May be repeated; costs nothing.

    Raises BadDownload after DOWNLOAD_TRIES bad ones, TaskFailed when the service no longer has it.
    """
    failures = 0
    while True:
        try:
            return await _collect_once(desk, work, attempt_id, answer)
        except (BadDownload, DownloadRefused, OutcomeUnknown, NotReached) as error:
            failures += 1
            if failures >= DOWNLOAD_TRIES or isinstance(error, HostRefused):
                raise
            desk.emit(work, Phase.WAITING, note=f"{error} It is fetched again")
        await desk.clock.sleep(backoff_s(failures, desk.clock.random()))
        attempt = desk.ledger.attempt(attempt_id, now=desk.clock.now())
        assert attempt.task_id is not None
        fetch = functools.partial(desk.client.fetch, attempt.task_id)
        fresh: TaskAnswer = await persistently(desk, fetch, tries=None, work=work)
        if fresh.status == "SUCCEEDED":
            answer = fresh
        elif fresh.status == "UNKNOWN" and not attempt.collectable:
            await close(
                desk, attempt_id, State.EXPIRED if attempt.state is State.SUBMITTED else State.LOST
            )
            raise TaskFailed(
                "the service forgot the task (24 h) before its video was brought home.",
                code="EXPIRED",
            )


async def _collect_once(desk: Desk, work: Work, attempt_id: str, answer: TaskAnswer) -> Result:
    if not answer.video_url:
        raise BadDownload("the task SUCCEEDED without a video_url.")
    with desk.store.new_blob() as blob:
        async with desk.client.download(answer.video_url) as download:
            async for chunk in download.chunks:
                blob.write(chunk)
                if blob.size_bytes > MOST_BYTES:
                    raise BadDownload(f"the video is larger than {MOST_BYTES >> 20} MiB.")
                desk.emit(
                    work,
                    Phase.FETCHING,
                    done_bytes=blob.size_bytes,
                    total_bytes=download.size_bytes,
                )
            if download.size_bytes is not None and blob.size_bytes != download.size_bytes:
                raise BadDownload(f"{blob.size_bytes} of {download.size_bytes} bytes arrived.")
        facts = await desk.block(_verified, blob, answer.usage)
        return await unbroken(desk.block(_store, desk, work, attempt_id, answer, blob, facts))  # type: ignore[no-any-return]


def _verified(blob: BlobWriter, usage: Mapping[str, Any]) -> Any:
    """What is in the video. Raises BadDownload when it does not open, or lasts otherwise than the
    bill says.
    """
    blob.flush()
    try:
        facts = probe_video(blob.path, blob.size_bytes)
    except Unreadable as error:
        raise BadDownload(f"what arrived is not the video: {error}.") from None
    promised = usage.get("output_video_duration", usage.get("video_duration"))
    lasts = facts.duration_s
    told = isinstance(promised, int | float) and promised > 0 and lasts is not None
    if told and abs(lasts - promised) > max(0.5, 0.1 * promised):
        raise BadDownload(f"the video lasts {lasts:.1f} s, and {promised:.1f} s were billed.")
    return facts


def _store(
    desk: Desk, work: Work, attempt_id: str, answer: TaskAnswer, blob: BlobWriter, facts: Any
) -> Result:
    """Blob, then result, then ledger: SUCCEEDED is said only of what is durable."""
    digest = blob.commit()
    attempt, origin = (
        desk.ledger.attempt(attempt_id, now=desk.clock.now()),
        desk.ledger.books.origin(attempt_id),
    )
    result = Result(
        key=work.job.key,
        digest=digest,
        size_bytes=blob.size_bytes,
        duration_s=facts.duration_s,
        width=facts.width,
        height=facts.height,
        stored_at=datetime.fromtimestamp(desk.clock.now(), UTC).isoformat(timespec="milliseconds"),
        edit=work.edit,
        job=work.job.canonical,
        task={**answer.record()["output"], "request_id": attempt.request_id},
        usage=dict(answer.usage),
        endpoint=desk.endpoint,
        account=desk.account,
        adopted=attempt.adopted,
        **asdict(origin),
    )
    desk.store.put_result(result)
    if attempt.state is State.SUBMITTED:
        desk.ledger.end(attempt_id, State.SUCCEEDED, at=desk.clock.now())
    return result
