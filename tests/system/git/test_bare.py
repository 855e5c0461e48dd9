"""The folder of a mirror after a kill, a damaged disk, or somebody's hand in it: the next fetch is
right, and nothing runs that the folder, the host or a commit names.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import GitError, UsageError
from reconciler.system.git.committed import list_entries
from reconciler.system.git.remote import Mirror
from reconciler.system.git.run import Objects
from tests.githost import GitHost
from tests.repository import Repository
from tests.system.test_git_traps import Traps, film


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    """A host with one repository of three commits."""
    top = tmp_path_factory.mktemp("bare")
    (top / "work").mkdir()
    work = Repository(top / "work")
    for number in range(3):
        for name in ("cutlist.yaml", "specs/rain.yaml"):
            path = work.root / "films" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {number}\n" * 50)
        work.commit(str(number))
    with GitHost(top / "host") as host:
        host.publish(work)
        yield host


def open_mirror(host: GitHost, folder: Path) -> Mirror:
    return Mirror.open(folder, f"{host.url}/films.git")


def check_whole(mirror: Mirror) -> None:
    """It follows the branch, and has every byte of the project."""
    commit = mirror.fetch_revision("refs/heads/main").id
    mirror.fetch_files(commit, "films")
    with Objects(mirror.folder) as objects:
        entry = list_entries(mirror.folder, commit, "films")["specs/rain.yaml"]
        assert b"".join(objects.read_chunks(entry.id)) == b"specs/rain.yaml 2\n" * 50


def cut(folder: Path, pattern: str, keep: int) -> None:
    for path in folder.glob(pattern):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:keep])


def touch(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# What is found when the folder is opened, and what only when something is fetched into it.
HOLES: dict[str, Callable[[Path], object]] = {
    "nothing left": shutil.rmtree,
    "empty": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
    "no objects": lambda folder: shutil.rmtree(folder / "objects"),
    "no refs": lambda folder: shutil.rmtree(folder / "refs"),
    "mark cut": lambda folder: cut(folder, "cutlist-mirror", 9),
    "half gone": lambda folder: folder.rename(folder.with_name(".mirror.old")),
    "half made": lambda folder: touch(folder.with_name(".mirror.new") / "HEAD"),
}
DAMAGES: dict[str, Callable[[Path], object]] = {
    "packs gone": lambda folder: shutil.rmtree(folder / "objects/pack"),
    "packs cut": lambda folder: cut(folder, "objects/pack/*.pack", 90),
    "indexes cut": lambda folder: cut(folder, "objects/pack/*.idx", 90),
    "shallow cut": lambda folder: cut(folder, "shallow", 7),
    "shallow gone": lambda folder: (folder / "shallow").unlink(),
    "ref empty": lambda folder: cut(folder, "refs/cutlist/heads/main", 0),
}
TRACES = (
    "shallow.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "refs/cutlist/heads/main.lock",
    "objects/pack/tmp_pack_x1", "objects/12/tmp_obj_x1",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(host: GitHost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a mirror that has everything."""
    folder = tmp_path_factory.mktemp("whole") / "mirror"
    check_whole(open_mirror(host, folder))
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(whole, tmp_path / "mirror")
    return tmp_path / "mirror"


def test_holes_are_found_on_opening(host: GitHost, whole: Path, tmp_path: Path) -> None:
    """The folder is then an empty mirror, or the one that it was, and nothing lies beside it."""
    folder = tmp_path / "mirror"
    for hole in HOLES.values():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        hole(folder)
        mirror = open_mirror(host, folder)
        assert mirror.ask_here("rev-parse", "--is-bare-repository") == b"true\n"
        assert {path.name for path in tmp_path.iterdir()} == {"mirror"}
    shutil.rmtree(folder / "objects")
    check_whole(open_mirror(host, folder))


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_is_fetched_anew(host: GitHost, folder: Path, name: str) -> None:
    """Whatever the disk has lost, the next fetch has the branch and its files."""
    DAMAGES[name](folder)
    check_whole(open_mirror(host, folder))


def test_traces_of_a_kill_are_cleared(host: GitHost, folder: Path) -> None:
    """Lock files and half packs are in nobody's way, nor is a file that was not written whole."""
    for name in TRACES:
        touch(folder / name)
    touch(folder / "config", "[core\n")
    touch(folder / "HEAD", "\0\0\0\0")
    packs = set((folder / "objects/pack").glob("pack-*"))
    check_whole(open_mirror(host, folder))
    assert not [name for name in TRACES if (folder / name).exists()]
    assert packs <= set((folder / "objects/pack").glob("pack-*"))  # it was not made anew


def test_another_url_is_another_mirror(host: GitHost, folder: Path) -> None:
    """Nothing of the one repository is there when the other is asked about."""
    mirror = Mirror.open(folder, host.find_folder().as_uri())
    assert list((folder / "objects/pack").iterdir()) == []
    check_whole(mirror)


def test_a_folder_of_somebody_is_left_alone(host: GitHost, tmp_path: Path) -> None:
    """What we did not make is not thrown away, a bare repository included."""
    shutil.copytree(host.find_folder(), tmp_path / "mirror")
    with pytest.raises(UsageError, match="was not made by this program"):
        open_mirror(host, tmp_path / "mirror")
    assert (tmp_path / "mirror/HEAD").exists()


# ------------------------------------------------------------------ nothing runs


def arm(mirror: Mirror, traps: Traps) -> None:
    """Everything in the folder of a mirror that makes plain git run something."""
    shutil.copy(traps.root / ".git/config", mirror.folder / "config")
    with (mirror.folder / "config").open("a") as file:
        file.write(f'[url "ext::{traps.trap("rewritten")} %S"]\n\tinsteadOf = {mirror.url}\n')
        for name in ("uploadpack", "receivepack", "vcs", "proxy"):
            file.write(f'[remote "cutlist"]\n\t{name} = {traps.trap("transport")}\n')
        file.write(f"[http]\n\tproxy = http://127.0.0.1:1\n[core]\n\tworktree = {traps.root}\n")
    hooks = mirror.folder / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "pre-push", "post-update", "pre-auto-gc"):
        (hooks / name).symlink_to(traps.trap("hook"))
    touch(mirror.folder / "info/attributes", "* filter=bent diff=bent merge=bent\n")
    touch(mirror.folder / "objects/info/alternates", f"{traps.root}/.git/objects\n")
    touch(mirror.folder / "config.worktree", f"[core]\n\tfsmonitor = {traps.trap('worktree')}\n")


def test_a_hostile_repository_runs_nothing(tmp_path: Path) -> None:
    """One in which everything is a trap is followed, from this machine's own disk."""
    traps = film(tmp_path / "film")
    mirror = Mirror.open(tmp_path / "mirror", traps.root.as_uri())
    commit = mirror.fetch_revision("refs/heads/main").id
    mirror.fetch_files(commit)
    with pytest.raises(GitError, match="nowhere"):
        mirror.fetch_files(commit, "nowhere")
    entries = list_entries(mirror.folder, commit)
    assert entries["parts"].kind == "submodule"
    with Objects(mirror.folder) as objects:
        assert b"".join(objects.read_chunks(entries["-c.yaml"].id)) == b"dash\n"
    assert mirror.find_merge_base(commit, commit) == commit
    assert mirror.list_refs(["refs/tags/*"]) == {"refs/tags/--upload-pack=sprung": commit}
    assert traps.sprung() == set()


def test_traps_in_the_mirror_are_not_sprung(host: GitHost, folder: Path, tmp_path: Path) -> None:
    """What somebody writes into its folder is put back before git sees it; plain git would run
    it.
    """
    traps = film(tmp_path / "film")
    mirror = open_mirror(host, folder)
    arm(mirror, traps)
    traps.spring(["git", "--git-dir", str(mirror.folder), "fetch", mirror.url])
    assert traps.sprung() >= {"rewritten"}
    mirror = open_mirror(host, folder)
    check_whole(mirror)
    head = mirror.find_ref("main")[1]
    mirror.push(f"{head}:refs/heads/pushed", "")
    assert mirror.list_refs(["refs/heads/pushed"]) == {"refs/heads/pushed": head}
    assert traps.sprung() == set()
