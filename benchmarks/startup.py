"""How long `cutlist --version` takes, and the plan of a small project, beside an empty Python in
the same environment.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from frame import measure_command, measure_in_turn, tell_cpu_ratio, tell_ratio
from scene.making import CUTLIST, SETTLED_S, make_project

ROUNDS = 15
EDITS = 8
TIMES, MORE_S = 2.5, 0.060  # allowed to --version: so many times an empty Python, and this


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        make_project(root, EDITS)
        time.sleep(SETTLED_S)
        plan = [*CUTLIST, "-C", root, "plan"]
        measure_command(plan)
        results = measure_in_turn(
            ROUNDS,
            empty=partial(measure_command, [sys.executable, "-c", "pass"]),
            version=partial(measure_command, [*CUTLIST, "--version"]),
            plan=partial(measure_command, plan),
        )
    allowed_s = TIMES * statistics.median(usage.cpu_s for usage in results["empty"]) + MORE_S
    tell_ratio(
        f"cutlist --version, to {TIMES} times python -c pass and {MORE_S * 1000:.0f} ms",
        [usage.cpu_s for usage in results["version"]],
        [allowed_s] * ROUNDS,
        allowed=1,
        unit="s CPU",
    )
    tell_cpu_ratio(
        f"no-op plan, {EDITS} edits, to python -c pass",
        results["plan"],
        results["empty"],
        allowed=None,
    )


if __name__ == "__main__":
    main()
