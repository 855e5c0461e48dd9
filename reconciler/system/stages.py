"""How long the stages of a command take, where somebody asked for it.

`time_stage` around a block notes its time with the recorder that is in force, and does nothing
where there is none. What an inner stage takes counts for that one alone, so stages add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Stage:
    """One stage: its own seconds, how often it ran, and how many things went through it."""

    seconds: float = 0.0
    runs: int = 0
    count: int = 0


class Stages:
    """The recorder: the stages by name, in the order in which they first ended."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self.by_name: dict[str, Stage] = {}


_recorder: ContextVar[Stages | None] = ContextVar("recorder", default=None)
_inner_s: ContextVar[float] = ContextVar("inner_s", default=0.0)  # inside the stage that runs now


@contextmanager
def record_stages(monotonic: Callable[[], float]) -> Iterator[Stages]:
    """Record every stage until the block ends, also those in threads that it starts by asyncio.
    `monotonic` is the clock's.
    """
    stages = Stages(monotonic)
    token = _recorder.set(stages)
    try:
        yield stages
    finally:
        _recorder.reset(token)


@contextmanager
def time_stage(name: str, count: int = 0) -> Iterator[Stage]:
    """Note the time of this block as a stage, with what went through it: `count`, or what the block
    itself adds to the count of the stage that it is given.
    """
    stages = _recorder.get()
    if stages is None:
        yield Stage()
        return
    outer_s, begun = _inner_s.get(), stages.monotonic()
    _inner_s.set(0.0)
    stage = Stage(count=count)
    try:
        yield stage
    finally:
        took_s = stages.monotonic() - begun
        total = stages.by_name.setdefault(name, Stage())
        total.seconds += took_s - _inner_s.get()
        total.runs += 1
        total.count += stage.count
        _inner_s.set(outer_s + took_s)
