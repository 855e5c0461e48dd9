"""The files in the work tree: what is there, and which of them we may replace."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from reconciler.errors import StoreDamaged
from reconciler.state.observed import Output, Published
from reconciler.state.outputs import Outputs
from reconciler.system.cache import Digests, open_cache
from tests.clock import FakeClock
from tests.making import make_digest

PATH = "renders/film.mp4"


class Bench:
    """A work tree with one output."""

    def __init__(self, root: Path, clock: FakeClock) -> None:
        self.root, self._clock = root, clock
        self.outputs = Outputs(root, root / ".cutlist" / "outputs.json")

    def write(self, content: str) -> None:
        path = self.root / PATH
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)

    def published(self, content: str, realm: str = "live") -> Published:
        note = Published(make_digest(content), realm, "film", "key")
        self.outputs.remember({PATH: note}, tmp_name="x")
        return note

    def seen(self, *known: str) -> Output:
        digests = Digests(open_cache(self.root / "cache"), self._clock, "outputs")
        stored = {make_digest(content) for content in known}
        blobs = [io.BytesIO(content.encode()) for content in known]
        return self.outputs.observe([PATH], digests, stored.intersection, lambda _path: blobs)[PATH]


@pytest.fixture
def bench(tmp_path: Path, clock: FakeClock) -> Bench:
    return Bench(tmp_path, clock)


def test_nothing_there(bench: Bench) -> None:
    """No file, no note: nothing of ours, nothing of anybody's."""
    assert bench.seen() == Output(None, None, False)


def test_a_file_we_wrote(bench: Bench) -> None:
    """A file with the bytes we noted is ours; the note tells its realm."""
    note = bench.published("video", "mock")
    bench.write("video")
    assert bench.seen() == Output(make_digest("video"), note, True)


def test_a_file_that_was_changed_since(bench: Bench) -> None:
    """Bytes that we never stored are not ours, though we wrote that path once."""
    note = bench.published("video")
    bench.write("cut by hand")
    assert bench.seen("video") == Output(make_digest("cut by hand"), note, False)


@pytest.mark.parametrize("content", ["", "v", "vide"])
def test_a_file_that_was_cut_short(bench: Bench, content: str) -> None:
    """The beginning of what we made is ours: nothing of anybody's is lost with it."""
    bench.write(content)
    assert bench.seen("video") == Output(make_digest(content), None, True, cut_short=True)


@pytest.mark.parametrize("content", ["w", "videos", "vidEo"])
def test_a_file_that_is_not_the_beginning(bench: Bench, content: str) -> None:
    """One byte that is not in the store may be somebody's."""
    bench.write(content)
    assert bench.seen("video") == Output(make_digest(content), None, False)


def test_an_empty_file_is_nobodys(bench: Bench) -> None:
    """Also where nothing was ever made; anything else there is somebody's."""
    bench.write("")
    assert bench.seen().ours
    bench.write("v")
    assert not bench.seen().ours


def test_a_file_of_the_store_is_ours_without_a_note(bench: Bench) -> None:
    """Losing the notes is no loss: what is in the store is recognised by its bytes."""
    bench.write("video")
    assert bench.seen("video") == Output(make_digest("video"), None, True)


def test_a_deleted_file_is_remembered(bench: Bench) -> None:
    """The note outlives the file, so that people read `deleted` and not `not written yet`."""
    note = bench.published("video")
    assert bench.seen() == Output(None, note, False)


def test_links_and_folders_are_no_outputs(bench: Bench) -> None:
    """What is not a regular file is never read through, and never ours."""
    bench.write("video")
    (bench.root / PATH).rename(bench.root / "video.mp4")
    (bench.root / PATH).symlink_to(bench.root / "video.mp4")
    assert bench.seen("video") == Output(None, None, False)
    (bench.root / PATH).unlink()
    (bench.root / PATH).mkdir()
    assert bench.seen("video") == Output(None, None, False)


def test_notes_are_kept_beside_each_other(bench: Bench) -> None:
    """A new note leaves the others, and replaces the one of the same path."""
    note = bench.published("one")
    bench.outputs.remember({"other.mp4": note}, tmp_name="x")
    newer = bench.published("two")
    assert bench.outputs.published() == {PATH: newer, "other.mp4": note}


def test_notes_that_are_forgotten(bench: Bench) -> None:
    """What is forgotten is gone, what is noted meanwhile is there; for no change nothing is
    written.
    """
    note = bench.published("one")
    record = bench.root / ".cutlist" / "outputs.json"
    bench.outputs.remember({"other.mp4": note}, forget=[PATH, "never.mp4"], tmp_name="x")
    assert bench.outputs.published() == {"other.mp4": note}
    before = record.stat()
    bench.outputs.remember({"other.mp4": note}, forget=["never.mp4"], tmp_name="x")
    assert (record.stat().st_ino, record.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_notes_of_an_earlier_version(bench: Bench) -> None:
    """They name no environment and no protection: read as unknown, and as none."""
    (bench.root / ".cutlist").mkdir()
    entry = {"digest": "d", "realm": "live", "edit": "film", "key": "k"}
    (bench.root / ".cutlist" / "outputs.json").write_text(
        json.dumps({"version": 1, "outputs": {PATH: entry}})
    )
    note = bench.outputs.published()[PATH]
    assert (note.environment, note.protected) == ("", False)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "[" * 100_000, '{"outputs": []}', '{"outputs": {"a": {"digest": '
                                                         '"x"}}}', '{"outputs": {"a": 1}}',
        '{"outputs": {"a": {"digest": "x", "realm": "mock", "edit": [], "key": "k"}}}',
        '{"outputs": {"a": {"digest": "x", "realm": "mock", "edit": "e", "key": "k", '
        '"protected": 1}}}',
    ],
    ids=lambda text: text[:60],
)  # fmt: skip
def test_damaged_notes(bench: Bench, text: str) -> None:
    """Notes that cannot be read are told, with what to do; they are not taken for empty."""
    (bench.root / ".cutlist").mkdir()
    (bench.root / ".cutlist" / "outputs.json").write_text(text)
    with pytest.raises(StoreDamaged) as told:
        bench.seen()
    assert "nothing is rendered again" in told.value.hint
