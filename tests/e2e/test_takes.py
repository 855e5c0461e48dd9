"""Takes from end to end: listed, watched, copied out and picked; a pick is a change in git that
costs nothing, and nothing that it asks for is ever rendered.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from reconciler.errors import CutlistError, LockChanged, Locked, StoreDamaged, UsageError
from reconciler.operations import picking
from reconciler.plan.step import Action
from reconciler.state import lockfile
from reconciler.system import shipped
from tests.bucketserver import BucketServer
from tests.e2e.bench import CREATE, Bench, Trouble, lost_after
from tests.repository import Repository
from tests.workspace import Workspace

TAKES = ("make it rain", "make it snow", "make it shine")


@pytest.fixture
async def film(bench: Bench) -> Bench:
    """A project in the live realm, whose one edit has had three takes, of three prompts."""
    bench.write_project(endpoint=bench.server.url, realm="live", pollIntervalSeconds=1)
    return await render(bench)


async def render(bench: Bench) -> Bench:
    bench.live_project()
    for prompt in TAKES:
        bench.edit("film", prompt)
        await bench.apply()
    assert bench.creates() == 3
    return bench


def take_bytes(bench: Bench, number: int) -> bytes:
    """The bytes of a take, by the store."""
    with bench.project().store.open_blob(read_digest(bench, number)) as blob:
        return blob.read()


def read_digest(bench: Bench, number: int) -> str:
    return bench.project().takes("film").choose(number).result.digest


def blob(bench: Bench, number: int) -> Path:
    digest = read_digest(bench, number)
    return bench.root / f".cutlist/live/blobs/{digest[:2]}/{digest}"


# ------------------------------------------------------------------ takes as files


async def test_takes_are_numbered_as_they_were_stored(film: Bench) -> None:
    """Each has its prompt, price and digest; the last counts, and its output has its bytes."""
    takes = film.project().takes("film")
    assert [(take.number, take.prompt, take.price) for take in takes.takes] == [
        (number, prompt, 1.0) for number, prompt in enumerate(TAKES, 1)
    ]
    assert [take.is_current for take in takes.takes] == [False, False, True]
    assert takes.choose(None).output == "renders/film.mp4"
    jsonschema.validate(json.loads(json.dumps(takes.to_json())), shipped.read_schema("takes"))


async def test_copies_of_takes(film: Bench, tmp_path: Path) -> None:
    """They have the bytes of the take; nothing is written over unasked, nothing that is damaged is
    copied, and what is missing is told by its number.
    """
    project, file = film.project(), tmp_path / "copies" / "second.mp4"
    assert project.extract("film", file, take=2).number == 2
    assert file.read_bytes() == take_bytes(film, 2)
    with pytest.raises(UsageError, match="is there already"):
        project.extract("film", file, take=1)
    with pytest.raises(UsageError, match="is a folder"):
        project.extract("film", tmp_path, take=1, force=True)
    assert file.read_bytes() == take_bytes(film, 2)
    project.extract("film", file, force=True)
    assert file.read_bytes() == film.output("film").read_bytes() == take_bytes(film, 3)
    film.output("film").unlink()
    bad = blob(film, 1)
    bad.chmod(0o644)
    bad.write_bytes(b"x" * bad.stat().st_size)
    blob(film, 2).unlink()
    for number, what in ((1, "is damaged"), (2, "is no longer")):
        with pytest.raises(StoreDamaged, match=f"the video of take {number} of film .* {what}"):
            project.extract("film", file, take=number, force=True)
        with pytest.raises(StoreDamaged, match="in this store"):
            project.bring("film", take=number)
        with pytest.raises(StoreDamaged, match="in this store"):
            project.pick("film", number)
    assert [take.is_stored for take in project.takes("film").takes] == [True, False, True]
    assert not (film.root / ".cutlist/live/lock.tmp").exists()
    assert lockfile.read(film.root)["default"]["film"].made_by is None


async def test_no_video_replaces_what_a_project_is_made_of(film: Bench) -> None:
    """Not even by force: the ledger knows what was paid."""
    project = film.project()
    own = [project.config.ledger_file, project.config.store_dir / "new.mp4"]
    manifests = [film.root / "cutlist.yaml", *(film.root / "specs").glob("*.yaml")]
    before = [path.read_bytes() for path in manifests]
    for path in (*own, *manifests, film.root / "cutlist.lock"):
        with pytest.raises(UsageError, match=r"its own files|no name of a video"):
            project.extract("film", path, force=True)
    assert [path.read_bytes() for path in manifests] == before
    assert len(project.takes("film").takes) == 3


async def test_what_is_opened(film: Bench) -> None:
    """The output where it has the take; else a copy, of which only the last few stay."""
    project = film.project()
    assert project.bring("film") == film.output("film")
    first = project.bring("film", take=1)
    assert first.read_bytes() == take_bytes(film, 1)
    assert project.bring("film", take=1) == first
    film.output("film").write_bytes(b"changed by hand")
    assert project.bring("film").read_bytes() == take_bytes(film, 3)
    for number in range(20):
        (first.parent / f"other {number}.mp4").write_bytes(b"")
    first.unlink()
    project.bring("film", take=1)
    assert first.is_file()
    assert len(list(first.parent.iterdir())) == 8


async def test_takes_out_of_a_bucket(bench: Bench, bucket_server: BucketServer) -> None:
    """A take that lies in a bucket is fetched, also once this machine keeps no copy of it, and it
    can be picked.
    """
    store = bucket_server.name_store(bucket_server.make_bucket())
    project = {"endpoint": bench.server.url, "realm": "live", "store": store}
    bench.write_project(**project)
    for prompt in TAKES[:2]:
        bench.edit("film", prompt)
        await bench.apply()
    first = bench.output("film").read_bytes()
    for path in (bench.root / ".cutlist").rglob("*/copies/*"):
        if path.is_dir():
            for copy in path.iterdir():
                copy.unlink()
    brought = bench.project().bring("film", take=1).read_bytes()
    assert brought != first
    assert bench.project().pick("film", 1).is_written
    assert bench.output("film").read_bytes() == brought
    await bench.apply()
    assert (bench.output("film").read_bytes(), bench.creates()) == (brought, 2)


# ------------------------------------------------------------------ picking


async def test_a_pick_is_free_and_holds(film: Bench) -> None:
    """The lock file names the take and the output has its bytes; an apply pays nothing and leaves
    both; another prompt is rendered as ever; `git revert` brings back what was there.
    """
    (film.root / ".gitignore").write_text(".cutlist/\nrenders/\n")
    repository = Repository(film.root)
    repository.commit("three takes")
    before = (film.root / "cutlist.lock").read_bytes()
    pick = film.project().pick("film", 1)
    assert (pick.is_new, pick.is_written, pick.reason) == (
        True, True, "picked: take 1, of an earlier prompt",
    )  # fmt: skip
    assert film.output("film").read_bytes() == take_bytes(film, 1)
    repository.commit("the rain it is")
    report = await film.apply()
    assert (report.outcomes, film.creates()) == ({}, 3)
    assert film.project().plan().notes == ("film: picked: take 1, of an earlier prompt",)
    assert film.project().explain("film").step.reason == "picked: take 1, of an earlier prompt"
    assert repository.git("status", "--porcelain", "cutlist.lock") == ""
    assert not film.project().pick("film", 1).is_new
    repository.git("revert", "--no-edit", "HEAD")
    assert (film.root / "cutlist.lock").read_bytes() == before
    assert (await film.apply()).done(Action.WRITE) == 1
    assert film.output("film").read_bytes() == take_bytes(film, 3)
    film.project().pick("film", 2)
    film.edit("film", "make it night")
    assert (await film.apply()).done(Action.RENDER) == 1
    pin = lockfile.read(film.root)["default"]["film"]
    assert (film.creates(), pin.made_by, pin.digest) == (4, None, read_digest(film, 4))


async def test_a_take_of_the_present_request(film: Bench, tmp_path: Path) -> None:
    """It is an ordinary entry of the lock file: its key is the edit's."""
    film.project().pick("film", 1)
    pick = film.project().pick("film", 3)
    assert (pick.is_new, pick.reason) == (True, "")
    assert lockfile.read(film.root)["default"]["film"].made_by is None
    assert film.project().plan().notes == ()


async def test_what_builds_on_a_pick_is_priced(film: Bench) -> None:
    """A pick says what would be rendered with the picked bytes, and sends nothing."""
    media = [{"type": "video", "url": "edit://film"}]
    film.edit("poster", input={"prompt": "more of it", "media": media})
    await film.apply()
    pick = film.project().pick("film", 1)
    assert [step.name for step in pick.downstream] == ["poster"]
    assert pick.cost.price is not None
    assert pick.cost.price > 0
    assert film.creates() == 4
    assert (await film.apply()).done(Action.RENDER) == 1
    assert film.project().pick("film", 3).downstream == []  # it was rendered with that before


async def test_what_a_pick_names_stays(film: Bench, tmp_path: Path) -> None:
    """gc leaves it, verify misses it where it is not, a bundle brings it into a clone, and until
    then the clone is blocked and not rendered.
    """
    film.project().pick("film", 1)
    digest, second = read_digest(film, 1), read_digest(film, 2)
    unnamed = film.project().gc(commits=0, delete=True).results
    assert {result.digest for result in unnamed} == {second}
    assert film.project().takes("film").choose(1).is_stored
    film.project().bundle(["film"], tmp_path / "film.bundle")
    (film.root / ".cutlist").rename(tmp_path / "away")
    film.output("film").unlink()
    (damage,) = film.project().verify()
    assert "film" in damage.words
    (step,) = film.project().plan().steps
    assert (step.action, digest[:12] in step.reason) == (Action.BLOCKED, True)
    await film.apply()
    assert film.creates() == 3
    film.project().unbundle(tmp_path / "film.bundle")
    assert (await film.apply()).done(Action.WRITE) == 1
    assert film.output("film").read_bytes() == take_bytes(film, 1)
    assert film.creates() == 3


async def test_a_task_under_way_when_a_take_is_picked(film: Bench) -> None:
    """It is paid, so the next apply brings it home, as a take; the pick stays."""
    film.edit("film", "make it night")
    film.network.trouble = [Trouble(*CREATE, lost_after)]
    await film.apply()
    film.network.trouble = []
    pick = film.project().pick("film", 1)
    assert pick.is_written
    await film.apply()
    await film.apply()
    assert film.output("film").read_bytes() == take_bytes(film, 1)
    assert film.creates() == 4
    assert len(film.project().takes("film").takes) == 4


async def test_who_was_first(film: Bench) -> None:
    """A pick by what was shown holds only while that is so; and two at once wait for each other."""
    shown = film.project().takes("film")
    film.project().pick("film", 2, mark=shown.mark, digest=shown.choose(2).result.digest)
    with pytest.raises(LockChanged, match="somebody else picked"):
        film.project().pick("film", 1, mark=shown.mark)
    with pytest.raises(LockChanged, match="is another video"):
        film.project().pick("film", 1, digest=shown.choose(3).result.digest)
    with film.project()._workspace.open_for_writing(), pytest.raises(Locked):
        film.project().pick("film", 1)
    assert lockfile.read(film.root)["default"]["film"].digest == shown.choose(2).result.digest


async def test_edits_that_cannot_have_a_pick(film: Bench) -> None:
    """Suspended, waiting, without that take, or with a file of somebody else at its output: each is
    told, and neither the lock file nor any output is touched.
    """
    before = (film.root / "cutlist.lock").read_bytes()
    film.edit("film", TAKES[2], suspend=True)
    with pytest.raises(UsageError, match="film is suspended"):
        film.project().pick("film", 1)
    film.edit("film", TAKES[2])
    with pytest.raises(UsageError, match="film has no take 9"):
        film.project().pick("film", 9)
    with pytest.raises(UsageError, match="no edit is named"):
        film.project().pick("flim", 1)
    film.output("film").write_bytes(b"by hand")
    with pytest.raises(UsageError, match="is a file that cutlist did not write"):
        film.project().pick("film", 1)
    assert film.output("film").read_bytes() == b"by hand"
    film.edit("film", TAKES[2], input={
        "prompt": "more", "media": [{"type": "video", "url": "edit://none"}]
    })  # fmt: skip
    film.edit("none", "make it night")
    with pytest.raises(UsageError, match="film waits for none"):
        film.project().pick("film", 1)
    assert (film.root / "cutlist.lock").read_bytes() == before


async def test_a_protected_output(film: Bench) -> None:
    """`protect` keeps an output from being pruned, and not from another take; it stays so noted."""
    film.edit("film", TAKES[2], protect=True)
    film.project().pick("film", 1)
    notes = json.loads((film.root / ".cutlist/outputs.json").read_text())
    assert '"protected": true' in json.dumps(notes)
    assert film.output("film").read_bytes() == take_bytes(film, 1)


async def test_an_output_that_cannot_be_written(
    film: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pick is told to hold, and the next apply writes the output."""

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(picking.Publisher, "write", fail)
        with pytest.raises(CutlistError, match="take 1 of film is picked, and"):
            film.project().pick("film", 1)
    assert (await film.apply()).done(Action.WRITE) == 1
    assert film.output("film").read_bytes() == take_bytes(film, 1)


# ------------------------------------------------------------------ commands


@pytest.fixture
def street(workspace: Workspace, media: Path) -> Workspace:
    """A matrix of one edit in the mock realm, rendered for two prompts."""
    workspace.take(media, "ok.mp4")
    for look in ("snow", "rain"):
        workspace.edit(
            "street",
            matrix={"size": ["720P"]},
            input={
                "prompt": f"Make it {look}",
                "media": [{"type": "video", "url": "./media/ok.mp4"}],
            },
            parameters={"resolution": "${{ matrix.size }}"},
        )
        assert workspace.run("apply", "--auto-approve").code == 0
    return workspace


def test_picks_in_the_mock_realm(street: Workspace) -> None:
    """They lie in a lock file of the realm's own, which the command names; the committed one does
    not come to be. They hold, and go when something else is asked for.
    """
    name, lock = "street[size=720P]", street.root / ".cutlist/mock/cutlist.lock"
    said = street.run("pick", name, "1")
    assert said.code == 0
    assert "cutlist.lock does not count in the realm mock" in said.out.replace("\n", " ")
    assert ".cutlist/mock/cutlist.lock" in said.out
    assert not (street.root / "cutlist.lock").exists()
    assert f"{name}: picked: take 1, of an earlier prompt" in street.run("plan").out
    assert "No changes" in street.run("apply", "--auto-approve").out
    assert list(lockfile.read(lock.parent)["default"]) == [name]
    assert street.run("verify").code == 0
    street.write(
        "specs/street.yaml", (street.root / "specs/street.yaml").read_text().replace("rain", "fog")
    )
    assert street.run("apply", "--auto-approve").code == 0
    assert lockfile.read(lock.parent)["default"] == {}
    assert json.loads(street.run("takes", name, "--json").out)["takes"][2]["current"]


def write_opener(tools: Path, script: str) -> None:
    """What this system would open files with."""
    tools.mkdir(exist_ok=True)
    opener = tools / ("open" if sys.platform == "darwin" else "xdg-open")
    opener.write_text(f"#!/bin/sh\n{script}\n")
    opener.chmod(0o755)


def test_commands_about_takes(
    street: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A matrix as a whole is none; a cell is. What a player is given is a file with the take."""
    name = "street[size=720P]"
    for command in (["takes", "street"], ["pick", "street", "1"], ["open", "street"],
                    ["extract", "street", "x.mp4"]):  # fmt: skip
        said = street.run(*command)
        assert (said.code, "It is a matrix" in said.err) == (64, True)
    assert street.run("extract", name, "--take", "1", "copies/x.mp4").code == 0
    note, tools = tmp_path / "opened", tmp_path / "tools"
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    write_opener(tools, f'echo "$1" >> {note}')
    assert street.run("open", name, "--take", "1").code == 0
    copy = (street.root / "copies/x.mp4").read_bytes()
    assert Path(note.read_text().strip()).read_bytes() == copy
    assert street.run("open", name).code == 0
    shown = json.loads(street.run("show", name, "--json").out)
    assert note.read_text().splitlines()[1] == str(street.root / shown["output"])
    # as where there is no display: what the program complains of is no help
    write_opener(tools, "echo no browser found >&2; exit 3")
    said = street.run("open", name)
    words = f"no program of this machine opens {street.root / shown['output']}."
    assert (said.code, words in said.err, "no browser" in said.err) == (1, True, False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert street.run("open", name).code == 1
    said = street.run("extract", name, "copies/x.mp4", "--take", "0")
    assert said.code == 64
    said = street.run("pick", name, "1", "--json")
    assert (said.code, json.loads(said.out)["changed"]) == (0, True)
