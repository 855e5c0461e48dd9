"""`cutlist sheet`: edits on one picture, before above after. Spends nothing and sends nothing."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reconciler.desired.datauri import parse_data_uri
from reconciler.desired.job import Input
from reconciler.desired.references import show_url
from reconciler.errors import CutlistError, DiskFull, StoreDamaged, UsageError
from reconciler.formats.names import get_matrix_name, make_plain
from reconciler.plan.excerpts import find_length_s
from reconciler.plan.jobs import Resolved
from reconciler.plan.selection import find_edit
from reconciler.planner import Pass
from reconciler.state.store import Store
from reconciler.system.contact_sheet import TILE, TILES, SheetPanel, SheetStrip, draw_sheet
from reconciler.system.files import write_atomic
from reconciler.system.probe.client import read_small_frames
from reconciler.system.probe.refusal import Unreadable

_MOST_EDITS = 100
_KINDS = ("video", "image", "audio")  # the first that there is is shown
_UNWRITTEN = "Nothing was written."
_LENGTH_S = 5.0  # of an edit without a result: what stands for the length of its output


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet that was written: its edits, its bytes, and those without a result."""

    edits: Sequence[str]
    size_bytes: int
    without: Sequence[str]


def choose_edits(current: Pass, names: Sequence[str]) -> Sequence[str]:
    """The edits of a sheet, as they were named; a matrix stands for all that it makes. Raises
    UsageError.
    """
    chosen: dict[str, None] = {}
    for name in names:
        cells = sorted(one for one in current.resolved if get_matrix_name(one) == name != one)
        chosen |= dict.fromkeys(cells or [find_edit(list(current.resolved), name)])
    if not chosen or len(chosen) > _MOST_EDITS:
        raise UsageError(
            f"a sheet has 1 to {_MOST_EDITS} edits, and these are {len(chosen)}.",
            hint=f"Name fewer. {_UNWRITTEN}",
        )
    return list(chosen)


def write_sheet(
    current: Pass,
    store: Store,
    names: Sequence[str],
    out: Path,
    new_id: Callable[[], str],
    *,
    force: bool,
) -> Sheet:
    """Draw edits and write the picture to `out`. Raises UsageError where something is there, unless
    `force` is set, CutlistError.
    """
    edits = choose_edits(current, names)
    if out.suffix.lower() != ".png":
        raise UsageError(f"{out} is no name of a PNG.", hint=f"Name a file.png. {_UNWRITTEN}")
    if out.is_dir() or (os.path.lexists(out) and not force):
        raise UsageError(
            f"{out} is there already.",
            hint=f"Name another file, or overwrite it with --force. {_UNWRITTEN}",
        )
    picture = draw_sheet([_build_panel(current, store, name) for name in edits])
    try:
        write_atomic(out, picture, tmp_name=new_id())
    except DiskFull as error:
        raise DiskFull(
            f"{out} cannot be written: the disk is full.",
            hint="Make room, or name another file. Nothing was written.",
        ) from error
    except OSError as error:
        raise CutlistError(f"{out} cannot be written: {error.strerror}.") from error
    without = [name for name in edits if current.resolved[name].result is None]
    return Sheet(edits, len(picture), without)


def _build_panel(current: Pass, store: Store, name: str) -> SheetPanel:
    edit = current.resolved[name]
    length_s = edit.result.duration_s if edit.result is not None else _LENGTH_S
    moments_s = [(number + 0.5) * length_s / TILES for number in range(TILES)]
    before = _read_strip("before", moments_s, lambda stack: _open_before(edit, store, stack))
    after = _read_strip("after", moments_s, lambda stack: _open_after(edit, store, stack))
    prompt = make_plain(str(edit.wanted.edit.input.get("prompt", "")))
    return SheetPanel(make_plain(name), (before, after), prompt)


class _NotHere(Exception):
    """There are no bytes to be shown, for a reason in words."""


def _read_strip(
    label: str, moments_s: Sequence[float], open_medium: Callable[[ExitStack], IO[bytes]]
) -> SheetStrip:
    """The frames of a medium at some moments, or why there are none."""
    try:
        with ExitStack() as stack:
            file = open_medium(stack)
            size_bytes = file.seek(0, os.SEEK_END)
            return SheetStrip(label, read_small_frames(file, size_bytes, moments_s, TILE))
    except _NotHere as error:
        return SheetStrip(label, words=str(error))
    except StoreDamaged:
        return SheetStrip(label, words="its video is missing from this store")
    except Unreadable as error:
        return SheetStrip(label, words=f"it cannot be shown: {error}")
    except OSError as error:
        return SheetStrip(label, words=f"it cannot be read: {error.strerror}")


def _open_after(edit: Resolved, store: Store, stack: ExitStack) -> IO[bytes]:
    if edit.result is None:
        raise _NotHere("no result yet")
    store.check_blob(edit.result.digest)
    return stack.enter_context(store.open_blob(edit.result.digest))


def _open_before(edit: Resolved, store: Store, stack: ExitStack) -> IO[bytes]:
    """What is edited: the first video that goes in, else the first picture."""
    medium = next(_list_shown(edit), None)
    if medium is None:
        raise _NotHere("made of words alone")
    if edit.wanted.model.media[medium.medium.limits].kind == "audio":
        length_s = find_length_s(edit, medium)
        raise _NotHere("sound" if length_s is None else f"sound, {length_s:.1f} s")
    reference = medium.medium.reference
    if medium.upstream is not None:
        result = edit.above.get(reference.source)
        if result is None:
            raise _NotHere(f"waits for {make_plain(medium.upstream)}")
        return stack.enter_context(store.open_blob(result.digest))
    if reference.kind == "data":
        return io.BytesIO(parse_data_uri(reference.value).content)
    if medium.path is not None:
        return stack.enter_context(medium.path.open("rb"))
    if reference.kind == "local":
        raise _NotHere("it lies in a commit")
    raise _NotHere(f"not fetched: {make_plain(show_url(reference.value))}")


def _list_shown(edit: Resolved) -> Iterator[Input]:
    """What goes in and can be shown: videos first, then pictures, and no masks."""
    limits = edit.wanted.model.media
    shown = [one for one in edit.wanted.inputs if not limits[one.medium.limits].mask]
    yield from sorted(shown, key=lambda one: _KINDS.index(limits[one.medium.limits].kind))
