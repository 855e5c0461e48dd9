"""`cutlist import`: what was rendered by hand becomes the result of an edit. Spends nothing.

A task is taken over in apply.takeover.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from reconciler.config import Config
from reconciler.desired.media import probe_output
from reconciler.errors import BadVideo, UsageError
from reconciler.plan.jobs import Resolved
from reconciler.plan.selection import find_edit
from reconciler.plan.step import Action
from reconciler.planner import Pass
from reconciler.state.booked import Origin
from reconciler.state.lockfile import LOCK_FILE
from reconciler.state.observed import OPEN, Result
from reconciler.state.store import MOST_BLOB_BYTES, Store
from reconciler.system.clock import Clock
from reconciler.system.probe.refusal import Unreadable

_CHUNK_BYTES = 1 << 20
_UNCHANGED = "Nothing was changed."


def find_importable(current: Pass, name: str) -> Resolved:
    """The edit that is to get a result.

    Raises UsageError where none is named so, and for one that has one, may get one yet, or has no
    key yet.
    """
    name = find_edit(list(current.desired.edits), name)
    edit = current.resolved[name]
    if edit.job is None:
        raise UsageError(
            f"{name} waits for {', '.join(edit.waits_for)}; its key is not known before that.",
            hint=f"Render or import {edit.waits_for[0]} first. {_UNCHANGED}",
        )
    if edit.result is not None:
        raise UsageError(
            f"{name} has a result for what it asks for: {edit.result.digest[:12]}….",
            hint=(
                f"`cutlist retake {name}` asks for another take, which may be imported then."
                f" {_UNCHANGED}"
            ),
        )
    history = current.observed.history.get(edit.job.key)
    if history is not None and history.last.state in OPEN:
        task = f"task {history.last.task_id}" if history.last.task_id else "a request"
        raise UsageError(
            f"{name} has {task} at the service, which may still bring its result"
            f" ({history.last.state}).",
            hint=f"Run apply to collect it, or settle it with `cutlist resolve`. {_UNCHANGED}",
        )
    return edit


def describe_fate(current: Pass, name: str, digest: str | None) -> str:
    """What the next plan says of an edit that was given a result by hand, as a sentence. Raises
    UsageError where none is named so.
    """
    name = find_edit(list(current.desired.edits), name)
    edit = current.resolved[name]
    step = next(step for step in current.plan.steps if step.name == name)
    if edit.result is None or digest not in (None, edit.result.digest):
        return f"It is not used: the next plan says of {name}: {step.reason}."
    match step.action:
        case Action.WRITE:
            return "`cutlist apply` writes its output, free."
        case Action.KEEP if edit.wanted.edit.suspend:
            return f"{name} is suspended: its output is not written."
        case Action.KEEP:
            return "Its output is that video already."
        case _:
            return f"Its output is not written yet: {step.reason}."


def import_video(
    store: Store, clock: Clock, config: Config, edit: Resolved, video: Path, origin: Origin
) -> Result:
    """The bytes of `video` become the edit's result. Raises BadVideo, and UsageError for one that
    no plan would use.
    """
    assert edit.job is not None
    try:
        size_bytes = video.stat().st_size
        if not video.is_file() or size_bytes > MOST_BLOB_BYTES:
            raise BadVideo(
                f"{video} is no video file of at most {MOST_BLOB_BYTES >> 20} MiB.", hint=_UNCHANGED
            )
        with store.new_blob() as blob, video.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                blob.write(chunk)
            kind = edit.wanted.variant.output_form.kind
            facts = blob.inspect(lambda path, size_bytes: probe_output(path, size_bytes, kind))
            _check_used(edit, video, blob.digest)
            digest = blob.commit()
    except Unreadable as error:
        raise BadVideo(f"{video} cannot be taken: {error}.", hint=_UNCHANGED) from error
    except OSError as error:
        raise BadVideo(f"{video} cannot be read: {error.strerror}.", hint=_UNCHANGED) from error
    result = Result(
        key=edit.job.key,
        digest=digest,
        size_bytes=blob.size_bytes,
        duration_s=facts.duration_s or 0.0,
        width=facts.width,
        height=facts.height,
        stored_at=datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="milliseconds"),
        edit=edit.wanted.edit.name,
        job=edit.job.canonical,
        task={"imported": video.name},
        usage={},
        endpoint=config.endpoint.name,
        account=config.account,
        adopted=True,
        **asdict(origin),
    )
    store.put_result(result)
    return result


def _check_used(edit: Resolved, video: Path, digest: str) -> None:
    """Raises UsageError for a video that no plan would use, since the lock file names another."""
    if edit.pinned is None or edit.pinned == digest:
        return
    name = edit.wanted.edit.name
    raise UsageError(
        f"{video} would not be used: {LOCK_FILE} pins another result of {name}"
        f" ({edit.pinned[:12]}…), and this is {digest[:12]}….",
        hint=(
            "Copy the store that has the pinned result to this machine, or take the entry out of"
            f" {LOCK_FILE}. {_UNCHANGED}"
        ),
    )
