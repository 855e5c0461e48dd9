"""Waiting until a project is as a script needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from reconciler.controller.conditions import Health
from reconciler.controller.reading import classify_edits
from reconciler.plan.status import Status
from reconciler.system.clock import Clock

Goal = Literal["healthy", "synced"]
POLL_S = 2.0  # seconds between two looks


async def wait_for_goal(
    goal: Goal, read_status: Callable[[], Status], clock: Clock, timeout_s: float
) -> tuple[Status, bool]:
    """Look until the goal is reached, or for `timeout_s` seconds; at least once. Returns the last
    status, and whether the goal is reached.
    """
    deadline = clock.monotonic() + timeout_s
    while True:
        status = read_status()
        reached = is_reached(goal, status)
        left_s = deadline - clock.monotonic()
        if reached or left_s <= 0:
            return status, reached
        await clock.sleep(min(POLL_S, left_s))


def is_reached(goal: Goal, status: Status) -> bool:
    """Whether a project is synced: nothing is left to do; or healthy: every edit is, but for those
    that are suspended.
    """
    if goal == "synced":
        return status.synced
    edits = classify_edits(status.plan, status.now)
    return all(edit.health in (Health.HEALTHY, Health.SUSPENDED) for edit in edits)
