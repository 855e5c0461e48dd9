"""The files in the work tree: what is there, and which of them we wrote, in which realm."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO

from reconciler.errors import StoreDamaged
from reconciler.formats.digest import hash_bytes
from reconciler.formats.records import build_record
from reconciler.state.observed import Output, Published
from reconciler.system.cache import Cache, Digests
from reconciler.system.files import (
    EscapesRoot,
    Stamp,
    Survey,
    is_prefix,
    read_stamp,
    resolve_inside,
    write_atomic,
)

_EMPTY = hash_bytes(b"")


class Outputs:
    """The outputs of one project, in either realm. `record` is the file that remembers what we
    wrote.
    """

    def __init__(self, root: Path, record: Path) -> None:
        self._root = root
        self._record = record
        # what was read or written last, and by what the file is known to be the same still
        self._notes: dict[str, Published] = {}
        self._signed: Stamp | None = None
        self._entries: dict[str, tuple[Published, str]] = {}  # by path: a note as it is written

    @classmethod
    def of(cls, root: Path, record: Path, cache: Cache) -> Outputs:
        """The same; those that were made before with a cache which holds them."""
        held = cache.hold("outputs")
        return (
            cls(root, record)
            if held is None
            else held.setdefault((root, record), cls(root, record))
        )

    def published(self) -> Mapping[str, Published]:
        """What we wrote, by path. Raises StoreDamaged when the record cannot be read."""
        signed = read_stamp(self._record)
        if signed is None or signed != self._signed:
            self._notes, self._signed = self._read(), signed
        return self._notes

    def _read(self) -> dict[str, Published]:
        import orjson  # lazy: only where we wrote something

        try:
            data = orjson.loads(self._record.read_bytes())
            return {path: build_record(Published, entry) for path, entry in data["outputs"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreDamaged(
                f"{self._record.name} cannot be read ({type(error).__name__}).",
                hint=(
                    f"Remove {self._record}: outputs are then known by their bytes, and nothing is"
                    " rendered again."
                ),
            ) from error

    def observe(
        self,
        paths: Collection[str],
        digests: Digests,
        find_stored: Callable[[Collection[str]], Collection[str]],
        find_whole: Callable[[str], Iterable[IO[bytes]]] = lambda _path: (),
        *,
        survey: Survey | None = None,
    ) -> Mapping[str, Output]:
        """Each of `paths` as it is; by what a `survey` of this moment has seen already, if given.

        `find_stored` tells which of some digests are those of blobs that we ever stored;
        `find_whole` opens the blobs that a file at a path may be cut short of: with those in the
        store, nothing of anybody's is lost. Neither is asked without need.
        """
        published, survey = self.published(), survey or Survey(self._root)
        outputs: dict[str, Output] = {}
        strange: dict[str, str] = {}  # by path: digests of which the notes do not know
        for path in paths:
            digest, note = _find_digest(path, survey, digests), published.get(path)
            if digest is None or (note is not None and note.digest == digest):
                outputs[path] = Output(digest, note, digest is not None)
            else:
                strange[path] = digest
        stored = find_stored(set(strange.values())) if strange else ()
        for path, digest in strange.items():
            ours = digest in stored
            cut_short = not ours and self._is_cut_short(path, digest, find_whole)
            outputs[path] = Output(digest, published.get(path), ours or cut_short, cut_short)
        return outputs

    def _is_cut_short(
        self, path: str, digest: str, find_whole: Callable[[str], Iterable[IO[bytes]]]
    ) -> bool:
        if digest == _EMPTY:
            return True
        file = resolve_inside(self._root, path)
        return any(is_prefix(file, blob) for blob in find_whole(path))

    def remember(
        self, notes: Mapping[str, Published], *, forget: Collection[str] = (), tmp_name: str
    ) -> None:
        """Note what we wrote, by path, and drop the notes of the paths in `forget`; nothing is
        written for no change.

        Losing a note is no loss: the bytes are recognised in the store, and what we do not know of
        is never removed.
        """
        before = self.published()
        new = {path: note for path, note in notes.items() if path not in forget}
        gone = [path for path in forget if path in before]
        if not gone and all(before.get(path) == note for path, note in new.items()):
            return
        after = {**before, **new}
        for path in gone:
            del after[path]
        write_atomic(self._record, self._format(after).encode(), tmp_name=tmp_name)
        self._notes, self._signed = after, read_stamp(self._record)

    def _format(self, notes: Mapping[str, Published]) -> str:
        """The file, as json.dumps would write it with an indent of 1. What was written before is
        kept in pieces, since a note seldom changes.
        """
        for path, note in notes.items():
            known = self._entries.get(path)
            if known is None or known[0] is not note:
                text = json.dumps(asdict(note), indent=1, sort_keys=True).replace("\n", "\n  ")
                self._entries[path] = note, f"\n  {json.dumps(path)}: {text}"
        entries = [self._entries[path][1] for path in sorted(notes)]
        outputs = "{" + ",".join(entries) + "\n }" if entries else "{}"
        return f'{{\n "outputs": {outputs},\n "version": 1\n}}\n'


def _find_digest(path: str, survey: Survey, digests: Digests) -> str | None:
    """Of the file at a path; None where there is none, or where the path leaves the project."""
    try:
        seen = survey.look(path)
    except (EscapesRoot, NotADirectoryError):
        return None
    if seen is None:
        return None
    folder, name, _, stamp = seen
    return digests.of_stamp(folder, name, stamp)
