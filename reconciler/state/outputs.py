"""The files in the work tree: what is there, and which of them we wrote, in which realm."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from reconciler.errors import StoreDamaged
from reconciler.formats.digest import hash_bytes
from reconciler.formats.records import build_record, parse_json
from reconciler.state.observed import Output, Published
from reconciler.system.cache import Digests
from reconciler.system.files import EscapesRoot, is_prefix, resolve_inside, write_atomic

_EMPTY = hash_bytes(b"")


class Outputs:
    """The outputs of one project, in either realm. `record` is the file that remembers what we
    wrote.
    """

    def __init__(self, root: Path, record: Path) -> None:
        self._root = root
        self._record = record

    def published(self) -> dict[str, Published]:
        """What we wrote, by path. Raises StoreDamaged when the record cannot be read."""
        try:
            data = parse_json(self._record.read_bytes())
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
        known: Collection[str],
        blobs_of: Callable[[str], Iterable[Path]] = lambda _path: (),
    ) -> Mapping[str, Output]:
        """Each of `paths` as it is.

        `known` are the digests of every blob we ever stored; `blobs_of` gives the blobs that a file
        at a path may be cut short of: with those in the store, nothing of anybody's is lost.
        """
        published = self.published()
        seen = {}
        for path in paths:
            digest, mine = None, published.get(path)
            with suppress(EscapesRoot):
                digest = digests.of(resolve_inside(self._root, path))
            ours = digest is not None and (
                digest in known or (mine is not None and mine.digest == digest)
            )
            cut_short = (
                digest is not None and not ours and self._is_cut_short(path, digest, blobs_of)
            )
            seen[path] = Output(digest, mine, ours or cut_short, cut_short)
        return seen

    def _is_cut_short(
        self, path: str, digest: str, blobs_of: Callable[[str], Iterable[Path]]
    ) -> bool:
        if digest == _EMPTY:
            return True
        file = resolve_inside(self._root, path)
        return any(is_prefix(file, blob) for blob in blobs_of(path))

    def remember(
        self, notes: Mapping[str, Published], *, forget: Collection[str] = (), tmp_name: str
    ) -> None:
        """Note what we wrote, by path, and drop the notes of the paths in `forget`; nothing is
        written for no change.

        Losing a note is no loss: the bytes are recognised in the store, and what we do not know of
        is never removed.
        """
        before = self.published()
        after = {path: note for path, note in {**before, **notes}.items() if path not in forget}
        if after == before:
            return
        entries = {path: asdict(note) for path, note in sorted(after.items())}
        text = json.dumps({"version": 1, "outputs": entries}, indent=1, sort_keys=True) + "\n"
        write_atomic(self._record, text.encode(), tmp_name=tmp_name)
