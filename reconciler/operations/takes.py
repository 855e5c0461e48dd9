"""`cutlist takes`, `extract` and `open`: the takes of an edit, and their videos as files."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from reconciler.config import Config
from reconciler.errors import CutlistError, DiskFull, StoreDamaged, UsageError
from reconciler.plan.jobs import Resolved
from reconciler.plan.selection import find_edit
from reconciler.plan.takes import Take, TakeList, list_keys, select_takes
from reconciler.planner import Pass
from reconciler.state import lockfile
from reconciler.state.booked import Entry
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Result
from reconciler.state.store import Store
from reconciler.system.files import hash_file, make_dirs, resolve_inside

_MOST_COPIES = 8  # of takes that were opened lately
_LONGEST_STEM = 80  # bytes
_NO_VIDEOS = (".yaml", ".yml", ".lock")  # the names of what a project is made of


def list_takes(
    config: Config, store: Store, ledger: Ledger | None, current: Pass, name: str
) -> TakeList:
    """All takes of an edit. Raises UsageError where none is named so."""
    mark = lockfile.measure_mark(lockfile.find_folder(config))
    name = find_edit(list(current.desired.edits), name)
    edit = current.resolved[name]
    keys = list_keys(edit, current.observed.pins.get(name))
    results = select_takes(name, keys, store.find_recorded([name], keys))
    entries = _find_entries(ledger, {result.edit for result in results})
    output = current.observed.outputs[edit.wanted.edit.output]
    takes = [
        _build_take(config, store, edit, number, result, entries, output.digest)
        for number, result in enumerate(results, 1)
    ]
    return TakeList(
        name=name,
        place=str(edit.wanted.edit.place()),
        output=edit.wanted.edit.output,
        realm=config.realm,
        currency=config.prices.currency,
        mark=mark,
        takes=tuple(takes),
    )


def _build_take(
    config: Config,
    store: Store,
    edit: Resolved,
    number: int,
    result: Result,
    entries: Mapping[str, Entry],
    written: str | None,
) -> Take:
    billed_s = config.models.read_billed_seconds(result.usage)
    entry = entries.get(str(result.task.get("task_id")))
    booking = entry.booking if entry is not None else None
    price = None
    if booking is not None and booking.currency == config.prices.currency:
        per_s = booking.price_per_s
        price = round(billed_s * per_s, 4) if per_s is not None else None
    return Take(
        number=number,
        result=result,
        billed_s=billed_s,
        price=price,
        is_current=result == edit.result,
        is_of_present_request=edit.job is not None and result.key == edit.job.key,
        is_stored=store.has(result.digest, result.size_bytes),
        output=edit.wanted.edit.output if written == result.digest else None,
    )


def _find_entries(ledger: Ledger | None, edits: Collection[str]) -> Mapping[str, Entry]:
    """What the books say of the requests of some edits, by task."""
    entries = ledger.books.entries(edits) if ledger is not None and edits else ()
    return {entry.task_id: entry for entry in entries if entry.task_id}


# ------------------------------------------------------------------ videos as files


def extract_take(
    config: Config, store: Store, takes: TakeList, take: Take, file: Path, *, force: bool
) -> None:
    """Write a verified copy of a take's video to `file`. Raises UsageError where something is
    there, unless `force` is set, and where the project keeps its own; StoreDamaged, CutlistError.
    """
    if file.is_dir():
        raise UsageError(f"{file} is a folder.", hint="Name a file. Nothing was written.")
    if os.path.lexists(file) and not force:
        raise UsageError(
            f"{file} is there already.",
            hint="Name another file, or overwrite it with --force. Nothing was written.",
        )
    _check_not_ours(config, file)
    try:
        copy_take(store, takes, take, file)
    except DiskFull as error:
        raise DiskFull(
            f"{file} cannot be written: the disk is full.",
            hint="Make room, or name another file. Nothing was written.",
        ) from error
    except OSError as error:
        raise CutlistError(f"{file} cannot be written: {error.strerror}.") from error


def _check_not_ours(config: Config, file: Path) -> None:
    """Raises UsageError where a video would lie among, or replace, what a project is made of: a
    slip of the hand with `force` would else cost the ledger, or a manifest.
    """
    where = file.resolve()
    own = (config.home, config.state_dir, config.store_dir)
    if any(where.is_relative_to(folder.resolve()) for folder in own):
        raise UsageError(
            f"{file} lies where cutlist keeps its own files.",
            hint="Name a file elsewhere. Nothing was written.",
        )
    if where.suffix.lower() in _NO_VIDEOS:
        raise UsageError(
            f"{file} is no name of a video.", hint="Name a file.mp4. Nothing was written."
        )


def copy_take(store: Store, takes: TakeList, take: Take, target: Path) -> None:
    """Put a take's video at `target`, by rename of a complete and verified copy. Raises
    StoreDamaged, in words of takes.
    """
    try:
        store.copy_out(take.result.digest, target)
    except StoreDamaged as error:
        raise build_damaged(takes, take) from error


def build_damaged(takes: TakeList, take: Take) -> StoreDamaged:
    """The error of a take whose video is missing, or no longer what it is named for."""
    what = "is damaged in this store" if take.is_stored else "is no longer in this store"
    return StoreDamaged(
        f"the video of take {take.number} of {takes.name} ({take.result.digest[:12]}…) {what}.",
        hint=(
            "Nothing was changed. `cutlist verify --read-data --repair` puts aside what is damaged;"
            " a copy of the store, or `cutlist unbundle`, brings it back."
        ),
    )


def bring_take(config: Config, store: Store, takes: TakeList, take: Take) -> Path:
    """A file on this machine with a take's video, to be looked at: its output where that has it,
    else a copy among those that were opened lately. Raises StoreDamaged, OSError.
    """
    if take.output is not None:
        output = resolve_inside(config.root, take.output)
        if output.is_file() and hash_file(output) == take.result.digest:
            return output
    folder = config.cache_dir / "takes"
    copy = folder / _name_copy(takes, take)
    if copy.is_file() and hash_file(copy) == take.result.digest:
        os.utime(copy)
        return copy
    make_dirs(folder)
    copy_take(store, takes, take, copy)
    _remove_oldest(folder, copy)
    return copy


def _name_copy(takes: TakeList, take: Take) -> str:
    stem = takes.name.replace("/", "_").encode()[:_LONGEST_STEM].decode(errors="ignore")
    suffix = PurePosixPath(takes.output).suffix
    return f"{stem} take {take.number} {take.result.digest[:12]}{suffix}"


def _remove_oldest(folder: Path, kept: Path) -> None:
    """Keep as many copies as a person looks at side by side."""
    others = [path for path in folder.iterdir() if path != kept and path.is_file()]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_MOST_COPIES - 1 :]:
        path.unlink(missing_ok=True)
