"""Clips of Git LFS come into the mirror, with the bytes that the commit names or not at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.config import CommittedFolder
from reconciler.controller.lfs import fetch_lfs, list_lfs_pointers
from reconciler.desired.source.revision import RevisionTree
from reconciler.errors import DiskFull, GitError, RefMissing, RemoteRefused, RemoteUnreachable
from reconciler.formats.secret import Secret
from reconciler.service.routes import Routes
from reconciler.system.cache import Digests, open_cache
from reconciler.system.git.committed import LfsPointer
from reconciler.system.git.remote import Mirror
from reconciler.system.git.run import Objects
from tests.clock import FakeClock
from tests.controller.stage import Stage
from tests.e2e.bench import write_video
from tests.githost import GitHost, Trouble
from tests.repository import Repository

CLIP = b"clip" * 100_000
DIGEST = hashlib.sha256(CLIP).hexdigest()


class Films:
    """A project with a clip in Git LFS, at a host that asks for a token, and its mirror."""

    def __init__(self, top: Path, host: GitHost) -> None:
        self.host, self.top = host, top
        (top / "work/films").mkdir(parents=True)
        self.work = Repository(top / "work")
        (self.work.root / "films/cutlist.yaml").write_text("kind: Project\n")
        (self.work.root / "films/ball.mp4").write_text(host.put_lfs(CLIP))
        self.work.commit("first")
        host.token = "film-token"
        self.mirror = Mirror.open(
            top / "mirror", host.publish(self.work), token=Secret("film-token")
        )
        self.commit = self.mirror.fetch_revision("refs/heads/main").id
        self.mirror.fetch_files(self.commit, "films")

    def list(self) -> tuple[LfsPointer, ...]:
        return list_lfs_pointers(self.mirror, self.commit, "films")

    async def fetch(self, token: str = "film-token") -> None:
        await fetch_lfs(self.mirror, self.list(), routes=Routes(), token=Secret(token))

    def find_parts(self) -> list[Path]:
        """What lies in the mirror's folder of Git LFS."""
        return [path for path in (self.mirror.folder / "lfs").rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Films]:
    top = tmp_path_factory.mktemp("lfs")
    with GitHost(top / "host") as host:
        yield Films(top, host)


@pytest.fixture
def films(place: Films) -> Films:
    """The mirror without a byte of Git LFS."""
    shutil.rmtree(place.mirror.folder / "lfs", ignore_errors=True)
    place.host.lfs = {DIGEST: CLIP}
    return place


async def test_a_clip_is_read_like_any_other(films: Films) -> None:
    """Fetched once, by its digest; then the revision has it, as it has every file."""
    assert films.list() == (LfsPointer(DIGEST, len(CLIP)),)
    await films.fetch()
    assert films.list() == ()
    folder = CommittedFolder(films.mirror.folder, films.commit, "films")
    with Objects(films.mirror.folder) as objects, open_cache(films.top / "cache") as cache:
        tree = RevisionTree(folder, objects, cache, Digests(cache, FakeClock(), "lfs"))
        assert tree.manifests(".") == []
        file = tree.file("ball.mp4")
        assert (file.digest(), file.size_bytes) == (DIGEST, len(CLIP))


async def test_a_pass_renders_what_lies_in_lfs(stage: Stage, tmp_path: Path) -> None:
    """The clip of a manifest is brought when it is needed, and no other."""
    clip = tmp_path / "clip.mp4"
    write_video(clip, 2.0)
    stage.edit("rain", url="clip.mp4")
    stage.write("specs/clip.mp4", stage.host.put_lfs(clip.read_bytes()))
    stage.write("specs/other.mp4", stage.host.put_lfs(b"other"))
    stage.push()
    await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert stage.billed_tasks() == 1
    digest = hashlib.sha256(clip.read_bytes()).hexdigest()
    assert [path.name for path in stage.state.rglob("lfs/objects/*/*/*")] == [digest]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ("500", RemoteUnreachable),
        ("429", RemoteUnreachable),
        ("cut", RemoteUnreachable),
        ("garbage", RemoteUnreachable),
        ("403", RemoteRefused),
        ("404", RemoteRefused),
        ("redirect", RemoteRefused),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_trouble_leaves_nothing_behind(
    films: Films, trouble: Trouble, error: type[GitError], method: str
) -> None:
    """With the list of links, or with the bytes: nothing half is there, and later it comes."""
    films.host.order(trouble, method=method)
    with pytest.raises(error) as caught:
        await films.fetch()
    assert caught.value.hint
    assert films.find_parts() == []
    await films.fetch()
    assert films.list() == ()


@pytest.mark.parametrize("raw", [b"", b"clip", CLIP[:-1] + b"?", CLIP + b"more"])
async def test_other_bytes_are_not_taken(films: Films, raw: bytes) -> None:
    """What has not the digest that the commit names is none of its clips."""
    films.host.lfs[DIGEST] = raw
    with pytest.raises(RemoteUnreachable, match="other bytes"):
        await films.fetch()
    assert films.find_parts() == []


async def test_who_may_not_read_is_told(films: Films) -> None:
    """Without the right token; it is in no error."""
    with pytest.raises(RemoteRefused, match="401") as caught:
        await films.fetch("wrong-token")
    assert "wrong-token" not in repr(caught.value)


async def test_a_clip_that_nobody_has_pushed(films: Films) -> None:
    """The host says so, and we say how to push it."""
    films.host.lfs.clear()
    with pytest.raises(RefMissing, match=DIGEST[:12]) as caught:
        await films.fetch()
    assert "git lfs push" in caught.value.hint


async def test_more_than_the_disk_holds(films: Films) -> None:
    """What a pointer claims is counted before anything is asked."""
    films.host.visits.clear()
    with pytest.raises(DiskFull, match="do not fit"):
        await fetch_lfs(films.mirror, [LfsPointer(DIGEST, 10**15 - 1)], routes=Routes())
    assert films.host.visits == []


async def test_from_this_disk_and_not_by_ssh(films: Films, tmp_path: Path) -> None:
    """A repository on this disk has the bytes in a folder; over ssh there is no way for them."""
    path = films.work.root / ".git/lfs/objects" / DIGEST[:2] / DIGEST[2:4] / DIGEST
    path.parent.mkdir(parents=True)
    path.write_bytes(CLIP)
    near = Mirror.open(tmp_path / "near", films.work.root.as_uri())
    await fetch_lfs(near, films.list(), routes=Routes())
    assert (near.folder / "lfs/objects" / DIGEST[:2] / DIGEST[2:4] / DIGEST).read_bytes() == CLIP
    far = Mirror.open(tmp_path / "far", "git@host.example:films.git")
    with pytest.raises(RemoteRefused, match="not fetched by ssh"):
        await fetch_lfs(far, films.list(), routes=Routes())
