"""The frame of every benchmark: measures in turn, medians with their spread, one JSON line a claim.

A claim is a ratio of two things that are measured in turn in the same run, so that neither the
machine nor what else it does decides. Where there is nothing to compare with, it is a plain value.
Lines go to standard output; words on the way go to standard error.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeVar

Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one command took, with every process that it started and waited for."""

    cpu_s: float
    wall_s: float
    peak_mb: float  # of its largest process, in 10^6 bytes


def measure_command(
    command: Iterable[object], folder: Path | None = None, *, code: int = 0
) -> Usage:
    """Run a command to its end. SystemExit, with what it complained of, where it does not exit with
    `code`.

    Its memory is counted from the moment it was forked, so it is never told to be less than that of
    this process: fill large projects in a process of their own.
    """
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as complaints:
        begun = perf_counter()
        process = subprocess.Popen(
            words, cwd=folder, stdout=subprocess.DEVNULL, stderr=complaints, env=_keep_bytecode()
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != code:
            complaints.seek(0)
            told = complaints.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(words)} ended with {process.returncode}:\n{told}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss * unit / 1e6)


def _keep_bytecode() -> dict[str, str]:
    """The environment of this process, in which Python may keep what it has compiled."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}


def measure_in_turn(rounds: int, **measures: Callable[[], Measured]) -> dict[str, list[Measured]]:
    """Call each of `measures` once a round, in the reverse order every second time; what each gave,
    by its name.
    """
    results: dict[str, list[Measured]] = {name: [] for name in measures}
    for number in range(rounds):
        names = list(measures) if number % 2 == 0 else list(reversed(measures))
        for name in names:
            results[name].append(measures[name]())
    return results


def tell_ratio(
    claim: str,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    allowed: float | None,
    unit: str,
    at_least: bool = False,
    **more: object,
) -> float:
    """Print the claim that ours is at most (or `at_least`) `allowed` times the peer's.

    The two were measured in turn: each round gives a ratio, and the median of these counts.
    `unit` is of what was measured; the medians of both are told in it. Where nothing was claimed,
    `allowed` is None. Returns the ratio.
    """
    ratios = [mine / theirs for mine, theirs in zip(ours, peer, strict=True)]
    medians = {"ours": _round(statistics.median(ours)), "peer": _round(statistics.median(peer))}
    return _tell(claim, "ratio", ratios, allowed, unit, at_least, {**medians, **more})


def tell_cpu_ratio(
    claim: str, ours: Sequence[Usage], peer: Sequence[Usage], *, allowed: float | None
) -> float:
    """The same of the CPU time of whole commands, with the medians of their wall times."""
    walls = [statistics.median(usage.wall_s for usage in usages) for usages in (ours, peer)]
    cpus = [[usage.cpu_s for usage in usages] for usages in (ours, peer)]
    wall_s = [_round(wall) for wall in walls]
    return tell_ratio(claim, *cpus, allowed=allowed, unit="s CPU", wall_s=wall_s)


def tell_value(
    claim: str,
    values: Sequence[float],
    *,
    allowed: float | None,
    unit: str,
    at_least: bool = False,
    **more: object,
) -> float:
    """Print the claim that a value is at most (or `at_least`) `allowed`. Returns the median."""
    return _tell(claim, "value", values, allowed, unit, at_least, more)


def _tell(
    claim: str,
    kind: str,
    values: Sequence[float],
    allowed: float | None,
    unit: str,
    at_least: bool,
    more: dict[str, object],
) -> float:
    median = statistics.median(values)
    reached = None
    if allowed is not None:
        reached = median >= allowed if at_least else median <= allowed
    line = {
        "claim": claim,
        kind: _round(median),
        "spread": [_round(min(values)), _round(max(values))],
        "allowed": allowed,
        "bound": "at least" if at_least else "at most",
        "unit": unit,
        "reached": reached,
        **more,
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)
    return median


def say(words: str) -> None:
    """Words for whoever waits, beside the lines."""
    print(words, file=sys.stderr, flush=True)


def _round(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")
