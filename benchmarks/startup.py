"""How long `cutlist --version` takes, beside an empty Python in the same environment."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 15
EMPTY = [sys.executable, "-c", "pass"]
VERSION = [sys.executable, "-c", "from reconciler.cli import main; main()", "--version"]


def wall_s(command: list[str]) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    empty, version = wall_s(EMPTY), wall_s(VERSION)
    allowed = 2.5 * empty + 0.060
    print(f"python -c pass     {empty * 1000:6.1f} ms")
    print(
        f"cutlist --version  {version * 1000:6.1f} ms   {version / empty:.1f} times; allowed"
        f" {allowed * 1000:.1f} ms"
    )


if __name__ == "__main__":
    main()
