"""How `Project.apply` was called before there was an ApplyRequest. It works, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import TypedDict

from reconciler.apply.events import Event
from reconciler.apply.request import ApplyHooks, ApplyRequest, SavedPlan
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Plan


class EarlierSettings(TypedDict, total=False):
    """The keywords of before."""

    options: PlanOptions
    saved: SavedPlan | Mapping[str, object]
    max_cost: float | None
    fail_fast: bool
    show: Callable[[Plan], None]
    approve: Callable[[Plan], bool | str]
    observer: Callable[[Event], None]
    tell: Callable[[str], None]


def translate_settings(
    request: ApplyRequest, hooks: ApplyHooks, settings: EarlierSettings
) -> tuple[ApplyRequest, ApplyHooks]:
    """The request and the hooks, with what the keywords of before say; a DeprecationWarning says
    what to write instead.

    Raises TypeError for a keyword that never was one.
    """
    if not settings:
        return request, hooks
    given = dict(settings)
    if "observer" in given:
        given["observe"] = given.pop("observer")
    if isinstance(given.get("saved"), Mapping):
        given["saved"] = SavedPlan(given["saved"])  # type: ignore[arg-type]
    request_fields = {field.name for field in fields(ApplyRequest)} & given.keys()
    hook_fields = {field.name for field in fields(ApplyHooks)} & given.keys()
    unknown = sorted(given.keys() - request_fields - hook_fields)
    if unknown:
        raise TypeError(f"apply() got an unexpected keyword argument {unknown[0]!r}")
    ways = [
        f"{kind}({', '.join(f'{name}=…' for name in sorted(names))})"
        for kind, names in (("ApplyRequest", request_fields), ("ApplyHooks", hook_fields))
        if names
    ]
    warnings.warn(
        f"keywords of Project.apply stand in two values now: apply({', '.join(ways)}).",
        DeprecationWarning,
        stacklevel=3,
    )
    request_values = {name: given[name] for name in request_fields}
    hook_values = {name: given[name] for name in hook_fields}
    return (
        replace(request, **request_values),  # type: ignore[arg-type]
        replace(hooks, **hook_values),  # type: ignore[arg-type]
    )
