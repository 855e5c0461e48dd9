"""A commit that changes one file, made in a mirror that lacks every other file's bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.errors import CutlistError, GitError, UsageError
from reconciler.system.git.remote import Mirror
from reconciler.system.git.writing import list_changed_paths, write_file_commit
from tests.githost import GitHost
from tests.repository import Repository

AUTHOR = "cutlist <cutlist@example.com>"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    """A host with a project in a folder, beside a link, a program and a submodule."""
    tmp_path = tmp_path_factory.mktemp("writing")
    (tmp_path / "work").mkdir()
    work = Repository(tmp_path / "work")
    for name in ("films/specs/rain.yaml", "films/cutlist.yaml", "films/é x.yaml", "run.sh"):
        path = work.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")
    (work.root / "run.sh").chmod(0o755)
    (work.root / "link").symlink_to("films")
    commit = work.commit("first")
    work.git("update-index", "--add", "--cacheinfo", f"160000,{commit},parts")
    work.git("commit", "--quiet", "--message", "second")
    with GitHost(tmp_path / "host") as host:
        host.publish(work)
        yield host


@pytest.fixture(scope="module")
def mirror(host: GitHost) -> Mirror:
    """It has the commit, and the bytes of no file."""
    mirror = Mirror.open(host.folder.parent / "mirror", f"{host.url}/films.git")
    mirror.fetch_revision("refs/heads/main")
    return mirror


def find_base(mirror: Mirror) -> str:
    return mirror.ask_here("rev-parse", "refs/cutlist/heads/main").decode().strip()


def commit_on(mirror: Mirror, path: str, content: bytes = b"new\n", author: str = AUTHOR) -> str:
    base = find_base(mirror)
    return write_file_commit(mirror, base, path, content, author, "lock: 1\n\nmore", 1_800_000_000)


def test_one_file_is_changed_and_nothing_else(host: GitHost, mirror: Mirror) -> None:
    """Wherever it lies; plain git finds the commits whole once they are pushed."""
    base = find_base(mirror)
    paths = ("films/cutlist.lock", "cutlist.lock", "new/deep/cutlist.lock", "films/specs/rain.yaml")
    for number, path in enumerate(paths):
        commit = commit_on(mirror, path)
        assert list_changed_paths(mirror, base, commit) == {path}
        mirror.push(f"{commit}:refs/heads/{number}", "")
        assert host.ask("diff", "--name-only", base, str(number)) == path
    assert host.ask("show", "2:new/deep/cutlist.lock") == "new"
    assert host.ask("ls-tree", "2", "run.sh").startswith("100755")
    assert host.ask("fsck", "--strict") == ""
    said = host.ask("log", "-1", "--format=%an|%ae|%cn|%at|%B", "2")
    assert said == "cutlist|cutlist@example.com|cutlist|1800000000|lock: 1\n\nmore"


def test_the_mode_of_a_file_stays(mirror: Mirror) -> None:
    """A program that is written again is still one."""
    commit = commit_on(mirror, "run.sh")
    assert mirror.ask_here("ls-tree", commit, "run.sh").startswith(b"100755 blob")


@pytest.mark.parametrize(
    "path", ["link", "link/cutlist.lock", "films", "parts", "parts/x", "run.sh/x"]
)
def test_what_is_in_the_way_stays(mirror: Mirror, path: str) -> None:
    """A link is not followed and not replaced, nor are a folder, a submodule or a file above."""
    with pytest.raises(GitError, match="is a link, a folder or a submodule"):
        commit_on(mirror, path)


@pytest.mark.parametrize(
    "author", ["cutlist", "<a@b>", "a <b>\nparent x", "a <b> <c>", "a\u202e <b>"]
)
def test_authors_that_cannot_be_meant(mirror: Mirror, author: str) -> None:
    """They would end up in the middle of a commit's head."""
    with pytest.raises(UsageError, match="NAME <ADDRESS>"):
        commit_on(mirror, "cutlist.lock", author=author)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "", "a\0b", "-x/../.."])
def test_paths_that_leave_the_repository(mirror: Mirror, path: str) -> None:
    """They are refused before anything is written."""
    with pytest.raises((CutlistError, ValueError)):
        commit_on(mirror, path)


def test_a_message_of_strangers_is_plain(mirror: Mirror) -> None:
    """What an edit is called ends up in it, and may hold anything."""
    base = find_base(mirror)
    message = "lock: \x1b[31mred\x00\u202e\n\nmore\n"
    commit = write_file_commit(mirror, base, "cutlist.lock", b"", AUTHOR, message, 0)
    raw = mirror.ask_here("cat-file", "commit", commit).decode()
    said = raw.partition("\n\n")[2]
    assert said == "lock: \ufffd[31mred\ufffd\ufffd\n\nmore\n"
