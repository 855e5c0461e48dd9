"""Bundles between projects: who has no access to the store gets what the lock file pins."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.errors import BadBundle
from reconciler.formats.digest import hash_bytes
from reconciler.operations.bundling import unpack_into_folder
from reconciler.plan.step import Action
from tests.bucketserver import BucketServer
from tests.e2e.bench import Bench
from tests.e2e.shots import drive, shoot
from tests.workspace import Workspace


def _write_live(bench: Bench) -> None:
    """A project in the live realm, so that there is a lock file."""
    bench.write_project(endpoint=bench.server.url, realm="live")
    bench.edit("rain")
    bench.edit("snow", "make it snow")


async def test_a_freelancer_without_access(bench: Bench, tmp_path: Path) -> None:
    """A clone without the store unpacks the bundle and writes every output, free; what it has is
    what was paid for.
    """
    _write_live(bench)
    await bench.apply()
    first = bench.root
    bench.project().bundle((), tmp_path / "cut.bundle")
    other = tmp_path / "other"
    shutil.copytree(first, other, ignore=shutil.ignore_patterns(".cutlist", "renders"))
    bench.root = other
    assert len(bench.project().verify()) == 1  # the pins are not in this store
    project = bench.project()
    assert project.unbundle(tmp_path / "cut.bundle").edits == ["rain", "snow"]
    assert project.verify(read_data=True) == []
    report = await bench.apply()
    assert (report.done(Action.WRITE), bench.creates()) == (2, 2)
    for name in ("rain", "snow"):
        there, here = (root / f"renders/{name}.mp4" for root in (first, other))
        assert there.read_bytes() == here.read_bytes()


async def test_only_what_is_pinned(bench: Bench, tmp_path: Path) -> None:
    """In the live realm a bundle brings nothing that the lock file does not ask for; and nothing of
    another realm.
    """
    _write_live(bench)
    await bench.apply()
    bench.project().bundle(["rain"], tmp_path / "rain.bundle")
    shutil.rmtree(bench.root / ".cutlist/live")
    lock = bench.root / "cutlist.lock"
    text = lock.read_text()
    lock.unlink()
    with pytest.raises(BadBundle, match="does not pin what the bundle has for rain"):
        bench.project().unbundle(tmp_path / "rain.bundle")
    assert not list((bench.root / ".cutlist/live").glob("blobs/*/*"))
    lock.write_text(text)
    assert bench.project().unbundle(tmp_path / "rain.bundle").edits == ["rain"]
    bench.write_project(endpoint=bench.server.url)
    with pytest.raises(BadBundle, match="of the realm live"):
        bench.project().unbundle(tmp_path / "rain.bundle")


async def test_out_of_a_bucket(
    bench: Bench, bucket_server: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle is packed from a bucket, and unpacked into one."""
    _write_live(bench)
    address = bucket_server.make_bucket()
    bench.write_project(
        endpoint=bench.server.url, realm="live", store=bucket_server.name_store(address)
    )
    await bench.apply()
    bench.project().bundle(["snow"], tmp_path / "snow.bundle")
    second = bucket_server.make_bucket()
    bench.write_project(
        endpoint=bench.server.url, realm="live", store=bucket_server.name_store(second)
    )
    bench.project().unbundle(tmp_path / "snow.bundle")
    blobs = bucket_server.list(second, "blobs")
    assert set(blobs) < set(bucket_server.list(address, "blobs"))
    assert len(blobs) == 1


def test_what_the_commands_say(workspace: Workspace, media: Path, tmp_path: Path) -> None:
    """Names that are none, files that are there, and a reviewer who only wants to watch."""
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    assert "rain has no result yet" in workspace.run("bundle", "rain", "--out", "a.bundle").err
    assert workspace.run("apply", "--auto-approve").code == 0
    workspace.edit("snow")
    said = workspace.run("bundle", "--out", "a.bundle")
    assert said.code == 0
    assert said.out.startswith("a.bundle: 1 result, ")
    assert "1 edit without a result left out" in said.err
    again = workspace.run("bundle", "--out", "a.bundle")
    assert (again.code, "is there already" in again.err) == (1, True)
    assert workspace.run("bundle", "ran", "--out", "b.bundle").code == 64
    assert not (workspace.root / "b.bundle").exists()
    said = workspace.run("unbundle", "a.bundle", "--to", "review")
    assert (said.code, said.out) == (0, "1 result written below review.\n")
    rendered = (workspace.root / "renders/rain.mp4").read_bytes()
    assert (workspace.root / "review/renders/rain.mp4").read_bytes() == rendered
    assert workspace.run("unbundle", "a.bundle").code == 0
    assert workspace.run("unbundle", "nothing.bundle").code == 64
    assert workspace.run("unbundle", "cutlist.yaml").code == 3


def _write_chain(bench: Bench) -> None:
    """An edit of words, and one that its last frame and its sound go into."""
    bench.write_project(endpoint=bench.server.url, realm="live")
    shoot(bench, "shot")
    drive(bench, "on", "edit://shot#last-frame", "edit://shot#audio")


async def test_what_stands_on_excerpts_is_known_without_the_video(
    bench: Bench, tmp_path: Path
) -> None:
    """The frame and the sound that went in come along, so that the key is known where the video
    that they are of is not: the output is written, free.
    """
    _write_chain(bench)
    await bench.apply()
    first = bench.root
    assert bench.project().bundle(["on"], tmp_path / "on.bundle").edits == ["on"]
    other = tmp_path / "other"
    shutil.copytree(first, other, ignore=shutil.ignore_patterns(".cutlist", "renders"))
    bench.root = other
    bench.project().unbundle(tmp_path / "on.bundle")
    report = await bench.apply()
    assert bench.creates() == 2
    assert report.done(Action.WRITE) == 1
    there, here = (root / "renders/on.mp4" for root in (first, other))
    assert there.read_bytes() == here.read_bytes()
    kinds = {blob.read_bytes()[:4] for blob in (other / ".cutlist/live").glob("blobs/*/*")}
    assert kinds == {b"\x89PNG", b"RIFF", here.read_bytes()[:4]}
    folder = tmp_path / "videos"
    unpack_into_folder(tmp_path / "on.bundle", folder, lambda: "id")
    assert [path.name for path in folder.rglob("*.*")] == ["on.mp4"]


async def test_no_other_frame_comes_along(bench: Bench, tmp_path: Path) -> None:
    """A picture that somebody calls the frame of a video, and that no pinned result was made of, is
    refused, and nothing of the bundle is kept.
    """
    _write_chain(bench)
    await bench.apply()
    bench.project().bundle(["on"], tmp_path / "on.bundle")
    raw = (tmp_path / "on.bundle").read_bytes()
    (png,) = (
        blob.read_bytes()
        for blob in (bench.root / ".cutlist/live").glob("blobs/*/*")
        if blob.read_bytes().startswith(b"\x89PNG")
    )
    bent = png[:-1] + b"?"
    assert raw.count(png) == 1
    raw = raw.replace(png, bent)
    head, tail = raw.split(b'"excerpts"', 1)
    tail = tail.replace(hash_bytes(png).encode(), hash_bytes(bent).encode())
    (tmp_path / "bent.bundle").write_bytes(head + b'"excerpts"' + tail)
    shutil.rmtree(bench.root / ".cutlist/live")
    with pytest.raises(BadBundle, match="went into none of its results"):
        bench.project().unbundle(tmp_path / "bent.bundle")
    assert not list((bench.root / ".cutlist/live").glob("blobs/*/*"))
