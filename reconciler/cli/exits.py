"""The exit codes of `cutlist plan` and `cutlist diff`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.errors import EXIT_BUDGET, EXIT_CHANGES, EXIT_OK

if TYPE_CHECKING:
    from reconciler.operations.budget import BudgetCheck


def choose_exit_code(
    *,
    has_changes: bool,
    checks: Sequence[BudgetCheck],
    detailed_exitcode: bool,
    max_cost: float | None,
) -> int:
    """The exit code of a command that shows what an apply would do.

    It is 6 when a budget would refuse the apply and `--max-cost` or `--detailed-exitcode` asks for
    that; it is 2 when there are changes and `--detailed-exitcode` asks for that; otherwise 0.
    """
    asked_about_budgets = detailed_exitcode or max_cost is not None
    if asked_about_budgets and any(check.refusal for check in checks):
        return EXIT_BUDGET
    if detailed_exitcode and has_changes:
        return EXIT_CHANGES
    return EXIT_OK
