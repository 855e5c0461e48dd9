"""When the next pass runs: at a save of what the project names, one pass at a time."""

from __future__ import annotations

from reconciler.watch.allowance import Allowance
from reconciler.watch.lookout import Cause
from reconciler.watch.passes import Appliable, WatchPass, watch_project

__all__ = ["Allowance", "Appliable", "Cause", "WatchPass", "watch_project"]
