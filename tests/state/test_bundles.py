"""Bundles: what is packed comes out; what somebody bent is refused, and nothing of it is kept."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import BadBundle, StoreDamaged
from reconciler.operations.bundling import unpack_into_folder
from reconciler.state.bundles import (
    MOST_BLOB_BYTES,
    BundleContents,
    BundledResult,
    BundleReader,
    write_bundle,
)
from reconciler.state.store import FolderStore
from tests.clock import FakeClock
from tests.state.stores import put

Bend = Callable[[dict[str, Any], list[tuple[tarfile.TarInfo, bytes]]], None]


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> FolderStore:
    """An empty store in a folder."""
    return FolderStore(tmp_path / "store", clock)


@pytest.fixture
def packed(store: FolderStore) -> bytes:
    """A bundle of two edits with a video each."""
    entries = tuple(
        BundledResult(name, f"renders/{name}.mp4", put(store, name * 700, key=key * 64, edit=name))
        for name, key in (("one", "1"), ("two", "2"))
    )
    file = io.BytesIO()
    write_bundle(file, BundleContents("film", "live", entries), store)
    return file.getvalue()


def unpack(raw: bytes, folder: Path) -> None:
    """Unpack these bytes below `folder`."""
    path = folder.parent / "bundle"
    path.write_bytes(raw)
    numbers = iter(range(100))
    unpack_into_folder(path, folder, lambda: str(next(numbers)))


def list_files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_packed_comes_out(packed: bytes, tmp_path: Path) -> None:
    """Each video lies where its edit has it; unpacking again changes nothing."""
    for _ in range(2):
        unpack(packed, tmp_path / "out")
        assert list_files(tmp_path / "out") == {
            "renders/one.mp4": b"one" * 700,
            "renders/two.mp4": b"two" * 700,
        }


def test_any_tar_can_list_it(packed: bytes) -> None:
    """It is a plain tar file."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        first, *others = tar.getnames()
    assert (first, len(others)) == ("bundle.json", 2)


def test_a_blob_that_went_bad_is_not_packed(store: FolderStore) -> None:
    """What is packed is hashed before."""
    film = put(store)
    path = store.blob_path(film.digest)
    path.chmod(0o600)
    path.write_bytes(b"vide0")
    contents = BundleContents("film", "live", (BundledResult("film", "film.mp4", film),))
    with pytest.raises(StoreDamaged):
        write_bundle(io.BytesIO(), contents, store)


def test_cut_short_anywhere(packed: bytes, tmp_path: Path) -> None:
    """Wherever it ends early it is refused, in one sentence; only whole videos are there."""
    whole = {b"one" * 700, b"two" * 700}
    for size_bytes in range(0, len(packed) - 1024, 256):
        folder = tmp_path / f"out{size_bytes}"
        with pytest.raises(BadBundle, match=r"ends early|is no bundle"):
            unpack(packed[:size_bytes], folder)
        assert set(list_files(folder).values()) <= whole


def _rename(name: str) -> Bend:
    def bend(_contents: dict[str, Any], members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[0][0].name = name

    return bend


def _retype(kind: bytes) -> Bend:
    def bend(_contents: dict[str, Any], members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[0][0].type = kind
        members[0][0].linkname = "/etc/passwd"

    return bend


def _say(**fields: Any) -> Bend:
    """Other words in the list of contents, of its first entry."""

    def bend(contents: dict[str, Any], _members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        contents["results"][0] |= fields

    return bend


def _record(**fields: Any) -> Bend:
    def bend(contents: dict[str, Any], _members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        contents["results"][0]["record"] |= fields

    return bend


def _swap_bytes(_contents: dict[str, Any], members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    info, raw = members[0]
    members[0] = (info, bytes(len(raw)))


def _add_one(_contents: dict[str, Any], members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    info = tarfile.TarInfo("blobs/more")
    info.size = 5
    members.append((info, b"extra"))


def _take_one_away(_contents: dict[str, Any], members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    del members[1]


def _turn_around(_contents: dict[str, Any], members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members.reverse()


def _announce_much(_contents: dict[str, Any], members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[0][0].size = 7 << 30


def _nest(contents: dict[str, Any], _members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    contents["results"][0]["record"]["job"] = json.loads("[" * 50 + "]" * 50)


BENT: dict[str, Bend] = {
    "a path that climbs": _rename("../../evil.mp4"),
    "an absolute path": _rename("/tmp/evil.mp4"),
    "another name": _rename("blobs/other"),
    "a link": _retype(tarfile.SYMTYPE),
    "a hard link": _retype(tarfile.LNKTYPE),
    "a device": _retype(tarfile.CHRTYPE),
    "a folder": _retype(tarfile.DIRTYPE),
    "a sparse file": _retype(tarfile.GNUTYPE_SPARSE),
    "a long name": _retype(tarfile.GNUTYPE_LONGNAME),
    "an extended head": _retype(tarfile.XHDTYPE),
    "an output that climbs": _say(output="../evil.mp4"),
    "an absolute output": _say(output="/tmp/evil.mp4"),
    "an output in .git": _say(output=".git/hooks/pre-commit"),
    "an output that is a manifest": _say(output="cutlist.yaml"),
    "an output that is no text": _say(output=5),
    "no output": _say(output=""),
    "a digest that climbs": _record(digest="../" * 21 + "x"),
    "a key that climbs": _record(key="../" * 21 + "x"),
    "a record with more fields": _record(more=1),
    "a record of other types": _record(size_bytes="5"),
    "a record of no bytes": _record(size_bytes=0),
    "a record of too many bytes": _record(size_bytes=MOST_BLOB_BYTES + 1),
    "a record of other bytes": _record(size_bytes=5),
    "a job that is none": _nest,
    "other bytes": _swap_bytes,
    "one more": _add_one,
    "one less": _take_one_away,
    "another order": _turn_around,
    "a size that is not there": _announce_much,
}


def read_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """The bytes of a file of an archive."""
    file = tar.extractfile(info)
    assert file is not None
    return file.read()


@pytest.mark.parametrize("what", BENT)
def test_bent(what: str, packed: bytes, tmp_path: Path) -> None:
    """Refused with exit code 3; outside the folder nothing was written, and inside it only videos
    that were asked for.
    """
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        (first, listed), *members = [(info, read_member(tar, info)) for info in tar.getmembers()]
    contents = json.loads(listed)
    BENT[what](contents, members)
    raw = json.dumps(contents).encode()
    first.size = len(raw)
    bent = io.BytesIO()
    for info, content in [(first, raw), *members]:
        bent.write(info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512))
    bent.write(bytes(1024))
    folder = tmp_path / "in" / "out"
    folder.mkdir(parents=True)
    with pytest.raises(BadBundle) as refused:
        unpack(bent.getvalue(), folder)
    assert refused.value.exit_code == 3
    assert {name for name in list_files(tmp_path / "in") if name != "bundle"} <= {
        "out/renders/one.mp4",
        "out/renders/two.mp4",
    }
    assert not Path("/tmp/evil.mp4").exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no tar",
        bytes(2048),
        b"\x1f\x8b" + bytes(2048),
        b"PK\x03\x04" + bytes(600),
        tarfile.TarInfo("bundle.json").tobuf(tarfile.USTAR_FORMAT) + bytes(1024),
    ],
)
def test_no_bundle_at_all(raw: bytes) -> None:
    """Other files are no bundles."""
    with pytest.raises(BadBundle):
        BundleReader(io.BytesIO(raw))


def test_a_list_of_contents_without_end() -> None:
    """A list that says to be huge is not read."""
    info = tarfile.TarInfo("bundle.json")
    info.size = 7 << 30
    with pytest.raises(BadBundle, match="too long"):
        BundleReader(io.BytesIO(info.tobuf(tarfile.USTAR_FORMAT)))


def test_nothing_is_replaced(packed: bytes, tmp_path: Path) -> None:
    """A file that is there with other bytes stays, and nothing is unpacked."""
    target = tmp_path / "out" / "renders" / "two.mp4"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"mine")
    with pytest.raises(Exception, match="is there already"):
        unpack(packed, tmp_path / "out")
    assert list_files(tmp_path / "out") == {"renders/two.mp4": b"mine"}
