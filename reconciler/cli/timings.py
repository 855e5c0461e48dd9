"""Where the time of a command goes: the stages that `-v` tells, and the profile of `--profile`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.cli import screen
from reconciler.errors import UsageError
from reconciler.system.stages import Stages, record_stages


@contextmanager
def tell_stages() -> Iterator[None]:
    """Tell on standard error how long each stage took, as the block ends."""
    from reconciler.system.clock import SystemClock  # lazy: start-up time

    monotonic = SystemClock().monotonic
    begun = monotonic()
    with record_stages(monotonic) as stages:
        try:
            yield
        finally:
            screen.note(_lay_out_stages(stages, monotonic() - begun))


def _lay_out_stages(stages: Stages, total_s: float) -> str:
    """A line a stage; at last what is in none of them, and the sum of all."""
    lines = [f"{'stage':20} {'ms':>9} {'runs':>6} {'count':>9}"]
    for name, stage in stages.by_name.items():
        count = f"{stage.count:,}" if stage.count else ""
        lines.append(f"{name:20} {stage.seconds * 1000:9.1f} {stage.runs:6} {count:>9}")
    other_s = total_s - sum(stage.seconds for stage in stages.by_name.values())
    lines.append(f"{'everything else':20} {other_s * 1000:9.1f}")
    lines.append(f"{'all':20} {total_s * 1000:9.1f}")
    return "\n".join(line.rstrip() for line in lines)


@contextmanager
def write_profile(path: Path) -> Iterator[None]:
    """Profile the block, and write the statistics of cProfile to `path`.

    Raises UsageError where that cannot be written, before anything else is done.
    """
    from cProfile import Profile  # lazy: start-up time

    try:
        path.touch()
    except OSError as error:
        raise UsageError(f"--profile: {path} cannot be written ({error.strerror}).") from error
    profile = Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(path)
