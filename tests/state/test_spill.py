"""The file that takes a task_id when the disk takes nothing new."""

from __future__ import annotations

from pathlib import Path

from reconciler.state.spill import ROOM_BYTES, Spill, Spilled

NOTE = Spilled("attempt", "0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11", "request", 1_800_000_000.5)


def note(spill: Spill) -> bool:
    return spill.note(NOTE.attempt_id, NOTE.task_id, NOTE.request_id, at=NOTE.at)


def test_what_was_noted_is_read(tmp_path: Path) -> None:
    """Notes come back in their order, also to another process, until they are cleared; the room
    stays.
    """
    spill = Spill(tmp_path / "state" / "spill")
    spill.set_room_aside()
    assert note(spill)
    assert note(spill)
    spill.set_room_aside()
    assert Spill(tmp_path / "state" / "spill").read() == [NOTE, NOTE]
    assert (tmp_path / "state" / "spill").stat().st_size == ROOM_BYTES
    spill.clear()
    assert spill.read() == []
    assert note(spill)


def test_noting_needs_no_new_room(tmp_path: Path) -> None:
    """A note overwrites blanks in place: the file does not grow, and is the same file."""
    spill = Spill(tmp_path / "spill")
    spill.set_room_aside()
    before = (tmp_path / "spill").stat()
    assert note(spill)
    after = (tmp_path / "spill").stat()
    assert (before.st_size, before.st_ino) == (after.st_size, after.st_ino)


def test_a_note_cut_short_is_passed_over(tmp_path: Path) -> None:
    """A kill in the middle of a note leaves the others readable."""
    spill = Spill(tmp_path / "spill")
    spill.set_room_aside()
    note(spill)
    raw = (tmp_path / "spill").read_bytes()
    (tmp_path / "spill").write_bytes(
        raw.rstrip(b" ") + b'{"attempt_id": "b", "ta\n[]\n' + b"[" * 100_000 + b"\n"
    )
    assert spill.read() == [NOTE]


def test_without_room_it_says_so(tmp_path: Path) -> None:
    """Where no room was set aside nothing is promised, and nothing is raised."""
    assert not note(Spill(tmp_path / "spill"))
    assert Spill(tmp_path / "spill").read() == []
