"""The mirror of a repository elsewhere: what it brings, in how many requests, and what it says of
trouble. Elsewhere is git's own http-backend.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import (
    GitError,
    RefMissing,
    RemoteRefused,
    RemoteStopped,
    RemoteTimeout,
    RemoteUnreachable,
)
from reconciler.system.git import remote
from reconciler.system.git.committed import list_entries
from reconciler.system.git.remote import Mirror
from reconciler.system.git.run import Objects
from tests.clock import FakeClock
from tests.githost import GitHost, Trouble
from tests.repository import Repository


class HastyClock(FakeClock):
    """A minute goes by whenever somebody looks, once an answer hangs."""

    def __init__(self, hanging: threading.Event) -> None:
        super().__init__()
        self._hanging = hanging

    def monotonic(self) -> float:
        if self._hanging.is_set():
            self.advance(60)
        return super().monotonic()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with GitHost(tmp_path / "host") as host:
        yield host


@pytest.fixture
def work(tmp_path: Path) -> Repository:
    """A repository with a project in a folder, and something else beside it."""
    (tmp_path / "work").mkdir()
    repository = Repository(tmp_path / "work")
    for name in ("films/cutlist.yaml", "films/specs/rain.yaml", "other/large.bin"):
        write(repository, name)
    repository.commit("first")
    return repository


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository on this disk, for what is no matter of the network."""
    repository = Repository(tmp_path_factory.mktemp("near"))
    write(repository, "films/cutlist.yaml")
    repository.commit("first")
    return repository.root.as_uri()


def write(repository: Repository, name: str, text: str = "") -> None:
    path = repository.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or f"{name}\n")


def open_mirror(tmp_path: Path, url: str) -> Mirror:
    return Mirror.open(tmp_path / "mirror", url)


def read(mirror: Mirror, commit: str, path: str = "films") -> dict[str, bytes]:
    """All files of a project in a commit."""
    with Objects(mirror.folder) as objects:
        return {
            name: b"".join(objects.read_chunks(entry.id))
            for name, entry in list_entries(mirror.folder, commit, path).items()
        }


# ------------------------------------------------------------------ what is brought


def test_the_files_of_a_project_come_in_one_request(
    host: GitHost, work: Repository, tmp_path: Path
) -> None:
    """Commits first, then the bytes of what lies in the folder, however many; nothing else."""
    texts = {f"specs/{number}.yaml": f"take: {number}\n" for number in range(100)}
    for name, text in texts.items():
        write(work, f"films/{name}", text)
    commit = work.commit("many")
    mirror = open_mirror(tmp_path, host.publish(work))
    revision = mirror.fetch_revision("refs/heads/main")
    assert (revision.id, str(revision)) == (commit, f"{commit[:7]} (refs/heads/main)")
    with pytest.raises(GitError, match="lacks the object"):
        read(mirror, commit)
    host.visits.clear()
    assert mirror.fetch_files(commit, "films") == 102
    assert len([visit for visit in host.visits if b"want" in visit.body]) == 1
    assert read(mirror, commit).items() >= {name: t.encode() for name, t in texts.items()}.items()
    entries = list_entries(mirror.folder, commit, "films")
    assert entries["specs/7.yaml"].size_bytes == len("take: 7\n")
    with pytest.raises(GitError, match="lacks the object"):
        read(mirror, commit, "other")
    host.visits.clear()
    assert mirror.fetch_files(commit, "films") == 0
    assert host.visits == []


def test_only_what_is_wanted_is_brought(host: GitHost, work: Repository, tmp_path: Path) -> None:
    """Of the commits as many as were asked for; of the files by path, relative to the project. A
    folder that is not there is said.
    """
    for number in range(3):
        work.commit(str(number))
    mirror = open_mirror(tmp_path, host.publish(work))
    commit = mirror.fetch_revision("refs/heads/main", 2).id
    assert mirror.ask_here("rev-list", "--count", commit) == b"2\n"
    assert not (mirror.folder / "FETCH_HEAD").exists()
    assert mirror.fetch_files(commit, "films", lambda name: name == "cutlist.yaml") == 1
    with pytest.raises(GitError, match="nowhere"):
        mirror.fetch_files(commit, "nowhere")


def test_refs_by_the_names_people_use(host: GitHost, work: Repository, tmp_path: Path) -> None:
    """A branch before a tag, whole names as they are, and a suggestion for a name that is like
    one.
    """
    work.git("tag", "-a", "v1", "-m", "one")
    work.git("branch", "feature/main")
    work.git("update-ref", "refs/pull/7/head", "HEAD")
    mirror = open_mirror(tmp_path, host.publish(work))
    head = work.git("rev-parse", "HEAD")
    assert mirror.find_ref("main") == ("refs/heads/main", head)
    assert mirror.find_ref("v1")[0] == "refs/tags/v1"
    assert mirror.fetch_revision("refs/tags/v1").id == head
    assert mirror.list_refs(["refs/pull/*/head"]) == {"refs/pull/7/head": head}
    with pytest.raises(RefMissing, match='no branch or tag "mian"') as caught:
        mirror.find_ref("mian")
    assert "main" in caught.value.hint


def test_history_is_rewritten_and_branches_go(
    host: GitHost, work: Repository, tmp_path: Path
) -> None:
    """A push by force is followed; a branch that is gone is said; one of a name like a folder's
    may come after it.
    """
    work.git("branch", "a")
    mirror = open_mirror(tmp_path, host.publish(work))
    mirror.fetch(["refs/heads/*:refs/cutlist/heads/*"], 1)
    work.git("branch", "-D", "a")
    work.git("checkout", "--quiet", "--orphan", "main2")
    write(work, "films/new.yaml")
    commit = work.commit("rewritten")
    work.git("branch", "--force", "main", commit)
    work.git("branch", "a/b", commit)
    host.publish(work)
    assert mirror.fetch_revision("refs/heads/main").id == commit
    with pytest.raises(RefMissing, match="refs/heads/a"):
        mirror.fetch_revision("refs/heads/a")
    assert mirror.fetch_revision("refs/heads/a/b").id == commit


def test_the_merge_base_may_lie_deep(host: GitHost, work: Repository, tmp_path: Path) -> None:
    """A shallow mirror fetches more history until the two have a commit in common, and none where
    there is none.
    """
    base = work.git("rev-parse", "HEAD")
    work.git("checkout", "--quiet", "-b", "feature")
    feature = work.commit("feature")
    work.git("checkout", "--quiet", "main")
    tree, commits = work.git("rev-parse", "main^{tree}"), [base]
    for number in range(60):
        commits.append(work.git("commit-tree", "-p", commits[-1], "-m", str(number), tree))
    work.git("update-ref", "refs/heads/main", commits[-1])
    work.git("checkout", "--quiet", "--orphan", "alone")
    alone = work.commit("alone")
    main = work.git("rev-parse", "main")
    mirror = open_mirror(tmp_path, host.publish(work))
    mirror.fetch(["refs/heads/main", "refs/heads/feature", "refs/heads/alone"], 1)
    assert mirror.find_merge_base(main, feature) == base
    assert mirror.find_merge_base(main, alone) is None


def test_a_repository_of_the_other_object_format(host: GitHost, tmp_path: Path) -> None:
    """SHA-256 instead of SHA-1: the mirror becomes what the repository is."""
    folder = tmp_path / "work"
    folder.mkdir()
    work = Repository(folder, "--object-format=sha256")
    write(work, "films/cutlist.yaml")
    commit = work.commit()
    work.git("init", "--quiet", "--bare", "--object-format=sha256", str(host.find_folder()))
    mirror = open_mirror(tmp_path, host.publish(work))
    assert mirror.fetch_revision("refs/heads/main").id == commit
    mirror.fetch_files(commit, "films")
    assert read(open_mirror(tmp_path, mirror.url), commit) == {
        "cutlist.yaml": b"films/cutlist.yaml\n"
    }


def test_many_packs_become_one(
    host: GitHost, work: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fetch adds a pack; beyond a number they are put together, and nothing is lost."""
    monkeypatch.setattr(remote, "_MOST_PACKS", 1)
    mirror = open_mirror(tmp_path, host.publish(work))
    for number in range(2):
        write(work, "films/specs/rain.yaml", f"take: {number}\n")
        work.commit()
        host.publish(work)
        commit = mirror.fetch_revision("refs/heads/main").id
        mirror.fetch_files(commit, "films")
    mirror.fetch(["refs/heads/main"])
    packs = list((mirror.folder / "objects/pack").glob("*.pack"))
    assert len(packs) == 1
    assert read(mirror, commit)["specs/rain.yaml"] == b"take: 1\n"


def test_two_mirrors_in_two_threads(url: str, tmp_path: Path) -> None:
    """Neither knows of the other."""
    ids = []

    def follow(number: int) -> None:
        mirror = Mirror.open(tmp_path / f"mirror{number}", url)
        ids.append(mirror.fetch_revision("refs/heads/main").id)

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 2
    assert len(set(ids)) == 1


# ------------------------------------------------------------------ trouble


TROUBLES: tuple[tuple[Trouble, type[GitError], str], ...] = (
    ("500", RemoteUnreachable, "500"),
    ("429", RemoteUnreachable, "429"),
    ("cut", RemoteUnreachable, "git ls-remote of http://127.0.0.1"),
    ("403", RemoteRefused, "403"),
    ("404", RemoteRefused, "not found"),
    ("401", RemoteRefused, "could not read Username"),
    ("redirect", RemoteRefused, "302"),
    ("garbage", RemoteRefused, "is this a git repository"),
)


def test_trouble_has_its_own_error(host: GitHost, work: Repository, tmp_path: Path) -> None:
    """Whether it may be over by itself or a person has to act is the class; then it works again."""
    mirror = open_mirror(tmp_path, host.publish(work))
    for trouble, error, words in TROUBLES:
        host.order(trouble)
        with pytest.raises(error, match=words) as caught:
            mirror.list_refs()
        assert type(caught.value) is error
        assert caught.value.hint
    assert len(mirror.list_refs()) == 1


def test_a_pack_cut_short_is_no_pack(host: GitHost, work: Repository, tmp_path: Path) -> None:
    """The answer breaks off in the middle: what was there stays, and later it comes whole."""
    mirror = open_mirror(tmp_path, host.publish(work))
    first = mirror.fetch_revision("refs/heads/main").id
    write(work, "films/more.yaml")
    second = work.commit()
    host.publish(work)
    host.order("cut", method="POST", after=1)
    with pytest.raises(RemoteUnreachable):
        mirror.fetch_revision("refs/heads/main")
    mirror.fetch_files(first, "films")
    assert "more.yaml" not in read(mirror, first)
    assert mirror.fetch_revision("refs/heads/main").id == second


def test_nobody_listens(host: GitHost, work: Repository, tmp_path: Path) -> None:
    """A host that is down is waited for."""
    mirror = open_mirror(tmp_path, host.publish(work))
    host.close()
    with pytest.raises(RemoteUnreachable, match="onnect to "):
        mirror.list_refs()


def test_an_answer_that_never_comes(host: GitHost, work: Repository, tmp_path: Path) -> None:
    """When its time is over, git and what it started are ended, and leave no lock behind."""
    url, clock = host.publish(work), HastyClock(host.hanging)
    mirror = Mirror.open(tmp_path / "mirror", url, timeout_s=300, clock=clock)
    host.order("hang", method="POST")
    with pytest.raises(RemoteTimeout, match="300 s"):
        mirror.fetch_revision("refs/heads/main")
    assert list(mirror.folder.rglob("*.lock")) == []
    host.hanging.clear()
    mirror.fetch_revision("refs/heads/main")


def test_whoever_stops_need_not_wait(host: GitHost, work: Repository, tmp_path: Path) -> None:
    """A wish to stop ends a fetch in the middle of its waiting."""
    url = host.publish(work)
    mirror = Mirror.open(tmp_path / "mirror", url, stop=host.hanging)
    host.order("hang")
    with pytest.raises(RemoteStopped, match="was stopped"):
        mirror.fetch_revision("refs/heads/main")
