"""What a pass has read, the next one has at hand: a save costs what it touches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reconciler.desired.source import readings
from reconciler.state.booked import Entry
from reconciler.state.ledger.sql.books import SqlBooks
from reconciler.state.outputs import Outputs
from reconciler.system import cache
from tests.watch.watched import Watched, write_edit

EDITS = 60


class Reader:
    """Counts what passes read."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.manifests: list[str] = []
        self.texts: list[str] = []  # of which files
        self.notes = 0
        self.lines: list[int] = []  # of the books, at each check
        read, read_text = readings.ManifestReader._read, readings._Texts.read
        read_notes, list_entries = Outputs._read, SqlBooks.entries

        def note_manifest(reader: readings.ManifestReader, path: str) -> readings.ManifestFile:
            if reader._held is not None:  # the watch itself reads names, whenever a file was young
                self.manifests.append(path)
            return read(reader, path)

        def note_text(texts: readings._Texts, number: int) -> Any:
            self.texts.append(texts._key.split(":", 2)[2])
            return read_text(texts, number)

        def note_notes(outputs: Outputs) -> Any:
            self.notes += 1
            return read_notes(outputs)

        def count_entries(books: SqlBooks, *edits: Any, **since: Any) -> Sequence[Entry]:
            entries = list_entries(books, *edits, **since)
            self.lines.append(len(entries))
            return entries

        patch.setattr(SqlBooks, "entries", count_entries)
        patch.setattr(readings.ManifestReader, "_read", note_manifest)
        patch.setattr(readings._Texts, "read", note_text)
        patch.setattr(Outputs, "_read", note_notes)

    def forget(self) -> None:
        self.manifests.clear()
        self.texts.clear()
        self.lines.clear()
        self.notes = 0


@pytest.fixture
def reader(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A project of many edits that share one request; times of files tell everything."""
    monkeypatch.setattr(cache, "_RACY_NS", 0)
    for number in range(EDITS):
        watched.edit(f"film-{number:02}")
    return Reader(monkeypatch)


async def test_a_save_among_many(watched: Watched, reader: Reader) -> None:
    """Its manifest is read once, and no other; no note of an output is read again, and of no other
    edit what it says at length.
    """
    async with watched.watching():
        await watched.until_passes(1)
        for number in (7, 8):
            reader.forget()
            edit = partial(watched.edit, f"film-{number:02}", f"snow {number}")
            await watched.change(edit)
            assert reader.manifests == [f"specs/film-{number:02}.yaml"]
            assert reader.notes == 0
            assert reader.lines[0] == 1  # of the pass before
            assert set(reader.texts) <= {f"specs/film-{number:02}.yaml"}
    assert watched.list_prompts() == ["rain", "snow 7", "snow 8"]


async def test_what_other_programs_wrote_is_read(watched: Watched, reader: Reader) -> None:
    """Nothing is believed that lies otherwise by now: not the notes of outputs, not a manifest."""
    async with watched.watching():
        await watched.until_passes(1)
        reader.forget()
        notes = watched.root / ".cutlist/outputs.json"
        replace_by_copy(notes)
        await watched.change(lambda: watched.edit("film-07", "snow"))
        assert reader.notes == 1
        reader.forget()
        path = watched.root / "specs/film-03.yaml"
        await watched.change(lambda: path.write_text(write_edit("film-03", "fog")))
        assert reader.manifests == ["specs/film-03.yaml"]
        assert reader.notes == 0
    assert watched.list_prompts() == ["rain", "snow", "fog"]


def replace_by_copy(path: Path) -> None:
    """The same bytes in another file."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)
