"""Pruning where environments, notes of others, kills and saved plans come in: only what is ours
goes, and once.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from reconciler import Project, read_plan
from reconciler.apply.outcome import Stop
from reconciler.apply.publish import Publisher
from reconciler.config import Variables
from reconciler.errors import PlanRefused
from reconciler.formats.secret import Secret
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action, Plan
from tests.e2e.bench import Bench
from tests.e2e.pruning import ON, notes, nothing_to_do, pruned, rewrite_notes

# ------------------------------------------------------------------ environments, realms, notes of


async def test_environments_and_realms_do_not_prune_for_each_other(bench: Bench) -> None:
    """An edit that is taken out leaves its file of each environment to an apply of that
    environment.
    """
    fields: dict[str, Any] = {"prune": ON, "environments": {"draft": {"parameters": {"seed": 7}}}}
    bench.write_project(endpoint=bench.server.url, realm="live", **fields)
    live = Variables(Secret("sk-mock"))

    def opened(environment: str | None = None, variables: Variables = live) -> Project:
        return Project.open(
            bench.root,
            variables=variables,
            environment=environment,
            clock=bench.clock,
            transport=bench.network,
        )

    bench.edit("rain")
    bench.edit("snow", "make it snow")
    await bench.apply(opened())
    await bench.apply(opened("draft"))
    bench.take_out("snow")
    mock = Variables(Secret("sk-mock"), "mock")
    assert [step for step in opened(variables=mock).plan().steps if not step.of_edit] == []
    assert list(pruned(opened().plan())) == ["renders/snow.mp4"]
    assert list(pruned(opened("draft").plan())) == ["renders/draft/snow.mp4"]
    await bench.apply(opened())
    assert not bench.output("snow").exists()
    assert (bench.root / "renders/draft/snow.mp4").is_file()


async def test_notes_of_an_earlier_version(pair: Bench) -> None:
    """They do not say for which environment a file was written: it is never pruned, until an apply
    has noted that.
    """
    old = {
        path: {f: note[f] for f in ("digest", "realm", "edit", "key")}
        for path, note in notes(pair).items()
    }
    rewrite_notes(pair, old)
    pair.take_out("snow")
    assert not pair.project().plan().changes
    await pair.apply()
    pair.take_out("rain")
    pair.edit("hail", "make it hail")
    assert list(pruned(pair.project().plan())) == ["renders/rain.mp4"]


@pytest.mark.parametrize(
    "path",
    [
        "../outside.mp4",
        "/etc/outside.mp4",
        "specs/../renders/rain.mp4",
        "./renders/rain.mp4",
        "renders//rain.mp4",
        "link/rain.mp4",
        ".cutlist/x.mp4",
        ".git/x.mp4",
        f"renders/{'x' * 300}.mp4",
        "renders/\n.mp4",
        "renders/\0.mp4",
        "BLOB",
    ],
)
async def test_notes_that_somebody_changed(pair: Bench, path: str, tmp_path: Path) -> None:
    """Whatever outputs.json names: nothing outside the project, of the store, or of an edit is
    removed.
    """
    content = pair.output("rain").read_bytes()
    made = notes(pair)
    entry = made["renders/rain.mp4"]
    blob = pair.project().store.blob_path(entry["digest"])
    (tmp_path / "outside.mp4").write_bytes(content)
    (pair.root / "link").symlink_to(pair.root / "renders")
    path = blob.relative_to(pair.root).as_posix() if path == "BLOB" else path
    if path.startswith((".cutlist/x", ".git")):
        (pair.root / path).parent.mkdir(exist_ok=True)
        (pair.root / path).write_bytes(content)
    rewrite_notes(pair, {**made, path: {**entry, "edit": "gone"}})
    there = [each for each in tmp_path.rglob("*") if each.is_file() and each.parent.name != "cache"]
    assert pruned(pair.project().plan()) == {}
    await pair.apply()
    assert [each for each in there if not each.is_file()] == []
    assert blob.is_file()


async def test_a_file_whose_folder_became_a_link_stays(pair: Bench) -> None:
    """A symbolic link on the way is not followed, however the file got there."""
    pair.take_out("snow")
    (pair.root / "renders").rename(pair.root / "elsewhere")
    (pair.root / "renders").symlink_to(pair.root / "elsewhere")
    pair.edit("rain", output="films/rain.mp4")
    assert pruned(pair.project().plan()) == {}
    await pair.apply()
    assert (pair.root / "elsewhere/snow.mp4").is_file()


async def test_a_file_that_is_gone_already(pair: Bench) -> None:
    """No step; an apply forgets it."""
    pair.take_out("snow")
    pair.output("snow").unlink()
    assert nothing_to_do(pair)
    await pair.apply()
    assert list(notes(pair)) == ["renders/rain.mp4"]


# ------------------------------------------------------------------ kills and stops


class Killed(BaseException):
    """The process ends here: no handler of ours runs after it."""


async def test_a_kill_between_removing_and_forgetting(pair: Bench) -> None:
    """Nothing is left to do but to forget, and the next apply does."""
    pair.take_out("snow")
    path, before = pair.root / ".cutlist/outputs.json", notes(pair)
    with pytest.MonkeyPatch.context() as patch:

        def killed(*_arguments: object, **_more: object) -> None:
            raise Killed

        patch.setattr(Publisher, "note", killed)
        with pytest.raises(Killed):
            await pair.apply()
    assert json.loads(path.read_text())["outputs"] == before
    assert not pair.output("snow").exists()
    assert nothing_to_do(pair)
    await pair.apply()
    assert list(notes(pair)) == ["renders/rain.mp4"]
    assert (nothing_to_do(pair), pair.creates()) == (True, 2)


async def test_a_kill_after_writing_a_protected_file(pair: Bench) -> None:
    """The protection is noted with the file itself, and not only at the end of the apply."""
    pair.edit("hail", "make it hail", protect=True)
    with pytest.MonkeyPatch.context() as patch:

        def killed(*_arguments: object) -> None:
            raise Killed

        patch.setattr(Publisher, "pin", killed)
        with pytest.raises(Killed):
            await pair.apply()
    assert notes(pair)["renders/hail.mp4"]["protected"] is True


async def test_a_kill_before_removing(pair: Bench) -> None:
    """The moved video is at both places, and the next apply finishes."""
    pair.edit("snow", "make it snow", output="films/snow.mp4")
    with pytest.MonkeyPatch.context() as patch:

        def killed(*_arguments: object) -> None:
            raise Killed

        patch.setattr(Publisher, "prune", killed)
        with pytest.raises(Killed):
            await pair.apply()
    assert pair.output("snow").is_file()
    assert (pair.root / "films/snow.mp4").is_file()
    await pair.apply()
    assert (pair.root / "films/snow.mp4").is_file()
    assert not pair.output("snow").exists()
    assert pair.creates() == 2


async def test_an_interruption(pair: Bench) -> None:
    """Ctrl-C before the end: nothing goes."""
    pair.take_out("snow")
    stop = Stop()

    def approve(_plan: Plan) -> bool:
        stop.request("SIGINT")
        return True

    report = await pair.apply(approve=approve, stop=stop)
    assert (report.exit_code, report.done(Action.PRUNE)) == (130, 0)
    assert pair.output("snow").is_file()


async def test_a_file_that_cannot_be_removed(pair: Bench) -> None:
    """Told, with exit 4, and tried again by the next apply."""
    pair.take_out("snow")
    with pytest.MonkeyPatch.context() as patch:

        def refused(_path: Path, missing_ok: bool = False) -> None:
            raise PermissionError(13, os.strerror(13))

        patch.setattr(Path, "unlink", refused)
        report = await pair.apply()
    assert report.exit_code == 4
    assert "renders/snow.mp4 cannot be removed" in str(report.failures[0].error)
    assert (await pair.apply()).done(Action.PRUNE) == 1


# ------------------------------------------------------------------ saved plans, status


async def test_a_saved_plan_prunes_what_it_showed(pair: Bench) -> None:
    """Exactly that, once."""
    pair.take_out("snow")
    path = pair.root / "night.plan"
    pair.project().save(path)
    report = await pair.apply(saved=read_plan(path))
    assert (report.exit_code, report.done(Action.PRUNE)) == (0, 1)


async def test_a_saved_plan_is_bound_to_the_files_that_go(pair: Bench) -> None:
    """One that changed, went, or is asked for again since makes it stale; so does one more that
    would go.
    """
    path = pair.root / "night.plan"
    pair.take_out("snow")
    pair.project().save(path)
    whole = pair.output("snow").read_bytes()
    pair.output("snow").write_bytes(b"cut by hand")
    with pytest.raises(
        PlanRefused, match=r"[.]/renders/snow.mp4 is gone, changed, or asked for again"
    ):
        await pair.apply(saved=read_plan(path))
    pair.output("snow").write_bytes(whole)
    pair.edit("hail", "make it hail", output="renders/hail.mp4")
    await pair.apply(options=PlanOptions(target=("hail",)))
    pair.take_out("hail")
    with pytest.raises(PlanRefused, match=r"[.]/renders/hail.mp4 is no longer asked for"):
        await pair.apply(saved=read_plan(path))
    assert pair.output("snow").is_file()
    assert pair.output("hail").is_file()


async def test_status_counts_edits_and_names_what_waits_to_be_pruned(pair: Bench) -> None:
    """An output that no edit asks for is no edit, and nothing is wrong with it."""
    pair.take_out("snow")
    status = pair.project().status()
    assert (status.synced, status.counts["Healthy"], status.needs_person) == (False, 1, [])
    assert [step.name for step in status.outputs] == ["./renders/snow.mp4"]
