"""Saved plans: what one is bound to, and whether it may be carried out here and now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reconciler.config import Config
from reconciler.desired.job import Desired
from reconciler.errors import PlanRefused, UsageError
from reconciler.plan.decide import Options
from reconciler.plan.saved import check_form, check_fresh, check_home, options_of, saved_document
from reconciler.planner import Pass
from reconciler.state import plans
from reconciler.system import shipped

SavedPlan = Mapping[str, Any]  # schemas/saved-plan.schema.json


def read_plan(path: Path) -> SavedPlan:
    """The saved plan in `path`, whole and as this program writes it. Raises BadSavedPlan."""
    document = plans.read(path)
    check_form(document, shipped.schema("saved-plan"), shipped.schema("plan"))
    return document


def bind(config: Config, seen: Pass, options: Options, plan_id: str) -> dict[str, Any]:
    """The document of a plan, bound to all that it was made of."""
    return saved_document(
        seen.plan,
        seen.desired,
        seen.resolved,
        seen.observed,
        options,
        config.prices.per_second,
        project=config.name,
        environment=config.environment,
        plan_id=plan_id,
    )


def check_saved(config: Config, saved: SavedPlan, look: Callable[[Options], Pass]) -> Desired:
    """What a saved plan asks for, where it may be carried out here and now. Raises PlanRefused."""
    options = options_of(saved)
    here = {
        "name": config.name,
        "environment": config.environment,
        "realm": config.realm,
        "account": config.account,
        "endpoint": config.endpoint.name,
    }
    check_home(saved, here)
    plans.check_unused(config.state_dir, saved["id"])
    try:
        seen = look(options)
    except UsageError as error:  # a target that no longer matches
        raise PlanRefused(
            f"Saved plan is stale: {error}", hint="Nothing was sent. Plan again."
        ) from error
    check_fresh(saved, bind(config, seen, options, saved["id"]))
    return seen.desired
