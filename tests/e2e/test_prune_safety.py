"""Pruning where environments, notes of others, kills and saved plans come in: only what is ours goes, and once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from reconciler import Project
from reconciler.apply.outcome import Stop
from reconciler.apply.publish import Publisher
from reconciler.config import Environment, Secret
from reconciler.errors import PlanRefused
from reconciler.plan.diff import Options
from reconciler.plan.step import Action, Plan
from reconciler.project import read_plan
from tests.e2e.bench import Bench
from tests.e2e.pruning import ON, notes, nothing_to_do, pruned, rewrite_notes


@pytest.fixture
async def film(bench: Bench) -> Bench:
    """Two edits, both rendered, in a project that prunes."""
    bench.write_project(prune=ON)
    bench.edit("rain")
    bench.edit("snow", "make it snow")
    await bench.apply()
    return bench


# ------------------------------------------------------------------ environments, realms, notes of others


async def test_environments_and_realms_do_not_prune_for_each_other(bench: Bench) -> None:
    """An edit that is taken out leaves its file of each environment to an apply of that environment."""
    fields: dict[str, Any] = {"prune": ON, "environments": {"draft": {"parameters": {"seed": 7}}}}
    bench.write_project(endpoint=bench.server.url, realm="live", **fields)
    live = Environment(Secret("sk-mock"))

    def opened(environment: str | None = None, env: Environment = live) -> Project:
        return Project.open(bench.root, env=env, environment=environment, clock=bench.clock, transport=bench.network)

    bench.edit("rain")
    bench.edit("snow", "make it snow")
    await bench.apply(opened())
    await bench.apply(opened("draft"))
    bench.take_out("snow")
    mock = Environment(Secret("sk-mock"), bench.server.url)
    assert [step for step in opened(env=mock).plan().steps if not step.of_edit] == []
    assert list(pruned(opened().plan())) == ["renders/snow.mp4"]
    assert list(pruned(opened("draft").plan())) == ["renders/draft/snow.mp4"]
    await bench.apply(opened())
    assert not bench.output("snow").exists()
    assert (bench.root / "renders/draft/snow.mp4").is_file()


async def test_notes_of_an_earlier_version(film: Bench) -> None:
    """They do not say for which environment a file was written: it is never pruned, until an apply has noted that."""
    old = {path: {f: note[f] for f in ("digest", "realm", "edit", "key")} for path, note in notes(film).items()}
    rewrite_notes(film, old)
    film.take_out("snow")
    assert not film.project().plan().changes
    await film.apply()
    film.take_out("rain")
    film.edit("hail", "make it hail")
    assert list(pruned(film.project().plan())) == ["renders/rain.mp4"]


@pytest.mark.parametrize(
    "path",
    ["../outside.mp4", "/etc/outside.mp4", "specs/../renders/rain.mp4", "./renders/rain.mp4", "renders//rain.mp4",
     "link/rain.mp4", ".cutlist/x.mp4", ".git/x.mp4", f"renders/{'x' * 300}.mp4", "renders/\n.mp4",
     "renders/\0.mp4", "BLOB"],
)  # fmt: skip
async def test_notes_that_somebody_changed(film: Bench, path: str, tmp_path: Path) -> None:
    """Whatever outputs.json names: nothing outside the project, of the store, or of an edit is removed."""
    content = film.output("rain").read_bytes()
    made = notes(film)
    entry = made["renders/rain.mp4"]
    blob = film.project().store.blob_path(entry["digest"])
    (tmp_path / "outside.mp4").write_bytes(content)
    (film.root / "link").symlink_to(film.root / "renders")
    path = blob.relative_to(film.root).as_posix() if path == "BLOB" else path
    if path.startswith((".cutlist/x", ".git")):
        (film.root / path).parent.mkdir(exist_ok=True)
        (film.root / path).write_bytes(content)
    rewrite_notes(film, {**made, path: {**entry, "edit": "gone"}})
    there = [each for each in tmp_path.rglob("*") if each.is_file() and each.parent.name != "cache"]
    assert pruned(film.project().plan()) == {}
    await film.apply()
    assert [each for each in there if not each.is_file()] == []
    assert blob.is_file()


async def test_a_file_whose_folder_became_a_link_stays(film: Bench) -> None:
    """A symbolic link on the way is not followed, however the file got there."""
    film.take_out("snow")
    (film.root / "renders").rename(film.root / "elsewhere")
    (film.root / "renders").symlink_to(film.root / "elsewhere")
    film.edit("rain", output="films/rain.mp4")
    assert pruned(film.project().plan()) == {}
    await film.apply()
    assert (film.root / "elsewhere/snow.mp4").is_file()


async def test_a_file_that_is_gone_already(film: Bench) -> None:
    """No step; an apply forgets it."""
    film.take_out("snow")
    film.output("snow").unlink()
    assert nothing_to_do(film)
    await film.apply()
    assert list(notes(film)) == ["renders/rain.mp4"]


# ------------------------------------------------------------------ kills and stops


class Killed(BaseException):
    """The process ends here: no handler of ours runs after it."""


async def test_a_kill_between_removing_and_forgetting(film: Bench) -> None:
    """Nothing is left to do but to forget, and the next apply does."""
    film.take_out("snow")
    path, before = film.root / ".cutlist/outputs.json", notes(film)
    with pytest.MonkeyPatch.context() as patch:

        def killed(*_arguments: object, **_more: object) -> None:
            raise Killed

        patch.setattr(Publisher, "note", killed)
        with pytest.raises(Killed):
            await film.apply()
    assert json.loads(path.read_text())["outputs"] == before
    assert not film.output("snow").exists()
    assert nothing_to_do(film)
    await film.apply()
    assert list(notes(film)) == ["renders/rain.mp4"]
    assert (nothing_to_do(film), film.creates()) == (True, 2)


async def test_a_kill_after_writing_a_protected_file(film: Bench) -> None:
    """The protection is noted with the file itself, and not only at the end of the apply."""
    film.edit("hail", "make it hail", protect=True)
    with pytest.MonkeyPatch.context() as patch:

        def killed(*_arguments: object) -> None:
            raise Killed

        patch.setattr(Publisher, "pin", killed)
        with pytest.raises(Killed):
            await film.apply()
    assert notes(film)["renders/hail.mp4"]["protected"] is True


async def test_a_kill_before_removing(film: Bench) -> None:
    """The moved video is at both places, and the next apply finishes."""
    film.edit("snow", "make it snow", output="films/snow.mp4")
    with pytest.MonkeyPatch.context() as patch:

        def killed(*_arguments: object) -> None:
            raise Killed

        patch.setattr(Publisher, "prune", killed)
        with pytest.raises(Killed):
            await film.apply()
    assert film.output("snow").is_file()
    assert (film.root / "films/snow.mp4").is_file()
    await film.apply()
    assert (film.root / "films/snow.mp4").is_file()
    assert not film.output("snow").exists()
    assert film.creates() == 2


async def test_an_interruption(film: Bench) -> None:
    """Ctrl-C before the end: nothing goes."""
    film.take_out("snow")
    stop = Stop()

    def approve(_plan: Plan) -> bool:
        stop.request("SIGINT")
        return True

    report = await film.apply(approve=approve, stop=stop)
    assert (report.exit_code, report.done(Action.PRUNE)) == (130, 0)
    assert film.output("snow").is_file()


async def test_a_file_that_cannot_be_removed(film: Bench) -> None:
    """Told, with exit 4, and tried again by the next apply."""
    film.take_out("snow")
    with pytest.MonkeyPatch.context() as patch:

        def refused(_path: Path, missing_ok: bool = False) -> None:
            raise PermissionError(13, os.strerror(13))

        patch.setattr(Path, "unlink", refused)
        report = await film.apply()
    assert report.exit_code == 4
    assert "renders/snow.mp4 cannot be removed" in str(report.failures[0].error)
    assert (await film.apply()).done(Action.PRUNE) == 1


# ------------------------------------------------------------------ saved plans, status


async def test_a_saved_plan_prunes_what_it_showed(film: Bench) -> None:
    """Exactly that, once."""
    film.take_out("snow")
    path = film.root / "night.plan"
    film.project().save(path)
    report = await film.apply(saved=read_plan(path))
    assert (report.exit_code, report.done(Action.PRUNE)) == (0, 1)


async def test_a_saved_plan_is_bound_to_the_files_that_go(film: Bench) -> None:
    """One that changed, went, or is asked for again since makes it stale; so does one more that would go."""
    path = film.root / "night.plan"
    film.take_out("snow")
    film.project().save(path)
    whole = film.output("snow").read_bytes()
    film.output("snow").write_bytes(b"cut by hand")
    with pytest.raises(PlanRefused, match=r"[.]/renders/snow.mp4 is gone, changed, or asked for again"):
        await film.apply(saved=read_plan(path))
    film.output("snow").write_bytes(whole)
    film.edit("hail", "make it hail", output="renders/hail.mp4")
    await film.apply(options=Options(target=("hail",)))
    film.take_out("hail")
    with pytest.raises(PlanRefused, match=r"[.]/renders/hail.mp4 is no longer asked for"):
        await film.apply(saved=read_plan(path))
    assert film.output("snow").is_file()
    assert film.output("hail").is_file()


async def test_status_counts_edits_and_names_what_waits_to_be_pruned(film: Bench) -> None:
    """An output that no edit asks for is no edit, and nothing is wrong with it."""
    film.take_out("snow")
    status = film.project().status()
    assert (status.synced, status.counts["Healthy"], status.needs_person) == (False, 1, [])
    assert [step.name for step in status.outputs] == ["./renders/snow.mp4"]
