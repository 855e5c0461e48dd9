"""Files: joins that cannot leave their root, writes that are whole or not there."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.system.files import (
    EscapesRoot,
    Survey,
    copy_atomic,
    create_file,
    make_dirs,
    make_stamp,
    pack_stamp,
    read_stamp,
    read_start,
    resolve_inside,
    resolve_links,
    unpack_stamp,
    write_atomic,
)


@given(
    st.lists(
        st.sampled_from(["..", ".", "", "a", "b c", "\u00e9", "~", "\\", "...", "x.mp4"]),
        max_size=6,
    ).map("/".join)
)
def test_inside_never_leaves(relative: str) -> None:
    """A join stays below its root, or it is refused."""
    root = Path("/nowhere/root")
    try:
        path = resolve_inside(root, relative)
    except EscapesRoot:
        return
    assert root in path.parents
    assert ".." not in path.parts


@pytest.mark.parametrize(
    "relative", ["", "/", "/a", "~/a", "..", "../a", "a/../../b", ".", "a/..", "a\\b", "a\0b"]
)
def test_inside_refuses(relative: str) -> None:
    """Absolute, climbing, empty and foreign paths are refused."""
    with pytest.raises(EscapesRoot):
        resolve_inside(Path("/nowhere/root"), relative)


def test_inside_refuses_links(tmp_path: Path) -> None:
    """No link on the way, whether it leads in or out, to something or nothing."""
    (tmp_path / "real").mkdir()
    for name, target in [("in", "real"), ("out", "/"), ("gone", "nowhere")]:
        (tmp_path / name).symlink_to(target)
        with pytest.raises(EscapesRoot, match=f"symbolic link {name}"):
            resolve_inside(tmp_path, f"{name}/a")
    assert resolve_inside(tmp_path, "real/a") == tmp_path / "real" / "a"


PARTS = ["..", ".", "", "real", "in", "out", "file", "gone", "~", "a\\b", "x.mp4"]


def look_alone(root: Path, relative: str) -> object:
    """What lies at a path, or why it cannot be looked at, each path by itself."""
    try:
        info = resolve_inside(root, relative).lstat()
        return info.st_mode, make_stamp(info)
    except FileNotFoundError:
        return None
    except (EscapesRoot, OSError) as error:
        return type(error), str(error).partition(":")[0]


def look_by(survey: Survey, relative: str) -> object:
    """The same by a survey."""
    try:
        seen = survey.look(relative)
    except (EscapesRoot, OSError) as error:
        return type(error), str(error).partition(":")[0]
    return None if seen is None else seen[2:]


def test_survey_sees_what_each_look_sees(tmp_path: Path) -> None:
    """In whatever order paths are looked at, links are refused and files found as one by one."""
    (tmp_path / "real" / "real").mkdir(parents=True)
    for folder in ("", "real", "real/real"):
        (tmp_path / folder / "x.mp4").write_text(folder)
    (tmp_path / "file").touch()
    for link, target in [("in", "real"), ("out", "/"), ("real/in", "x.mp4"), ("real/out", "no")]:
        (tmp_path / link).symlink_to(target)
    paths = ["/".join(parts) for length in (1, 2, 3) for parts in product(PARTS, repeat=length)]
    paths += ["/real/x.mp4", "real\0", "x" * 300, "x" * 300 + "/y"]
    paths = Random(7).sample([*paths, *paths], 2 * len(paths))
    survey = Survey(tmp_path)
    for path in paths:
        assert look_by(survey, path) == look_alone(tmp_path, path), path


def test_survey_looks_once(tmp_path: Path) -> None:
    """A survey is of one moment: what came later is for the next one."""
    survey = Survey(tmp_path)
    assert survey.look("a/b") is None
    write_atomic(tmp_path / "a" / "b", b"new", tmp_name="x")
    assert survey.look("a/b") is None
    seen = Survey(tmp_path).look("a/b")
    assert seen is not None
    assert seen[:2] == (f"{tmp_path}/a", "b")


@pytest.mark.parametrize("size", [0, 1, 100, 8192, 100_000])
@pytest.mark.parametrize("most", [1, 100, 1 << 20])
def test_a_file_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, most: int
) -> None:
    """Also from a file system that gives less at once than it was asked for, and has more."""
    content = Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(content)
    assert read_start(str(tmp_path / "file"), most) == content[:most]
    read = os.read
    monkeypatch.setattr(os, "read", lambda handle, count: read(handle, min(count, 1500)))
    assert read_start(str(tmp_path / "file"), most) == content[:most]


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    """Not a pipe, though somebody has written into it, and not a link."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    with pipe.open("r+b", buffering=0) as writer:
        writer.write(b"kind: Edit")
        with pytest.raises(OSError, match="it is no regular file"):
            read_start(str(pipe), 100)
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            read_start(str(link), 100)
        assert writer.read(100) == b"kind: Edit"


def test_write_atomic(tmp_path: Path) -> None:
    """What is written is there whole, with its mode, and nothing else is left."""
    path = tmp_path / "a" / "b" / "c.txt"
    write_atomic(path, b"one", tmp_name="x")
    write_atomic(path, b"two", tmp_name="x", mode=0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o600)
    assert [each.name for each in path.parent.iterdir()] == ["c.txt"]


def test_new_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A body that raises before the rename leaves the folder as it was."""
    with pytest.raises(RuntimeError), create_file(tmp_path, "a.tmp") as (_, file):
        file.write(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_new_file_is_new(tmp_path: Path) -> None:
    """A temporary name that is taken is refused, and the file that took it stays."""
    (tmp_path / "a.tmp").write_bytes(b"other")
    with pytest.raises(FileExistsError), create_file(tmp_path, "a.tmp"):
        pass
    assert (tmp_path / "a.tmp").read_bytes() == b"other"


def test_copy_atomic_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    """A link at the target is replaced by the copy; the file it named is untouched."""
    (tmp_path / "source").write_bytes(b"new")
    (tmp_path / "precious").write_bytes(b"old")
    (tmp_path / "target").symlink_to("precious")
    copy_atomic(tmp_path / "source", tmp_path / "target", tmp_name="x")
    assert (tmp_path / "precious").read_bytes() == b"old"
    assert (tmp_path / "target").read_bytes() == b"new"
    assert not (tmp_path / "target").is_symlink()


def test_signature_is_of_regular_files(tmp_path: Path) -> None:
    """Folders, links and nothing have no signature."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    assert [
        bool(read_stamp(tmp_path / each))
        for each in ("file", "link", "folder", "gone", "file/below")
    ] == [True] + [False] * 4


def test_real_path_does_not_go_round(tmp_path: Path) -> None:
    """A link to itself and a link to nothing are errors of the system, in every version of
    Python.
    """
    for name, target in [("circle", "circle"), ("nowhere", "gone")]:
        (tmp_path / name).symlink_to(target)
        with pytest.raises(OSError, match=r"symbolic links|No such file"):
            resolve_links(tmp_path / name)


def test_make_dirs_again(tmp_path: Path) -> None:
    """Folders that are there are no error."""
    make_dirs(tmp_path / "a" / "b")
    make_dirs(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


@pytest.mark.parametrize("time_ns", [-(2**63), -1, 0, 2**63 - 1, 2**64 - 1, 2**70])
def test_stamp_of_any_time(time_ns: int) -> None:
    """Whatever time an archive gave a file, a stamp tells it from the next moment."""
    now = pack_stamp(1, time_ns, time_ns, 2)
    assert now == pack_stamp(1, time_ns, time_ns, 2)
    assert len({now, pack_stamp(1, time_ns + 1, time_ns, 2), pack_stamp(1, time_ns, 0, 3)}) == 3


def test_stamp_tells_what_it_was_made_of() -> None:
    """Size and inode may be as large as any system has them."""
    parts = (2**63 - 1, 1_795_878_934_445_074_790, 1_795_878_934_445_074_791, 2**64 - 1)
    assert unpack_stamp(pack_stamp(*parts)) == parts
