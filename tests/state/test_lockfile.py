"""cutlist.lock: stable, easy to merge, and never half believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import InvalidInput
from reconciler.state import lockfile
from reconciler.state.lockfile import LOCK_FILE
from reconciler.state.observed import Pin
from tests.making import make_digest

A, B = (
    Pin(make_digest("key a"), make_digest("video a")),
    Pin(make_digest("key b"), make_digest("video b")),
)
PICKED = Pin(A.key, B.digest, made_by=B.key, take=2)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?", fullmatch=True) | st.sampled_from(
    ["null", "true", "no", "123", "0", "1e5", "1.5", "0x1f", "12-30-45", "e"]
)


def write(root: Path, pins: dict[str, Pin], section: str = "default") -> bool:
    return lockfile.write(root, section, pins, tmp_name="x")


def test_text(tmp_path: Path) -> None:
    """One line an edit, sorted by name, so that two branches that add edits merge by themselves."""
    write(tmp_path, {"zebra": B, "ant": A})
    lines = (tmp_path / LOCK_FILE).read_text().splitlines()
    assert lines[2:] == [
        "version: 1",
        "default:",
        f'  ant: {{key: "{A.key}", digest: "{A.digest}"}}',
        f'  zebra: {{key: "{B.key}", digest: "{B.digest}"}}',
    ]
    assert all(line.startswith("# ") for line in lines[:2])


@given(st.dictionaries(NAMES, st.sampled_from([A, B, PICKED]), max_size=6))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, pins: dict[str, Pin]
) -> None:
    """Every set of pins comes back, also of edits whose names look like numbers or words
    of YAML.
    """
    root = tmp_path_factory.mktemp("project")
    assert write(root, pins)
    assert lockfile.read(root) == {"default": pins}
    assert not write(root, dict(reversed(pins.items())))


@pytest.mark.parametrize(
    "made_by",
    [
        '"abc"',
        "7",
        "[]",
        "{}",
        f'"{A.key}"',
        f'"{A.key.upper()}"',
        f'"{B.key}", take: 0',
        f'"{B.key}", take: "2"',
        f'"{B.key}", take: true',
        "null, take: 2",
    ],
)
def test_a_pick_of_nothing(tmp_path: Path, made_by: str) -> None:
    """What made a picked result is the key of another request, or the file is refused with the
    place and the way out.
    """
    entry = f'{{key: "{A.key}", digest: "{A.digest}", made_by: {made_by}}}'
    (tmp_path / LOCK_FILE).write_text(f"version: 1\ndefault:\n  film: {entry}\n")
    with pytest.raises(InvalidInput, match='made_by of "film"') as raised:
        lockfile.read(tmp_path)
    (fault,) = raised.value.faults
    assert (fault.place.line, "restore it from git" in fault.message) == (3, True)


def test_no_change_is_no_write(tmp_path: Path) -> None:
    """The same pins leave the file alone, to the last tick of its times."""
    assert write(tmp_path, {"a": A})
    before = (tmp_path / LOCK_FILE).stat()
    assert not write(tmp_path, {"a": A})
    after = (tmp_path / LOCK_FILE).stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_every_environment_has_its_section(tmp_path: Path) -> None:
    """Writing one leaves the others as they are; one without pins goes."""
    write(tmp_path, {"ant": A})
    write(tmp_path, {"ant": B, "bee[look=snow]": A}, "final")
    write(tmp_path, {"ant": B}, "draft")
    assert lockfile.read(tmp_path) == {
        "default": {"ant": A},
        "draft": {"ant": B},
        "final": {"ant": B, "bee[look=snow]": A},
    }
    assert not write(tmp_path, {"ant": B}, "draft")
    write(tmp_path, {}, "draft")
    assert set(lockfile.read(tmp_path)) == {"default", "final"}


def test_a_large_project(tmp_path: Path) -> None:
    """10,000 edits are more than a manifest may hold, and no more than one matrix makes."""
    pins = {f"edit[n={number}]": A for number in range(10_000)}
    assert write(tmp_path, pins)
    assert lockfile.read(tmp_path) == {"default": pins}


def test_no_file(tmp_path: Path) -> None:
    """A project without a lock file pins nothing."""
    assert lockfile.read(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            (
                f"version: 1\ndefault:\n<<<<<<< ours\n  a: {{key: {A.key}, digest:"
                f" {A.digest}}}\n=======\n>>>>>>> theirs\n"
            ),
            (
                "cutlist.lock:3:1: error: conflict markers of a merge; keep either side of each"
                " line, then plan again"
            ),
        ),
        ("", "cutlist.lock:1:1: error: this is no lock file of version 1; restore it from git"),
        (
            "version: 2\ndefault: {}\n",
            "cutlist.lock:1:1: error: this is no lock file of version 1; restore it from git",
        ),
        (
            "- a\n",
            "cutlist.lock:1:1: error: this is no lock file of version 1; restore it from git",
        ),
        (
            "version: 1\ndefault: [a]\n",
            "cutlist.lock:1:1: error: this is no lock file of version 1; restore it from git",
        ),
        (
            "version: 1\ndefault:\n  a: {key: abc, digest: def}\n",
            (
                'cutlist.lock:3:6: error: the entry of "a" lacks a key or a digest of 64 hex'
                " digits; restore it from git"
            ),
        ),
        (
            "version: 1\ndefault:\n  a: yes\n",
            (
                'cutlist.lock:3:6: error: the entry of "a" lacks a key or a digest of 64 hex'
                " digits; restore it from git"
            ),
        ),
        (
            f'version: 1\ndefault:\n  a: {{key: "{A.key}"}}\n',
            (
                'cutlist.lock:3:6: error: the entry of "a" lacks a key or a digest of 64 hex'
                " digits; restore it from git"
            ),
        ),
        (
            "version: 1\ndefault:\n  a: {}\n  a: {}\n",
            'cutlist.lock:4:3: error: duplicate key "a" (first at 3:3)',
        ),
    ],
    ids=["conflict", "empty", "version", "list", "section", "hex", "entry", "digest", "duplicate"],
)
def test_refused(tmp_path: Path, text: str, said: str) -> None:
    """What is no lock file, or half of two, is refused with its place; nobody's pin is guessed."""
    (tmp_path / LOCK_FILE).write_text(text)
    with pytest.raises(InvalidInput) as told:
        lockfile.read(tmp_path)
    assert str(told.value) == said
    assert told.value.exit_code == 3


def test_both_sides_of_a_merge(tmp_path: Path) -> None:
    """Two branches that pin different edits merge to a file with both, line by line."""
    write(tmp_path, {"a": A})
    ours = (tmp_path / LOCK_FILE).read_text().splitlines(keepends=True)
    write(tmp_path, {"b": B})
    theirs = (tmp_path / LOCK_FILE).read_text().splitlines(keepends=True)
    (tmp_path / LOCK_FILE).write_text(
        "".join([*ours, *[line for line in theirs if line not in ours]])
    )
    assert lockfile.read(tmp_path) == {"default": {"a": A, "b": B}}
