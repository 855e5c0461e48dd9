"""What was spent, saved and wasted, and what of each budget is left. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.history.spending import (
    GROUPS,
    WASTED,
    Fate,
    Line,
    Spending,
    Sum,
    add_up,
    group_lines,
)

COST_VERSION = 1


@dataclass(frozen=True, slots=True)
class Budget:
    """What a day may cost, and what it has cost so far."""

    name: str  # as in cutlist.yaml: budget.per_day, environments.final.budget.per_day
    limit: float
    spent: Sum
    file: str = "cutlist.yaml"  # in which the limit stands


@dataclass(frozen=True, slots=True)
class CostReport:
    """What was spent, of which project, and what is left for today."""

    spending: Spending
    project: str
    realm: str
    account: str
    day: str  # today, in UTC
    budgets: tuple[Budget, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Everything, by everything, as plain data; money is None where a price is not known."""
        spending = self.spending
        return {
            "version": COST_VERSION,
            "project": self.project,
            "realm": self.realm,
            "account": self.account,
            "currency": spending.currency or None,
            "day": self.day,
            "spent": _sum(add_up(spending.paid)),
            "saved": _sum(add_up(spending.saved)),
            "wasted": _sum(spending.of(*WASTED)),
            "fates": {fate.value.replace(" ", "_"): _sum(spending.of(fate)) for fate in Fate},
            "budgets": [
                {"name": budget.name, "limit": budget.limit, "spent": budget.spent.price}
                for budget in self.budgets
            ],
            "by": {by: _groups(spending.paid, spending.saved, by) for by in GROUPS},
        }


def _groups(paid: Sequence[Line], saved: Sequence[Line], by: str) -> list[dict[str, Any]]:
    spent, spared = dict(group_lines(paid, by)), dict(group_lines(saved, by))
    names = [*spent, *(name for name in spared if name not in spent)]
    nothing = add_up(())
    return [
        {
            "name": name,
            "spent": _sum(spent.get(name, nothing)),
            "saved": _sum(spared.get(name, nothing)),
        }
        for name in names
    ]


def _sum(spent: Sum) -> dict[str, Any]:
    return {
        "count": spent.count,
        "billable_s": spent.billable_s,
        "price": spent.price if spent.unpriced_s == 0 else None,
        "known_price": spent.price,
        "unpriced_s": spent.unpriced_s,
    }
