"""Plans of large projects of which everything is rendered: what they cost beside a floor that only
reads and hashes the manifests and looks at the outputs, and how they grow.

`--all` goes on to 100,000 edits, which takes a quarter of an hour. `--rounds` says how often each
pair is measured.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from frame import Usage, measure_command, measure_in_turn, say, tell_cpu_ratio, tell_value
from scene.making import CUTLIST, FLOOR, SETTLED_S, make_project, touch_edit

SMALL, LARGE, HUGE = 1_000, 10_000, 100_000
STEP = 11  # times, for ten times as many edits


def plan(root: Path) -> Usage:
    """The plan of a project."""
    return measure_command([*CUTLIST, "-C", root, "plan"])


def plan_cold(root: Path) -> Usage:
    """The same by somebody who remembers no manifest and no file."""
    shutil.rmtree(root / ".cutlist" / "cache", ignore_errors=True)
    return plan(root)


def plan_changed(root: Path, seeds: Callable[[], int]) -> Usage:
    """The same after one manifest was changed to what it never was."""
    touch_edit(root, 0, seeds())
    return plan(root)


def measure_floor(root: Path) -> Usage:
    return measure_command([sys.executable, FLOOR, root])


def tell_peak(name: str, edits: int, usages: list[Usage], allowed_mb: int) -> None:
    peaks = [usage.peak_mb for usage in usages]
    claim = f"{name} plan, {edits:,} edits, peak memory"
    tell_value(claim, peaks, allowed=allowed_mb, unit="MB")


def tell_large(files: Path, matrix: Path, changed: Path, rounds: int) -> None:
    """The claims about 10,000 edits."""
    seeds = iter(range(1000, 10**6)).__next__
    results = measure_in_turn(
        rounds,
        floor=partial(measure_floor, files),
        files=partial(plan, files),
        matrix=partial(plan, matrix),
        changed=partial(plan_changed, changed, seeds),
    )
    tell_cpu_ratio(
        f"no-op plan, {LARGE:,} edits in files, to the floor script",
        results["files"],
        results["floor"],
        allowed=4,
    )
    tell_peak("no-op", LARGE, results["files"], 120)
    tell_cpu_ratio(
        f"no-op plan, {LARGE:,} cells of a matrix, to as many files",
        results["matrix"],
        results["files"],
        allowed=1,
    )
    tell_cpu_ratio(
        f"plan with one manifest of {LARGE:,} changed, to the no-op",
        results["changed"],
        results["files"],
        allowed=1.15,
    )


def tell_growth(small: tuple[int, Path], large: tuple[int, Path], rounds: int) -> None:
    """The claims about ten times as many edits."""
    for name, measure in (("no-op", plan), ("cold", plan_cold)):
        results = measure_in_turn(
            rounds, small=partial(measure, small[1]), large=partial(measure, large[1])
        )
        claim = f"{name} plan, growth from {small[0]:,} to {large[0]:,} edits"
        tell_cpu_ratio(claim, results["large"], results["small"], allowed=STEP)
        if large[0] == HUGE:
            tell_peak(name, HUGE, results["large"], 1000)


def prepare(roots: list[Path]) -> None:
    """Let plans know of what is there, as a second plan does."""
    time.sleep(SETTLED_S)
    for root in roots:
        plan(root)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--all", action="store_true", help="also 100,000 edits")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        roots = {name: Path(folder) / name for name in ("small", "files", "matrix", "changed")}
        for name, edits in (("small", SMALL), ("files", LARGE), ("matrix", LARGE)):
            say(f"making {edits:,} edits ({name})")
            make_project(roots[name], edits, "matrix" if name == "matrix" else "files")
        shutil.copytree(roots["files"], roots["changed"])
        prepare([*roots.values()])
        tell_large(roots["files"], roots["matrix"], roots["changed"], arguments.rounds)
        shutil.rmtree(roots["changed"])
        tell_growth((SMALL, roots["small"]), (LARGE, roots["files"]), min(arguments.rounds, 2))
        if arguments.all:
            huge = Path(folder) / "huge"
            say(f"making {HUGE:,} edits")
            make_project(huge, HUGE, "files")
            prepare([huge])
            tell_growth((LARGE, roots["files"]), (HUGE, huge), 1)


if __name__ == "__main__":
    main()
