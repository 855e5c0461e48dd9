"""`-v` and `--profile`: where the time of a command goes, beside what it always prints."""

from __future__ import annotations

import pstats
import re
from pathlib import Path

import pytest

from reconciler.errors import EXIT_INVALID, EXIT_OK, EXIT_USAGE
from tests.workspace import Said, Workspace

EDIT = {"input": {"prompt": "Rain", "media": [{"type": "video", "url": "https://x.example/a.mp4"}]}}
ROW = re.compile(
    r"^(?P<stage>[a-z ]+?) +(?P<ms>-?[\d.]+)(?: +(?P<runs>\d+))?(?: +(?P<count>\d+))?$"
)


@pytest.fixture
def film(workspace: Workspace) -> Workspace:
    """Two edits of media elsewhere."""
    for name in ("one", "two"):
        workspace.edit(name, **EDIT)
    return workspace


def read_rows(said: Said) -> dict[str, tuple[float, str | None]]:
    """Milliseconds and count of each stage that was told."""
    rows = map(ROW.match, said.err.splitlines())
    return {row["stage"]: (float(row["ms"]), row["count"]) for row in rows if row}


def read_names(profile: Path) -> set[str]:
    """The functions of a profile."""
    functions = pstats.Stats(str(profile)).stats  # type: ignore[attr-defined]
    return {name for _, _, name in functions}


def test_stages_are_told_beside_the_plan(film: Workspace) -> None:
    """Standard output is the same; standard error has every stage of the pass, and they add up."""
    plain, said = film.run("plan"), film.run("-v", "plan")
    assert (said.code, said.out, plain.err) == (EXIT_OK, plain.out, "")
    rows = read_rows(said)
    counts = {stage: count for stage, (_, count) in rows.items() if count}
    assert counts == dict.fromkeys(("manifests", "store", "outputs", "keys", "decide", "show"), "2")
    assert {"program", "project file", "ledger", "earlier jobs"} < set(rows)
    (total_ms, _) = rows.pop("all")
    assert sum(ms for ms, _ in rows.values()) == pytest.approx(total_ms, abs=1.0)  # of rounding


def test_stages_are_told_before_the_error(film: Workspace) -> None:
    """A project with a fault has stages as well."""
    film.write("specs/two.yaml", "kind: Edit\n")
    said = film.run("-v", "plan")
    assert said.code == EXIT_INVALID
    assert "manifests" in read_rows(said)
    assert said.err.endswith("Nothing was sent.\n")


def test_a_profile_is_written_where_the_command_works(film: Workspace) -> None:
    """Read by the standard library, and with the functions of the command in it."""
    plain, said = film.run("plan"), film.run("--profile", "plan.prof", "plan")
    assert said == plain
    names = read_names(film.root / "plan.prof")
    assert {"run_plan", "load_desired", "write_plan"} <= names


def test_a_profile_of_an_error_is_written(film: Workspace) -> None:
    """What fails may be slow, too."""
    assert film.run("--profile", "a.prof", "show", "nobody").code == EXIT_USAGE
    assert "run_show" in read_names(film.root / "a.prof")


def test_a_profile_that_cannot_be_written_is_told_first(film: Workspace) -> None:
    """One error with its place, and nothing else is done."""
    said = film.run("--profile", "none/plan.prof", "plan")
    assert (said.code, said.out) == (EXIT_USAGE, "")
    assert said.err == (
        f"error: --profile: {film.root / 'none/plan.prof'} cannot be written"
        " (No such file or directory).\n"
    )
