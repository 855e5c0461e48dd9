"""Public names of before: what each is called now. They work, with a warning that says so."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module

MOVED: Mapping[str, Mapping[str, str]] = {
    "reconciler.config": {"Environment": "reconciler.config:Variables"},
    "reconciler.plan.diff": {"Options": "reconciler:PlanOptions"},
    "reconciler.project": {
        "SavedPlan": "reconciler:SavedPlan",
        "read_plan": "reconciler:read_plan",
    },
}  # by module: the name of before, and `module:name` of now

RENAMED_METHODS: Mapping[str, str] = {
    "budgets": "check_budgets",
    "compare": "diff",
    "decide": "resolve",
    "fate": "describe_fate",
    "look": "run_pass",
    "look_at": "run_pass_at",
    "other_ledgers": "find_other_ledgers",
    "revision": "find_revision",
    "today": "add_up_today",
}  # of Project


def find_moved(module: str, name: str) -> object:
    """What a public name of before stands for, with a DeprecationWarning that says where it is now.

    Raises AttributeError for any other name.
    """
    address = MOVED.get(module, {}).get(name)
    if address is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    home, _, new_name = address.partition(":")
    warn_of(f"{module}.{name} is {home}.{new_name} now")
    return getattr(import_module(home), new_name)


def find_renamed_method(name: str) -> str:
    """What a method of Project is called now, with a DeprecationWarning that says so.

    Raises AttributeError for any other name.
    """
    new_name = RENAMED_METHODS.get(name)
    if new_name is None:
        raise AttributeError(f"'Project' object has no attribute {name!r}")
    warn_of(f"Project.{name} is called Project.{new_name} now")
    return new_name


def warn_of(change: str, *, stacklevel: int = 4) -> None:
    """A DeprecationWarning that points at the line of the user's program."""
    warnings.warn(f"{change}; the old name will go.", DeprecationWarning, stacklevel=stacklevel)
