"""Matrices and suspended edits, all the way to the bill."""

from __future__ import annotations

from tests.e2e.bench import Bench

MATRIX = {"look": ["rain", "snow"], "seconds": [2, 3], "exclude": [{"look": "snow", "seconds": 3}]}
PARAMETERS = {"resolution": "720P", "duration": "${{ matrix.seconds }}"}


def steps(bench: Bench) -> dict[str, str]:
    return {step.name: step.action.value for step in bench.project().plan().steps}


async def test_every_cell_is_rendered_and_another_builds_on_one(bench: Bench) -> None:
    """One document, three paid tasks, and a fourth of the edit that names a cell; then nothing."""
    bench.edit("street", "make it ${{ matrix.look }}", matrix=MATRIX, parameters=PARAMETERS)
    bench.edit("after", "make it night", url="edit://street[look=snow,seconds=2]")
    report = await bench.apply()
    assert report.exit_code == 0
    names = [
        "after",
        "street[look=rain,seconds=2]",
        "street[look=rain,seconds=3]",
        "street[look=snow,seconds=2]",
    ]
    assert sorted(path.stem for path in (bench.root / "renders").iterdir()) == names
    assert bench.billed_tasks() == bench.creates() == 4
    assert steps(bench) == dict.fromkeys(names, "keep")


async def test_a_further_value_renders_its_own_cells_only(bench: Bench) -> None:
    """The other cells keep names and results; a value taken away leaves its results in the
    store.
    """
    bench.edit("street", "make it ${{ matrix.look }}", matrix={"look": ["rain"]})
    await bench.apply()
    bench.edit("street", "make it ${{ matrix.look }}", matrix={"look": ["fog", "rain"]})
    assert steps(bench) == {"street[look=fog]": "render", "street[look=rain]": "keep"}
    await bench.apply()
    bench.edit("street", "make it ${{ matrix.look }}", matrix={"look": ["fog"]})
    assert steps(bench) == {"street[look=fog]": "keep"}
    bench.edit("street", "make it ${{ matrix.look }}", matrix={"look": ["rain", "fog"]})
    assert set(steps(bench).values()) == {"keep"}
    assert bench.creates() == 2


async def test_a_matrix_and_an_edit_of_the_same_job_pay_once(bench: Bench) -> None:
    """A cell's job is the job of the same request written by hand."""
    bench.edit("by-hand", "make it rain")
    bench.edit("street", "make it ${{ matrix.look }}", matrix={"look": ["rain"]})
    report = await bench.apply()
    assert (report.exit_code, bench.creates()) == (0, 1)
    assert bench.output("by-hand").read_bytes() == bench.output("street[look=rain]").read_bytes()


async def test_a_suspended_edit_is_left_alone(bench: Bench) -> None:
    """Nothing is sent or written for it, those below it wait, and the plan says so; its result can
    be built on.
    """
    bench.edit("rain", suspend=True)
    bench.edit("after", "make it night", url="edit://rain")
    assert steps(bench) == {"rain": "keep", "after": "wait"}
    assert "rain is suspended: left alone" in bench.project().plan().notes
    await bench.apply()
    assert bench.creates() == 0
    bench.edit("rain")
    await bench.apply()
    bench.output("rain").unlink()
    bench.edit("rain", suspend=True)
    assert steps(bench) == {"rain": "keep", "after": "keep"}
    await bench.apply()
    assert not bench.output("rain").exists()
    assert bench.creates() == 2
