"""What the tests of pruning and of renames ask for."""

from __future__ import annotations

import json
from typing import Any

from reconciler.plan.step import Action, Plan
from tests.e2e.bench import Bench

ON = {"enabled": True}


def notes(bench: Bench) -> dict[str, Any]:
    """What outputs.json says, by path."""
    made: dict[str, Any] = json.loads((bench.root / ".cutlist/outputs.json").read_text())["outputs"]
    return made


def rewrite_notes(bench: Bench, made: dict[str, Any]) -> None:
    (bench.root / ".cutlist/outputs.json").write_text(json.dumps({"version": 1, "outputs": made}))


def pruned(plan: Plan) -> dict[str, str]:
    """The reason of every `-` step, by path."""
    return {step.output: step.reason for step in plan.by_action(Action.PRUNE)}


def nothing_to_do(bench: Bench) -> bool:
    return not bench.project().plan().changes
