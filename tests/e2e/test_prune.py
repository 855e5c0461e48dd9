"""Outputs that no manifest asks for any more: what goes, what stays, and that going back
is free.
"""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.apply.publish import Publisher
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action
from reconciler.report.plan import write_plan
from reconciler.system.files import hash_file
from tests.e2e.bench import CREATE, Bench, Trouble, answer
from tests.e2e.pruning import ON, notes, nothing_to_do, pruned

# ------------------------------------------------------------------ what goes


async def test_the_output_of_an_edit_that_was_taken_out_goes(pair: Bench) -> None:
    """Planned, said, removed, forgotten; and putting the edit back costs nothing."""
    pair.take_out("snow")
    made = pair.project().plan()
    assert pruned(made) == {"renders/snow.mp4": "no manifest asks for it any more"}
    assert "  - ./renders/snow.mp4\n" in write_plan(made)
    assert "0 to write, 1 to prune; 1 unchanged." in write_plan(made)
    before = list(pair.network.requests)
    report = await pair.apply(pair.project(key=""))
    assert (report.exit_code, report.done(Action.PRUNE)) == (0, 1)
    assert pair.network.requests == before  # nobody is asked, and no key is wanted
    assert not pair.output("snow").exists()
    assert pair.output("rain").is_file()
    assert list(notes(pair)) == ["renders/rain.mp4"]
    assert nothing_to_do(pair)
    pair.edit("snow", "make it snow")
    await pair.apply()
    assert pair.output("snow").is_file()
    assert pair.creates() == 2


async def test_a_cell_that_a_matrix_no_longer_has(bench: Bench) -> None:
    """Its output goes like any other."""
    bench.write_project(prune=ON)
    fields: dict[str, Any] = {
        "prompt": "${{ matrix.look }}",
        "output": "renders/${{ matrix.look }}.mp4",
    }
    bench.edit("street", matrix={"look": ["rain", "snow"]}, **fields)
    await bench.apply()
    bench.edit("street", matrix={"look": ["rain"]}, **fields)
    assert list(pruned(bench.project().plan())) == ["renders/snow.mp4"]
    await bench.apply()
    assert [path.name for path in (bench.root / "renders").iterdir()] == ["rain.mp4"]


async def test_an_output_and_an_edit_of_one_name(bench: Bench) -> None:
    """An edit may be called like a file; its step and the one of the file are told apart, also in
    the report.
    """
    bench.write_project(prune=ON)
    bench.edit("b", output="a.mp4")
    await bench.apply()
    bench.take_out("b")
    bench.edit("a.mp4", "make it snow", output="c.mp4")
    made = bench.project().plan()
    assert [(step.name, step.action.value) for step in made.steps] == [
        ("a.mp4", "render"),
        ("./a.mp4", "prune"),
    ]
    report = await bench.apply()
    assert sorted(report.outcomes) == ["./a.mp4", "a.mp4"]
    assert (report.done(Action.RENDER), report.done(Action.PRUNE)) == (1, 1)


# ------------------------------------------------------------------ what stays


async def test_off_unless_asked_for(pair: Bench) -> None:
    """Without `prune` nothing is a step and nothing goes; a note says what could."""
    pair.write_project()
    pair.take_out("snow")
    made = pair.project().plan()
    assert not made.changes
    assert made.notes == (
        (
            "renders/snow.mp4: no longer asked for; `prune: {enabled: true}` in cutlist.yaml"
            " removes what no manifest asks for"
        ),
    )
    await pair.apply()
    assert pair.output("snow").is_file()
    pair.write_project(prune=ON)
    assert list(pruned(pair.project().plan())) == ["renders/snow.mp4"]


async def test_a_protected_output_stays(pair: Bench) -> None:
    """`protect: true` on an edit that is up to date is noted by an apply with nothing else to do,
    and outlives it.
    """
    pair.edit("snow", "make it snow", protect=True)
    assert nothing_to_do(pair)
    await pair.apply()
    pair.take_out("snow")
    made = pair.project().plan()
    assert not made.changes
    assert (
        "renders/snow.mp4: no longer asked for, and kept because it was protected" in made.notes[0]
    )
    await pair.apply()
    assert pair.output("snow").is_file()


async def test_protection_at_the_first_render_and_its_end(pair: Bench) -> None:
    """A protected edit's file is protected as it is written, and no longer once an apply has read
    otherwise.
    """
    pair.edit("hail", "make it hail", protect=True)
    await pair.apply()
    pair.edit("hail", "make it hail", protect=True, output="films/hail.mp4")
    await pair.apply()
    assert pair.output("hail").is_file()
    pair.edit("hail", "make it hail", output="films/hail.mp4")
    await pair.apply()
    pair.take_out("hail")
    assert list(pruned(pair.project().plan())) == ["films/hail.mp4"]


async def test_a_file_that_was_changed_stays(pair: Bench) -> None:
    """Other bytes than the ones we wrote are somebody's work, also when they come after
    the plan.
    """
    pair.take_out("snow")
    pair.output("snow").write_bytes(b"cut by hand")
    made = pair.project().plan()
    assert not made.changes
    assert "changed since cutlist wrote it" in made.notes[0]
    await pair.apply()
    assert pair.output("snow").read_bytes() == b"cut by hand"


async def test_a_file_that_changes_while_others_render_stays(pair: Bench) -> None:
    """What was shown to go is looked at again at the end: it does not go, and nothing fails."""
    pair.take_out("snow")
    pair.edit("hail", "make it hail")

    async def change(request: Any, send: Any) -> Any:
        pair.output("snow").write_bytes(b"cut by hand")
        return await send(request)

    pair.network.trouble = [Trouble(*CREATE, change)]
    report = await pair.apply()
    assert (report.exit_code, report.done(Action.PRUNE)) == (0, 0)
    assert pair.output("snow").read_bytes() == b"cut by hand"


async def test_a_file_that_comes_back_while_others_render_stays(pair: Bench) -> None:
    """The plan did not show that it would go; the next one does."""
    pair.take_out("snow")
    content = pair.output("snow").read_bytes()
    pair.edit("hail", "make it hail")
    pair.edit("fog", "make it foggy")
    await pair.apply(options=PlanOptions(target=("fog",)))
    pair.take_out("fog")
    pair.output("snow").unlink()

    async def restore(request: Any, send: Any) -> Any:
        pair.output("snow").write_bytes(content)
        return await send(request)

    pair.network.trouble = [Trouble(*CREATE, restore)]
    report = await pair.apply()
    assert (report.exit_code, report.done(Action.PRUNE)) == (0, 1)
    assert not pair.output("fog").exists()
    assert pair.output("snow").is_file()


async def test_a_file_that_changes_at_the_last_moment_stays(pair: Bench) -> None:
    """The bytes are hashed again right before the file would go; that is told as a failure."""
    pair.take_out("snow")
    project = pair.project()
    prune = Publisher.prune

    def late(self: Publisher, step: Any) -> None:
        pair.output("snow").write_bytes(b"cut by hand")
        prune(self, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Publisher, "prune", late)
        report = await pair.apply(project)
    assert (report.exit_code, str(report.failures[0].error)) == (
        4, "renders/snow.mp4 was changed since it was planned; it stays.",
    )  # fmt: skip
    assert pair.output("snow").read_bytes() == b"cut by hand"


async def test_the_last_copy_stays(pair: Bench) -> None:
    """Where the store lost the result, or its bytes, the file is not removed: a person decides."""
    pair.take_out("snow")
    blob = pair.project().store.blob_path(hash_file(pair.output("snow")))
    blob.chmod(0o644)
    blob.write_bytes(bytes(blob.stat().st_size))  # the right size, and rotten
    report = await pair.apply()
    assert (report.exit_code, report.done(Action.PRUNE)) == (4, 0)
    blob.unlink()
    step = pair.project().plan().steps[-1]
    assert (step.name, step.action, step.needs_person) == (
        "./renders/snow.mp4",
        Action.BLOCKED,
        True,
    )
    assert "its result is not in the store: this may be the last copy" in step.reason
    report = await pair.apply()
    assert (report.exit_code, pair.output("snow").is_file()) == (5, True)


async def test_more_than_the_project_file_allows(pair: Bench) -> None:
    """Two where one may go: both are `!`, with the way out, and the rest of the apply is done."""
    pair.write_project(prune={"enabled": True, "most": 1})
    pair.take_out("snow")
    pair.take_out("rain")
    pair.edit("hail", "make it hail")
    report = await pair.apply()
    assert (report.exit_code, report.done(Action.RENDER), report.done(Action.PRUNE)) == (5, 1, 0)
    assert {step.name for step in report.blocked} == {"./renders/rain.mp4", "./renders/snow.mp4"}
    assert {step.reason for step in report.blocked} == {
        "2 outputs would be pruned at once, and prune.most is 1",
    }
    assert pair.output("rain").is_file()
    assert pair.output("snow").is_file()
    assert pair.project().status().needs_person == ["./renders/rain.mp4", "./renders/snow.mp4"]
    pair.write_project(prune={"enabled": True, "most": 2})
    assert (await pair.apply()).done(Action.PRUNE) == 2


async def test_a_project_without_edits_prunes_nothing(pair: Bench) -> None:
    """An empty folder of manifests is rather a slip than a wish."""
    pair.take_out("snow")
    pair.take_out("rain")
    made = pair.project().plan()
    assert (made.changes, len(made.steps)) == (False, 0)
    assert "no manifest asks for anything" in made.notes[0]
    await pair.apply()
    assert pair.output("rain").is_file()
    assert pair.output("snow").is_file()


@pytest.mark.parametrize(
    "options",
    [PlanOptions(target=("rain",)), PlanOptions(exclude=("rain",)), PlanOptions(refresh_only=True)],
    ids=str,
)
async def test_a_plan_for_some_edits_prunes_nothing(pair: Bench, options: PlanOptions) -> None:
    """What it is not about, it leaves alone, and does not talk about."""
    pair.edit("hail", "make it hail")
    pair.take_out("snow")
    made = pair.project().plan(options)
    assert (pruned(made), made.notes) == ({}, ())
    await pair.apply(options=options)
    assert pair.output("snow").is_file()


async def test_a_suspended_edit_keeps_what_it_has(pair: Bench) -> None:
    """It still asks for its output, and where that was moved, the old file is not pruned either."""
    pair.edit("snow", "make it snow", suspend=True)
    assert nothing_to_do(pair)
    pair.edit("snow", "make it snow", suspend=True, output="films/snow.mp4")
    made = pair.project().plan()
    assert not made.changes
    assert "renders/snow.mp4: kept until the edit that it is of has its new output" in made.notes
    await pair.apply()
    assert pair.output("snow").is_file()


async def test_a_new_place_that_is_taken_keeps_the_old_file(pair: Bench) -> None:
    """Where the moved output is blocked, its old file is what there is."""
    pair.edit("snow", "make it snow", output="films/snow.mp4")
    (pair.root / "films").mkdir()
    (pair.root / "films/snow.mp4").write_bytes(b"somebody's")
    report = await pair.apply()
    assert (report.exit_code, report.done(Action.PRUNE)) == (5, 0)
    assert pair.output("snow").is_file()


async def test_an_edit_that_goes_on_waiting_keeps_its_old_file(pair: Bench) -> None:
    """Where what it builds on is blocked, its moved output does not come in this apply, and nothing
    has failed.
    """
    pair.edit("wet", "make it shine", url="edit://rain")
    await pair.apply()
    pair.edit("rain", "make it pour")
    pair.output("rain").write_bytes(b"cut by hand")
    pair.edit("wet", "make it shine", url="edit://rain", output="films/wet.mp4")
    pair.take_out("snow")
    assert sorted(pruned(pair.project().plan())) == ["renders/snow.mp4", "renders/wet.mp4"]
    report = await pair.apply()
    assert (report.failures, report.done(Action.PRUNE)) == ([], 1)
    assert pair.output("wet").is_file()
    assert not pair.output("snow").exists()


async def test_a_failure_of_the_apply_keeps_everything(pair: Bench) -> None:
    """Pruning comes last, and only when nothing failed; the next apply does it."""
    pair.take_out("snow")
    pair.edit("hail", "make it hail")
    pair.network.trouble = [Trouble(*CREATE, answer(400, code="InvalidParameter", message="no"))]
    report = await pair.apply()
    assert (report.exit_code, report.done(Action.PRUNE)) == (4, 0)
    assert pair.output("snow").is_file()
    pair.take_out("hail")
    assert (await pair.apply()).done(Action.PRUNE) == 1


async def test_an_input_of_another_edit_stays(pair: Bench) -> None:
    """A rendered file that an edit now takes as its clip is not ours to remove."""
    pair.take_out("snow")
    pair.edit("hail", "make it hail", url="../renders/snow.mp4")
    assert pruned(pair.project().plan()) == {}
    assert (await pair.apply()).exit_code == 0
    assert pair.output("snow").is_file()


async def test_a_name_that_differs_only_in_case_stays(pair: Bench) -> None:
    """On many file systems it is the same file."""
    pair.edit("snow", "make it snow", output="renders/SNOW.mp4")
    assert pruned(pair.project().plan()) == {}
