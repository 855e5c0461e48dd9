"""The exit codes of `plan` and `diff`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.errors import EXIT_BUDGET, EXIT_CHANGES, EXIT_OK

if TYPE_CHECKING:
    from reconciler.operations.budget import BudgetCheck


def _exit_code(
    changes: bool, held: Sequence[BudgetCheck], detailed_exitcode: bool, max_cost: float | None
) -> int:
    """6 for what would be refused, where `--max-cost` or `--detailed-exitcode` asks for it; 2 for
    changes, where the latter does.
    """
    asked = detailed_exitcode or max_cost is not None
    if asked and any(verdict.refusal for verdict in held):
        return EXIT_BUDGET
    return EXIT_CHANGES if detailed_exitcode and changes else EXIT_OK
