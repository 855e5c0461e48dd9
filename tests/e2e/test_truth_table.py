"""What makes work, and what does not: everything is up to date, one thing happens, and this is the
plan.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import Project
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from reconciler.plan.decide import PlanOptions
from reconciler.system.cache import open_cache
from reconciler.system.files import read_stamp
from tests.e2e.bench import Bench, write_video

MANIFEST = "specs/film.yaml"
FILM = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: film}
spec:
  input:
    prompt: make it rain
    media: [{type: video, url: ./clip.mp4}]
  parameters: {seed: 7}
"""
REMOTE = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: remote}
spec:
  input: {prompt: make it snow, media: [{type: video, url: "https://clips.example/a.mp4?Expires=1&Signature=one"}]}
"""
KEEP = {"film": "keep", "remote": "keep"}
RENDER = {"film": "render", "remote": "keep"}
WRITE = {"film": "write", "remote": "keep"}

Change = Callable[[Path], None]


def written(old: str, new: str, file: str = MANIFEST) -> Change:
    """Replace text of a manifest."""

    def change(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new))

    return change


def touch(root: Path) -> None:
    for path in (root / MANIFEST, root / "specs/clip.mp4", root / "renders/film.mp4"):
        path.touch()


def reformat(root: Path) -> None:
    (root / MANIFEST).write_text(json.dumps({
        "spec": {
            "parameters": {"seed": 7},
            "input": {"media": [{"url": "./clip.mp4", "type": "video"}], "prompt": "make it rain"},
        },
        "metadata": {"name": "film"}, "kind": "Edit", "apiVersion": "cutlist/v1",
    }, indent=7))  # fmt: skip


def other_clip(root: Path) -> None:
    write_video(root / "specs/clip.mp4", 2, colour=0x123456)


def older_clip(root: Path) -> None:
    other_clip(root)
    os.utime(root / "specs/clip.mp4", (1, 1))


def deleted(root: Path) -> None:
    (root / "renders/film.mp4").unlink()


def no_cache(root: Path) -> None:
    shutil.rmtree(root / ".cutlist/cache")


def no_ledger(root: Path) -> None:
    (root / ".cutlist/live/ledger.db").unlink()


def cut_short(root: Path) -> None:
    path = root / "renders/film.mp4"
    path.write_bytes(path.read_bytes()[:1000])


def emptied(root: Path) -> None:
    (root / "renders/film.mp4").write_bytes(b"")


def cut_short_in_a_clone(root: Path) -> None:
    cut_short(root)
    (root / ".cutlist/outputs.json").unlink()
    no_ledger(root)


def cut_short_and_changed(root: Path) -> None:
    cut_short(root)
    written("make it rain", "make it pour")(root)


@pytest.fixture
async def done(bench: Bench) -> Bench:
    """Two edits, rendered and written, in the live realm, where there is a lock file."""
    bench.write("film.yaml", FILM)
    bench.write("remote.yaml", REMOTE)
    write_video(bench.root / "specs/clip.mp4", 2)
    report = await bench.apply(bench.live_project())
    assert report.exit_code == 0
    assert plan(bench) == KEEP
    return bench


def plan(bench: Bench, root: Path | None = None) -> dict[str, str]:
    variables = Variables(Secret("sk-mock"))
    project = Project.open(
        root or bench.root, variables=variables, clock=bench.clock, transport=bench.network
    )
    return {step.name: step.action.value for step in project.plan().steps}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(touch, KEEP, id="touched"),
        pytest.param(reformat, KEEP, id="reformatted, keys in another order"),
        pytest.param(written("spec:", "# a comment\nspec:"), KEEP, id="a comment"),
        pytest.param(
            written("{seed: 7}", "{seed: 7, watermark: false}"), KEEP, id="a default written out"
        ),
        pytest.param(
            written("Signature=one", "Signature=two", "specs/remote.yaml"),
            KEEP,
            id="a link signed anew",
        ),
        pytest.param(no_cache, KEEP, id="no cache"),
        pytest.param(no_ledger, KEEP, id="no ledger"),
        pytest.param(deleted, WRITE, id="the output deleted"),
        pytest.param(cut_short, WRITE, id="the output cut short"),
        pytest.param(emptied, WRITE, id="the output empty"),
        pytest.param(cut_short_in_a_clone, WRITE, id="the output cut short, and no notes"),
        pytest.param(cut_short_and_changed, RENDER, id="the output cut short, and the prompt"),
        pytest.param(written("make it rain", "make it pour"), RENDER, id="the prompt"),
        pytest.param(written("seed: 7", "seed: 8"), RENDER, id="the seed"),
        pytest.param(other_clip, RENDER, id="the bytes of a medium"),
        pytest.param(older_clip, RENDER, id="a medium replaced by an older one"),
    ],
)
async def test_what_one_change_asks_for(
    done: Bench, change: Change, expected: dict[str, str]
) -> None:
    """No step for what changes no pixel; a free one for what is in the store; exactly one render
    for the rest.
    """
    change(done.root)
    assert plan(done) == expected
    creates = done.creates()
    report = await done.apply(done.live_project())
    assert report.exit_code == 0
    assert done.creates() - creates == list(expected.values()).count("render")
    assert plan(done) == KEEP


async def test_an_output_that_is_not_whole_is_told(done: Bench) -> None:
    """The plan says why a file is written again; its bytes are whole afterwards."""
    whole = done.output("film").read_bytes()
    cut_short(done.root)
    (step,) = (step for step in done.live_project().plan().steps if step.name == "film")
    assert step.reason == "the file is not whole; its result is in the store"
    assert (step.needs_person, step.cost.price) == (False, 0.0)
    await done.apply(done.live_project())
    assert done.output("film").read_bytes() == whole


async def test_a_clone_with_the_store_restores_every_output(done: Bench, tmp_path: Path) -> None:
    """Committed files and a copy of the store are enough: the same bytes, without a request."""
    clone = tmp_path / "clone"
    shutil.copytree(
        done.root,
        clone,
        ignore=shutil.ignore_patterns("renders", "cache", "ledger*", "outputs.json"),
    )
    assert plan(done, clone) == {"film": "write", "remote": "write"}
    sent = len(done.network.requests)
    project = Project.open(
        clone, variables=Variables(Secret("sk-mock")), clock=done.clock, transport=done.network
    )
    await done.apply(project)
    assert len(done.network.requests) == sent
    for name in ("film.mp4", "remote.mp4"):
        assert (clone / "renders" / name).read_bytes() == (
            done.root / "renders" / name
        ).read_bytes()


def another_end(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]))


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("spoil", [another_end, longer, same_size_and_time])
async def test_a_spoilt_output_is_never_silently_replaced(
    done: Bench, spoil: Callable[[Path], None]
) -> None:
    """Changed by somebody, and be it one byte: the file stays until a person has said so, and then
    it is free.
    """
    path = done.output("film")
    whole = path.read_bytes()
    spoil(path)
    assert plan(done) == {"film": "blocked", "remote": "keep"}
    path.unlink()
    await done.apply(done.live_project())
    assert path.read_bytes() == whole
    assert done.billed_tasks() == 2


def behind_the_cache(bench: Bench, path: Path) -> None:
    """Other bytes of the same size, in a file system that shows the same times: only reading finds
    them.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.chmod(0o644)
    same_size_and_time(path)
    cache = open_cache(bench.root / ".cutlist/cache")
    row = cache.get("outputs", str(path.parent)) or {}
    cache.put("outputs", str(path.parent), {**row, path.name: (read_stamp(path), digest)})
    cache.save()


async def test_verify_reads_what_times_hide(done: Bench) -> None:
    """An output and a stored video whose times say that nothing happened; the service still has the
    video.
    """
    verified = PlanOptions(verify=True)
    digest = hashlib.sha256(done.output("film").read_bytes()).hexdigest()

    def planned(options: PlanOptions = PlanOptions()) -> dict[str, str]:  # noqa: B008  (frozen)
        return {step.name: step.action.value for step in done.live_project().plan(options).steps}

    whole = done.output("film").read_bytes()
    behind_the_cache(done, done.output("film"))
    assert (planned(), planned(verified)) == (KEEP, {"film": "blocked", "remote": "keep"})
    done.output("film").write_bytes(whole)
    blob = done.root / ".cutlist/live/blobs" / digest[:2] / digest
    behind_the_cache(done, blob)
    assert (planned(), planned(verified)) == (KEEP, {"film": "resume", "remote": "keep"})
    creates = done.creates()
    report = await done.apply(done.live_project(), options=verified)
    assert (report.exit_code, done.creates()) == (0, creates)
    assert hashlib.sha256(blob.read_bytes()).hexdigest() == digest
    assert planned(verified) == KEEP


async def test_a_result_that_is_gone_is_fetched_again_or_named_with_its_price(done: Bench) -> None:
    """While the service has it, bringing it home again is free; after that a person decides, and
    sees the price.
    """
    digest = hashlib.sha256(done.output("film").read_bytes()).hexdigest()
    (done.root / ".cutlist/live/blobs" / digest[:2] / digest).unlink()
    done.output("film").unlink()
    assert plan(done) == {"film": "resume", "remote": "keep"}
    done.virtual.advance(25 * 3600)
    (step,) = (step for step in done.live_project().plan().steps if step.name == "film")
    assert (step.action.value, step.needs_person, step.repay) == ("blocked", True, True)
    assert step.cost.price and step.cost.price > 0
    creates = done.creates()
    await done.apply(done.live_project())
    assert done.creates() == creates
