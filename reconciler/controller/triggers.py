"""When a Sync is looked at again. Pure.

After a pass that went well it is the interval, give or take a tenth, so that fifty Syncs do not
knock at one moment; after a failure it is sooner, and then later and later up to the interval.
"""

from __future__ import annotations

from reconciler.controller.documents import Sync

JITTER = 0.1
_GROWTH = 2.0


def choose_wait(sync: Sync, failures: int, chance: float) -> float:
    """The seconds until the next look. `failures` counts those in a row; `chance` lies in
    [0, 1).
    """
    wait_s = sync.interval_s
    if failures:
        wait_s = min(sync.interval_s, sync.retry_interval_s * _GROWTH ** min(failures - 1, 30))
    return wait_s * (1.0 - JITTER + 2.0 * JITTER * chance)
