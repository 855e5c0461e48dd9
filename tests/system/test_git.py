"""What git is asked, and that asking changes nothing and starts nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reconciler.errors import GitError
from reconciler.system.git import run as asking
from reconciler.system.git.committed import Commit, read_head, read_versions
from tests.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def write(path: Path, text: str = "one\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def changed(root: Path, *paths: str) -> bool:
    seen = read_head(root, paths)
    assert seen is not None
    return seen.changed


def test_head_says_commit_and_author(repository: Repository) -> None:
    """Of the repository around the folder, whichever folder that is."""
    write(repository.root / "film/cutlist.yaml")
    write(repository.root / "film/HEAD")
    commit = repository.commit()
    assert read_head(repository.root / "film") == Commit(commit, "Ada Example", False)


def test_head_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository git is not even started; before the first commit there is no commit."""
    with monkeypatch.context() as patch:
        patch.setattr(asking, "_start_git", lambda *_: pytest.fail("git was started"))
        assert read_head(tmp_path) is None
    Repository(tmp_path)
    assert read_head(tmp_path) is None


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("specs/same.yaml", False),
        ("specs/edited.yaml", True),
        ("specs/staged.yaml", True),
        ("specs/deleted.yaml", True),
        ("specs/new folder/new.yaml", True),
        ("specs/ignored/clip.mp4", True),
        ("specs/*.yaml", False),
        ("no/such.yaml", False),
    ],
)
def test_head_knows_what_is_not_as_it_was_committed(
    repository: Repository, path: str, changed: bool
) -> None:
    """Of the paths that are asked about, and of no others; what git ignores is in no
    commit either.
    """
    film = repository.root / "film"
    for name in ("same", "edited", "staged", "deleted"):
        write(film / f"specs/{name}.yaml")
    write(repository.root / ".gitignore", "ignored/\n")
    repository.commit()
    write(film / "specs/edited.yaml", "two\n")
    write(film / "specs/staged.yaml", "two\n")
    repository.git("add", "film/specs/staged.yaml")
    (film / "specs/deleted.yaml").unlink()
    write(film / "specs/new folder/new.yaml")
    write(film / "specs/ignored/clip.mp4")
    seen = read_head(film, [path])
    assert seen is not None
    assert seen.changed is changed


def test_what_a_checkout_rewrites_is_no_change(repository: Repository) -> None:
    """Line ends, and Git LFS in the place of a pointer; other bytes of the same length are one."""
    raw = b"kind: Edit\n"
    pointer = (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{hashlib.sha256(raw).hexdigest()}\nsize {len(raw)}\n"
    )
    write(repository.root / "specs/lines.yaml", raw.decode())
    write(repository.root / "specs/large.yaml", pointer)
    repository.commit()
    (repository.root / "specs/lines.yaml").write_bytes(raw.replace(b"\n", b"\r\n"))
    (repository.root / "specs/large.yaml").write_bytes(raw)
    assert not changed(repository.root, "specs/lines.yaml", "specs/large.yaml")
    (repository.root / "specs/large.yaml").write_bytes(raw.upper())
    assert changed(repository.root, "specs/large.yaml")


def test_a_link_is_what_it_leads_to(repository: Repository) -> None:
    """Of a file and of a folder; one that is led elsewhere, or out of the commit, is a change."""
    write(repository.root / "real/a.yaml")
    (repository.root / "specs").symlink_to("real")
    (repository.root / "b.yaml").symlink_to("real/a.yaml")
    (repository.root / "lost.yaml").symlink_to("/nowhere")
    repository.commit()
    assert not changed(repository.root, "specs/a.yaml", "b.yaml", "real/a.yaml")
    assert not changed(repository.root, "lost.yaml")
    write(repository.root / "real/a.yaml", "two\n")
    assert changed(repository.root, "b.yaml")
    assert changed(repository.root, "specs/a.yaml")


def test_a_submodule_is_as_its_commit(repository: Repository, tmp_path: Path) -> None:
    """Its files are compared with the commit that the outer one names."""
    inner = tmp_path / "inner"
    inner.mkdir()
    write(inner / "a.yaml")
    Repository(inner).commit()
    repository.git("submodule", "--quiet", "add", str(inner), "film/parts")
    write(repository.root / "film/own.yaml")
    repository.commit("all", "film", ".gitmodules")
    film = repository.root / "film"
    assert not changed(film, "parts/a.yaml", "own.yaml")
    write(film / "parts/new.yaml")
    assert changed(film, "parts/new.yaml")
    write(film / "parts/a.yaml", "two\n")
    assert changed(film, "parts/a.yaml")


def test_a_repository_with_long_ids(tmp_path: Path) -> None:
    """SHA-256 repositories are compared like the others."""
    repository = Repository(tmp_path, "--object-format=sha256")
    write(tmp_path / "a.yaml")
    commit = repository.commit()
    assert read_head(tmp_path, ["a.yaml"]) == Commit(commit, "Ada Example", False)
    write(tmp_path / "a.yaml", "two\n")
    assert changed(tmp_path, "a.yaml")


def test_what_is_configured_starts_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither pager, hook, fsmonitor nor signature check runs, and no GIT_ variable leads
    elsewhere.
    """
    trap = repository.root / "trap.sh"
    write(trap, f"#!/bin/sh\ntouch '{repository.root}/sprung'\ncat\n")
    trap.chmod(0o755)
    repository.commit()
    head, _, message = repository.git("cat-file", "commit", "HEAD").partition("\n\n")
    seal = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    commit = repository.git(
        "hash-object", "-t", "commit", "-w", "--stdin", given=f"{head}\n{seal}\n\n{message}\n"
    )
    repository.git("update-ref", "HEAD", commit)
    for name in (
        "core.pager",
        "pager.log",
        "core.fsmonitor",
        "gpg.program",
        "diff.external",
        "core.editor",
    ):
        repository.git("config", name, str(trap))
    for name, value in (("core.hooksPath", str(repository.root)), ("log.showSignature", "true")):
        repository.git("config", name, value)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_PAGER", str(trap))
    monkeypatch.setenv("GIT_TRACE", str(repository.root / "sprung"))
    assert read_head(repository.root, ["trap.sh"]) == Commit(commit, "Ada Example", False)
    assert not (repository.root / "sprung").exists()


def test_a_question_does_not_write_the_index(repository: Repository) -> None:
    """Not even to note that a file whose times changed is the same."""
    write(repository.root / "a")
    repository.commit()
    write(repository.root / "a")
    index = repository.root / ".git/index"
    before = (index.read_bytes(), index.stat().st_mtime_ns)
    seen = read_head(repository.root, ["a"])
    assert seen is not None
    assert not seen.changed
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before


def test_versions_of_a_file(repository: Repository) -> None:
    """Those of the last commits that changed it; a commit that removed it has none."""
    lock = repository.root / "film/cutlist.lock"
    for text in ("one", "two", "three"):
        write(lock, text)
        repository.commit()
        repository.commit("something else")
    lock.unlink()
    repository.commit()
    assert list(read_versions(lock.parent, "cutlist.lock", commits=3)) == [b"three", b"two"]


def test_versions_of_a_file_on_other_branches(repository: Repository) -> None:
    """What another branch has at its tip counts, too, and the same bytes only once."""
    lock = repository.root / "film/cutlist.lock"
    write(lock, "main")
    repository.commit()
    for branch, text in (("topic", "theirs"), ("twin", "theirs")):
        repository.git("switch", "--quiet", "--create", branch, "main")
        write(lock, text)
        repository.commit()
    repository.git("switch", "--quiet", "main")
    assert list(read_versions(lock.parent, "cutlist.lock", commits=3)) == [b"main", b"theirs"]


def test_without_git_it_says_so(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that can do without an answer gets none; one that cannot is refused."""
    repository.commit()
    monkeypatch.setenv("PATH", "/nowhere")
    assert read_head(repository.root) is None
    with pytest.raises(GitError, match="git is not installed"):
        list(read_versions(repository.root, "cutlist.lock", commits=1))
