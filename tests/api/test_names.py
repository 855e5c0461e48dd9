"""Public names: loaded when they are used, and the names of before, which warn."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import reconciler
from reconciler import ApplyHooks, ApplyRequest, PlanOptions, Project, moved
from reconciler.config import Variables
from tests.cli.processes import environment
from tests.e2e.bench import Bench
from tests.workspace import PROJECT


def test_every_public_name_is_there() -> None:
    """The names for type checkers are those for programs, at the same place."""
    tree = ast.parse(Path(reconciler.__file__).read_text())
    for_checkers = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module != "importlib"
    }
    homes = {
        name: home if ":" in home else f"{home}:{name}" for name, home in reconciler._HOMES.items()
    }
    assert for_checkers == homes
    assert {*homes, "__version__"} == set(reconciler.__all__)
    for name in reconciler.__all__:
        assert getattr(reconciler, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = reconciler.Nothing


def test_importing_costs_nothing() -> None:
    """`import reconciler` loads no module beside it."""
    program = (
        "import sys, reconciler\n"
        "print(*(name for name in sys.modules if name.startswith('reconciler')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    assert done.stdout.split() == ["reconciler"]


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in moved.MOVED for name in moved.MOVED[module]]
)
def test_names_that_moved(module: str, name: str) -> None:
    """They are what stands at their new place; the warning names it, and the user's line."""
    home, _, new_name = moved.MOVED[module][name].partition(":")
    with pytest.warns(DeprecationWarning, match=f"is {home}[.]{new_name} now") as warned:
        found = getattr(import_module(module), name)
    assert found is getattr(import_module(home), new_name)
    assert warned[0].filename == __file__
    with pytest.raises(AttributeError, match="no attribute"):
        _ = import_module(module).NeverThere


def test_methods_that_were_renamed(tmp_path: Path) -> None:
    """They call the method of now; any other name is no attribute."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "cutlist.yaml").write_text(PROJECT)
    project = Project.open(tmp_path, variables=Variables())
    for old, new in moved.RENAMED_METHODS.items():
        with pytest.warns(DeprecationWarning, match=f"Project.{old} is called Project.{new} now"):
            assert getattr(project, old) == getattr(project, new)
    with pytest.raises(AttributeError, match="no attribute 'never_there'"):
        _ = project.never_there
    with pytest.warns(DeprecationWarning, match="variables=") as warned:
        Project.open(tmp_path, env=Variables())
    assert warned[0].filename == __file__


async def test_apply_as_it_was_called(bench: Bench, tmp_path: Path) -> None:
    """Keywords work as before, and the warning says what to write."""
    bench.edit("rain")
    plan = tmp_path / "night.plan"
    bench.project().save(plan)
    shown: list[object] = []
    with pytest.warns(DeprecationWarning) as warned:
        report = await bench.project().apply_async(
            saved=reconciler.read_plan(plan).document,
            max_cost=5.0,
            show=shown.append,
            observer=bench.events.append,
        )
    assert str(warned[0].message) == (
        "keywords of Project.apply stand in two values now:"
        " apply(ApplyRequest(max_cost=…, saved=…), ApplyHooks(observe=…, show=…))."
    )
    assert warned[0].filename == __file__
    assert (report.exit_code, len(shown), bool(bench.events)) == (0, 1, True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        await bench.project().apply_async(colour="red")


async def test_a_yes_that_was_given_beforehand(bench: Bench) -> None:
    """Nobody is asked, and the books say who it was."""
    bench.edit("rain")
    project = bench.live_project()
    hooks = ApplyHooks(approve=lambda _plan: pytest.fail("somebody was asked"))
    request = ApplyRequest(PlanOptions(), approved_by="the night watch")
    assert (await project.apply_async(request, hooks)).exit_code == 0
    (result,) = (
        result for results in project.run_pass().observed.results.values() for result in results
    )
    assert result.approved_by == "the night watch"


def test_apply_for_callers_without_a_loop(tmp_path: Path) -> None:
    """`apply` brings its own; inside a loop it says so by asyncio's own words."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "cutlist.yaml").write_text(PROJECT)
    project = Project.open(tmp_path, variables=Variables())
    assert project.apply().exit_code == 0

    async def inside() -> None:
        with pytest.raises(RuntimeError, match="running event loop"):
            project.apply()

    with pytest.warns(RuntimeWarning, match="never awaited"):
        asyncio.run(inside())
