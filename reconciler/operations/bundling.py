"""`cutlist bundle` and `cutlist unbundle`: results for people who cannot reach the store."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reconciler.config import Config
from reconciler.desired.manifest import check_output_path
from reconciler.errors import BadBundle, CutlistError, UsageError
from reconciler.formats.words import format_count
from reconciler.plan.selection import find_edit
from reconciler.planner import Pass
from reconciler.state import lockfile
from reconciler.state.bundles import (
    BundleContents,
    BundledResult,
    BundleReader,
    refuse_bytes,
    write_bundle,
)
from reconciler.state.observed import Result
from reconciler.state.store import Store
from reconciler.system.files import (
    EscapesRoot,
    copy_atomic,
    create_file,
    fsync_dir,
    hash_file,
    make_dirs,
    resolve_inside,
)

_MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class Bundled:
    """What was packed or unpacked: names of edits, the bytes of their videos, and the edits that
    have nothing to pack.
    """

    edits: Sequence[str]
    size_bytes: int
    without: Sequence[str] = ()


# ------------------------------------------------------------------ packing


def choose_results(
    current: Pass, names: Sequence[str], project: str, store: Store
) -> tuple[BundleContents, Sequence[str]]:
    """What a bundle of these edits has, or of all: of each the result that counts, which is the
    pinned one where the lock file pins any, with the excerpts that went into it; and the edits that
    have none.

    Raises UsageError for a name that is none, for a named edit without a result, and where nothing
    is left.
    """
    chosen = [find_edit(list(current.resolved), name) for name in names]
    entries, without, excerpts = [], [], dict[str, Result]()
    for name in sorted(set(chosen) or current.resolved):
        edit = current.resolved[name]
        if edit.result is None:
            without.append(name)
        else:
            entries.append(BundledResult(name, edit.wanted.edit.output, edit.result))
            taken = (edit.excerpts or {}).values() if not edit.is_picked else ()
            excerpts |= {each.key: each for each in taken}
    if without and (chosen or not entries):
        raise UsageError(
            f"{_list_names(without)} {'has' if len(without) == 1 else 'have'} no result yet.",
            hint="`cutlist plan` says what is missing. Nothing was written.",
        )
    if not entries:
        raise UsageError("there is no edit to pack.", hint="Nothing was written.")
    stored = store.find_stored({each.digest for each in excerpts.values()})
    kept = tuple(each for each in excerpts.values() if each.digest in stored)
    return BundleContents(project, current.observed.realm, tuple(entries), kept), without


def pack(contents: BundleContents, store: Store, out: Path, new_id: Callable[[], str]) -> int:
    """Write a bundle to a new file. Returns its bytes. Raises StoreDamaged, CutlistError."""
    if out.exists():
        raise CutlistError(f"{out} is there already.", hint="Name another file, or move it away.")
    try:
        with create_file(out.parent, f".{out.name}.{new_id()}.tmp", 0o644) as (path, file):
            write_bundle(file, contents, store)
            file.flush()
            size_bytes = path.stat().st_size
            path.rename(out)
        fsync_dir(out.parent)
    except OSError as error:
        raise CutlistError(f"{out} cannot be written: {error.strerror}.") from error
    return size_bytes


# ------------------------------------------------------------------ unpacking


def unpack_into_store(path: Path, config: Config, store: Store) -> Bundled:
    """Put the results of a bundle into the project's store: in the live realm those that the lock
    file pins, and where there is another, none. Raises BadBundle, CutlistError.
    """
    with _open(path) as file:
        reader = BundleReader(file)
        contents = reader.contents
        if contents.realm != config.realm:
            raise BadBundle(
                f"the bundle is of the realm {contents.realm}, and this project works in"
                f" {config.realm}.",
                hint="Nothing was unpacked. CUTLIST_ENDPOINT names another endpoint.",
            )
        if config.realm == "live":
            _check_pinned(contents, lockfile.read(config.lock_dir))
        for digest, chunks in reader.read_blobs():
            with store.new_blob() as blob:
                for chunk in chunks:
                    blob.write(chunk)
                if blob.digest != digest:
                    raise refuse_bytes(digest)
                blob.commit()
            for result in contents.results:
                if result.digest == digest:
                    store.put_result(result)
    return _sum_up(contents)


def unpack_into_folder(path: Path, folder: Path, new_id: Callable[[], str]) -> Bundled:
    """Write the videos of a bundle below a folder, each where its edit has it in the project.
    Nothing that is there is replaced. Raises BadBundle, CutlistError.
    """
    with _open(path) as file:
        reader = BundleReader(file)
        targets: dict[str, list[Path]] = {}
        for entry in reader.contents.entries:
            target = _find_target(folder, entry)
            targets.setdefault(entry.result.digest, []).append(target)
        for digest, chunks in reader.read_blobs():
            if digest not in targets:  # an excerpt
                list(chunks)
                continue
            first, *others = targets[digest]
            _write_verified(first, digest, chunks, new_id)
            for other in others:
                copy_atomic(first, other, tmp_name=new_id())
    return _sum_up(reader.contents)


def _find_target(folder: Path, entry: BundledResult) -> Path:
    """Where a video goes: a path that a manifest could ask for."""
    fault = check_output_path(entry.output)
    try:
        target = resolve_inside(folder, entry.output)
    except EscapesRoot as error:
        fault = fault or str(error)
    if fault is not None or posixpath.normpath(entry.output) != entry.output:
        raise BadBundle(
            "the bundle names an output that no manifest could.", hint="Nothing was unpacked."
        )
    with suppress(OSError):
        if hash_file(target) == entry.result.digest:
            return target
    if target.exists():
        raise CutlistError(
            f"{target} is there already, with other bytes.",
            hint="Nothing was unpacked. Name an empty folder.",
        )
    return target


def _write_verified(
    target: Path, digest: str, chunks: Iterable[bytes], new_id: Callable[[], str]
) -> None:
    """A new file with these bytes, by rename of a complete one. Raises BadBundle."""
    make_dirs(target.parent)
    hasher = hashlib.sha256()
    with create_file(target.parent, f".{target.name}.{new_id()}.tmp", 0o644) as (path, file):
        for chunk in chunks:
            file.write(chunk)
            hasher.update(chunk)
        file.flush()
        if hasher.hexdigest() != digest:
            raise refuse_bytes(digest)
        path.rename(target)
    fsync_dir(target.parent)


def _check_pinned(contents: BundleContents, sections: lockfile.Sections) -> None:
    """Money may depend on what a store has, so a bundle brings nothing that nobody asked for."""
    pinned = {(pin.stored_under, pin.digest) for pins in sections.values() for pin in pins.values()}
    unpinned = [
        entry.edit
        for entry in contents.entries
        if (entry.result.key, entry.result.digest) not in pinned
    ]
    if unpinned:
        raise BadBundle(
            f"{lockfile.LOCK_FILE} does not pin what the bundle has for {_list_names(unpinned)}.",
            hint=(
                "Nothing was unpacked. Check out the commit that the bundle was made of, or write"
                " its videos to a folder: `cutlist unbundle FILE --to DIR`."
            ),
        )


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """A bundle, for reading. Raises CutlistError where that cannot be, then or later."""
    try:
        if not path.is_file():
            raise UsageError(f"there is no file {path}.")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        where = error.filename or path
        raise CutlistError(f"{where} cannot be used: {error.strerror}.") from error


def _sum_up(contents: BundleContents) -> Bundled:
    edits = sorted({entry.edit for entry in contents.entries})
    return Bundled(edits, sum(contents.sizes.values()))


def _list_names(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        more = format_count(len(names) - _MOST_NAMES, "other")
        return f"{', '.join(names[:_MOST_NAMES])} and {more}"
    return ", ".join(names)
