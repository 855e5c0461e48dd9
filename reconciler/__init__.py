"""cutlist: edits as code for AI video. The public names; docs/python-api.md tells what they do.

They are loaded when they are first used: importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.apply.events import Event, Phase
    from reconciler.apply.outcome import Outcome, Report, Stop
    from reconciler.apply.request import ApplyHooks, ApplyRequest, SavedPlan
    from reconciler.errors import (
        BadSavedPlan,
        BadVideo,
        BudgetExceeded,
        CutlistError,
        Declined,
        Fault,
        GitError,
        InvalidInput,
        LedgerError,
        LockChanged,
        Locked,
        Place,
        PlanRefused,
        ProjectNotFound,
        ServiceError,
        StoreDamaged,
        UsageError,
    )
    from reconciler.history.cost import CostReport
    from reconciler.history.log import LogRecord
    from reconciler.operations.budget import BudgetCheck
    from reconciler.operations.gc import Garbage
    from reconciler.operations.retake import Retake
    from reconciler.operations.saved_plan import read_plan
    from reconciler.operations.sheet import Sheet
    from reconciler.plan.decide import PlanOptions
    from reconciler.plan.diff import Comparison
    from reconciler.plan.explain import Explanation
    from reconciler.plan.graph import Graph
    from reconciler.plan.show import EditView
    from reconciler.plan.status import Status
    from reconciler.plan.step import Action, Cost, Plan, Step
    from reconciler.plan.takes import Pick, Take, TakeList
    from reconciler.planner import Pass
    from reconciler.project import Project
    from reconciler.state.observed import Result
    from reconciler.watch import WatchPass

_HOMES = {
    "Action": "reconciler.plan.step",
    "ApplyHooks": "reconciler.apply.request",
    "ApplyRequest": "reconciler.apply.request",
    "BadSavedPlan": "reconciler.errors",
    "BadVideo": "reconciler.errors",
    "BudgetCheck": "reconciler.operations.budget",
    "BudgetExceeded": "reconciler.errors",
    "Comparison": "reconciler.plan.diff",
    "Cost": "reconciler.plan.step",
    "CostReport": "reconciler.history.cost",
    "CutlistError": "reconciler.errors",
    "Declined": "reconciler.errors",
    "EditView": "reconciler.plan.show",
    "Event": "reconciler.apply.events",
    "Explanation": "reconciler.plan.explain",
    "Fault": "reconciler.errors",
    "Garbage": "reconciler.operations.gc",
    "GitError": "reconciler.errors",
    "Graph": "reconciler.plan.graph",
    "InvalidInput": "reconciler.errors",
    "LedgerError": "reconciler.errors",
    "Locked": "reconciler.errors",
    "LockChanged": "reconciler.errors",
    "LogRecord": "reconciler.history.log",
    "Outcome": "reconciler.apply.outcome",
    "Pass": "reconciler.planner",
    "Phase": "reconciler.apply.events",
    "Pick": "reconciler.plan.takes",
    "Place": "reconciler.errors",
    "Plan": "reconciler.plan.step",
    "PlanOptions": "reconciler.plan.decide",
    "PlanRefused": "reconciler.errors",
    "Project": "reconciler.project",
    "ProjectNotFound": "reconciler.errors",
    "Report": "reconciler.apply.outcome",
    "Result": "reconciler.state.observed",
    "Retake": "reconciler.operations.retake",
    "SavedPlan": "reconciler.apply.request",
    "ServiceError": "reconciler.errors",
    "Sheet": "reconciler.operations.sheet",
    "Status": "reconciler.plan.status",
    "Step": "reconciler.plan.step",
    "Stop": "reconciler.apply.outcome",
    "StoreDamaged": "reconciler.errors",
    "Take": "reconciler.plan.takes",
    "TakeList": "reconciler.plan.takes",
    "UsageError": "reconciler.errors",
    "WatchPass": "reconciler.watch",
    "read_plan": "reconciler.operations.saved_plan",
}  # where each public name is found: its module, and its name there where that is another

__all__ = [
    "Action",
    "ApplyHooks",
    "ApplyRequest",
    "BadSavedPlan",
    "BadVideo",
    "BudgetCheck",
    "BudgetExceeded",
    "Comparison",
    "Cost",
    "CostReport",
    "CutlistError",
    "Declined",
    "EditView",
    "Event",
    "Explanation",
    "Fault",
    "Garbage",
    "GitError",
    "Graph",
    "InvalidInput",
    "LedgerError",
    "LockChanged",
    "Locked",
    "LogRecord",
    "Outcome",
    "Pass",
    "Phase",
    "Pick",
    "Place",
    "Plan",
    "PlanOptions",
    "PlanRefused",
    "Project",
    "ProjectNotFound",
    "Report",
    "Result",
    "Retake",
    "SavedPlan",
    "ServiceError",
    "Sheet",
    "Status",
    "Step",
    "Stop",
    "StoreDamaged",
    "Take",
    "TakeList",
    "UsageError",
    "WatchPass",
    "__version__",
    "read_plan",
]
__version__ = "0.1.0"

if not TYPE_CHECKING:

    def __getattr__(name):
        """A public name, on its first use."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module, _, own_name = _HOMES[name].partition(":")
        value = getattr(import_module(module), own_name or name)
        globals()[name] = value
        return value
