"""Two clones whose store is one bucket: what one has paid for, the other has."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.errors import CutlistError, StoreUnavailable, UsageError
from reconciler.plan.step import Action
from reconciler.system.files import hash_file
from tests.bucketserver import ACCESS, BucketServer
from tests.e2e.bench import CREATE, Bench, Ticking, Trouble
from tests.workspace import Workspace


class SharedBucket:
    """Two clones of one project with a ledger each, one bucket and one server."""

    def __init__(self, bench: Bench, server: BucketServer, other: Path) -> None:
        self.bench, self.server = bench, server
        self.roots = {"a": bench.root, "b": other}
        self.address = server.make_bucket("mock")
        for root in self.roots.values():
            bench.root = root
            bench.write_project(store=server.name_store(self.address))
            bench.edit("rain")
        bench.root = self.roots["a"]

    async def apply(self, which: str, **settings: Any) -> Any:
        self.bench.root = self.roots[which]
        return await self.bench.apply(**settings)

    def output(self, which: str) -> bytes:
        return (self.roots[which] / "renders/rain.mp4").read_bytes()

    def list(self, below: str = "") -> list[str]:
        return sorted(self.server.list(self.address, below))


@pytest.fixture
def shared(bench: Bench, bucket_server: BucketServer, tmp_path: Path) -> SharedBucket:
    other = tmp_path / "b"
    other.mkdir()
    return SharedBucket(bench, bucket_server, other)


async def test_paid_once(shared: SharedBucket) -> None:
    """What one clone has rendered, another writes: blob and record lie in the bucket, and nothing
    of either in the project but copies.
    """
    report = await shared.apply("a")
    assert (report.exit_code, report.done(Action.RENDER)) == (0, 1)
    kinds = {name.split("/")[0] for name in shared.list()}
    assert kinds >= {"blobs", "results", "index", "ledgers"}
    assert not (shared.roots["a"] / ".cutlist/mock/blobs").exists()
    report = await shared.apply("b")
    assert (report.exit_code, report.done(Action.WRITE), shared.bench.creates()) == (0, 1, 1)
    assert shared.output("a") == shared.output("b") != b""


async def test_losing_the_copies_costs_traffic(shared: SharedBucket) -> None:
    """Without its copies a machine fetches again what it needs."""
    await shared.apply("a")
    whole = shared.output("a")
    for path in (shared.roots["a"] / ".cutlist/cache/objects").rglob("*"):
        if path.is_file():
            path.unlink()
    (shared.roots["a"] / "renders/rain.mp4").unlink()
    report = await shared.apply("a")
    assert (report.done(Action.WRITE), shared.output("a")) == (1, whole)


async def test_found_before_money(shared: SharedBucket) -> None:
    """A result that the index lost is found by the records before anything is sent."""
    await shared.apply("a")
    for name in shared.list("index"):
        shared.server.hurt(shared.address, name, None)
    report = await shared.apply("b")
    assert (report.exit_code, shared.bench.creates()) == (0, 1)
    assert shared.output("a") == shared.output("b")


async def test_a_store_that_may_not_be_written(shared: SharedBucket) -> None:
    """Told before anything is sent: a note is left in the store before money is spent."""
    shared.server.refused = {"put"}
    with pytest.raises(StoreUnavailable, match=r"cannot write the store .* may not do that"):
        await shared.apply("a")
    assert shared.bench.creates() == 0


async def test_a_store_that_fails_midway(shared: SharedBucket) -> None:
    """Where the store refuses when a video is there, the video waits at the service; the next apply
    brings it home, and nothing is paid again.
    """
    shared.server.refused_paths = "/blobs/"
    report = await shared.apply("a")
    assert report.exit_code != 0
    assert shared.list("results") == shared.list("index") == []
    shared.server.refused_paths = ""
    report = await shared.apply("a")
    assert (report.exit_code, shared.bench.creates()) == (0, 1)
    assert shared.output("a") != b""


async def test_verify_repairs_and_apply_heals(shared: SharedBucket) -> None:
    """A damaged video goes to quarantine; while the service has it, it comes home again, free."""
    await shared.apply("a")
    whole = shared.output("a")
    (blob,) = shared.list("blobs")
    shared.server.hurt(shared.address, blob, b"not the video")
    project = shared.bench.project()
    assert len(project.verify(read_data=False)) == 1
    damages = project.verify(read_data=True, repair=True)
    assert any("does not have the bytes" in damage.words for damage in damages)
    project.verify(read_data=True, repair=True)
    assert shared.list("results") == []
    (shared.roots["a"] / "renders/rain.mp4").unlink()
    assert (await shared.apply("a")).exit_code == 0
    assert (shared.output("a"), shared.bench.creates()) == (whole, 1)
    assert project.verify(read_data=True) == []


async def test_who_may_only_read_writes_outputs(shared: SharedBucket) -> None:
    """A machine with the rights to list and read brings home what others have paid for; that it
    cannot say what it needs is told.
    """
    await shared.apply("a")
    shared.server.refused = {"put", "delete"}
    report = await shared.apply("b")
    assert (report.exit_code, shared.output("b")) == (0, shared.output("a"))
    assert any("gc of another may delete" in text for text in shared.bench.said)


@pytest.mark.parametrize("lacks", ["", "ignores_conditions", "knows_no_conditions"])
async def test_a_store_that_knows_no_conditions(
    lacks: str, shared: SharedBucket, pytestconfig: pytest.Config
) -> None:
    """It is said once, before money is spent, and nothing is paid twice for it."""
    in_use = pytestconfig.getoption("s3")
    if lacks and in_use:
        pytest.skip("a server as it is in use is not bent")
    if lacks:
        setattr(shared.server, lacks, True)
    report = await shared.apply("a")
    told = [text for text in shared.bench.said if "conditional writes" in text]
    assert report.exit_code == 0
    assert len(told) == bool(lacks or in_use == "rclone")
    for text in told:
        assert text.startswith(f"warning: {shared.address}/ledgers/ ignores conditional writes:")
    shared.bench.edit("snow", prompt="Make it snow")
    report = await shared.apply("a")
    assert (report.exit_code, shared.bench.creates()) == (0, 2)
    assert [text for text in shared.bench.said if "conditional writes" in text] == told


async def test_gc_leaves_what_another_project_names(shared: SharedBucket) -> None:
    """A result that another project of the same store names stays; what nobody names goes, once it
    is two weeks old.
    """
    bench = shared.bench
    await shared.apply("a")
    bench.edit("snow", "make it snow")
    await shared.apply("a")
    bench.root = shared.roots["b"]
    await shared.apply("b")  # names rain, as the first one does
    bench.root = shared.roots["a"]
    for name in ("rain", "snow"):
        bench.take_out(name)
        bench.output(name).unlink()
    bench.edit("hail", "make it hail")
    await shared.apply("a")
    assert bench.project().gc(commits=5).results == ()  # nothing is old enough
    bench.virtual.advance(15 * 24 * 3600)
    garbage = bench.project().gc(commits=5, delete=True)
    assert [result.edit for result in garbage.results] == ["snow"]
    assert len(shared.list("blobs")) == len(shared.list("results")) == 2
    (shared.roots["b"] / "renders/rain.mp4").unlink()
    report = await shared.apply("b")
    assert (report.done(Action.WRITE), bench.creates()) == (1, 3)


async def test_gc_wants_to_know_what_others_need(shared: SharedBucket) -> None:
    """Where a claim cannot be read, nothing is deleted."""
    await shared.apply("a")
    (claim,) = shared.list("projects")
    shared.server.hurt(shared.address, claim, b"{")
    shared.server.hurt(shared.address, "projects/another.json", b"{")
    with pytest.raises(CutlistError, match=r"another.json cannot be read"):
        shared.bench.project().gc(commits=5, delete=True)


async def test_a_link(shared: SharedBucket) -> None:
    """`show NAME --link 1h` signs a link to the result, which needs no key; none without one."""
    with pytest.raises(UsageError, match="no result yet"):
        shared.bench.project().link("rain", for_s=3600)
    await shared.apply("a")
    link = shared.bench.project().link("rain", for_s=3600)
    assert httpx.get(link).content == shared.output("a")


def test_show_prints_the_link_alone(
    workspace: Workspace, bucket_server: BucketServer, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is all of standard output; spans that are none, and stores without links, are told
    in words.
    """
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    assert workspace.run("apply", "--auto-approve").code == 0
    told = workspace.run("show", "rain", "--link", "1h")
    assert (told.code, "the store is a folder" in told.err) == (64, True)
    address = bucket_server.make_bucket()
    monkeypatch.setenv("CUTLIST_STORE", bucket_server.name_store(address))
    assert workspace.run("apply", "--auto-approve").code == 0
    said = workspace.run("show", "rain", "--link", "1h")
    assert (said.code, said.out.count("\n")) == (0, 1)
    assert said.out.startswith(f"{bucket_server.url}/{address.bucket}/films/mock/blobs/")
    assert "for 1h" in said.err
    assert ACCESS["AWS_SECRET_ACCESS_KEY"] not in said.out + said.err
    refused = workspace.run("show", "rain", "--link", "90d")
    assert (refused.code, "legal is 1m to 7d" in refused.err) == (64, True)


def test_local_stays_local(workspace: Workspace, media: Path) -> None:
    """Without a bucket nothing of it is loaded."""
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    program = (
        "import sys; from reconciler.cli.main import run; "
        f"run(['-C', {str(workspace.root)!r}, 'plan']); "
        "print(sorted(name for name in sys.modules if name.split('.')[0] in"
        " ('obstore', 'psycopg', 'concurrent')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


async def test_a_store_that_goes_away_comes_back(
    shared: SharedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was rendered waits at the service, for as long as that keeps it; it is said, nothing is
    paid again, and the run goes on by itself.
    """
    bench, server, sleep = shared.bench, shared.server, Ticking.sleep

    async def go_away(request: httpx.Request, send: Any) -> httpx.Response:
        response: httpx.Response = await send(request)
        server.is_away = True
        return response

    async def sleep_and_come_back(self: Ticking, seconds: float) -> None:
        await sleep(self, seconds)
        if any("the store is away" in line for line in bench.said):
            server.is_away = False

    monkeypatch.setattr(Ticking, "sleep", sleep_and_come_back)
    bench.network.trouble = [Trouble(*CREATE, go_away)]
    report = await shared.apply("a")
    assert (report.exit_code, bench.creates(), bench.billed_tasks()) == (0, 1, 1)
    (away,) = [line for line in bench.said if "is away" in line]
    assert away.startswith("the store is away since ")
    assert away.endswith("videos wait there for 24h 00m more, nothing is sent")
    assert any("the store is back after" in line for line in bench.said)
    assert shared.output("a")


async def test_excerpts_lie_in_the_bucket(shared: SharedBucket) -> None:
    """What one machine has cut, another plans by and sends: it cuts nothing, and pays for nothing
    that is there.
    """
    media = [
        {"type": "first_frame", "url": "edit://shot#last-frame"},
        {"type": "driving_audio", "url": "edit://shot#audio"},
    ]
    for which, root in shared.roots.items():
        shared.bench.root = root
        short = {"model": "wan2.7-t2v", "parameters": {"duration": 2}}
        shared.bench.edit("shot", input={"prompt": "a harbour"}, **short)
        short = {"model": "wan2.7-i2v", "parameters": {"duration": 2}}
        shared.bench.edit("on", input={"media": media}, **short)
        report = await shared.apply(which)
        assert (report.exit_code, shared.bench.creates()) == (0, 3)
    outputs = [root / "renders/on.mp4" for root in shared.roots.values()]
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    video = shared.roots["b"] / "renders/shot.mp4"
    blob = next(name for name in shared.list("blobs") if hash_file(video) in name)
    shared.server.hurt(shared.address, blob, None)
    shutil.rmtree(shared.roots["b"] / ".cutlist/cache")
    shared.bench.edit("on", input={"media": media, "prompt": "it goes on"}, **short)
    plan = shared.bench.project().plan()
    assert {step.name: step.action for step in plan.steps}["on"] is Action.RENDER
