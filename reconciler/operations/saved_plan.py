"""Saved plans: what one is bound to, and whether it may be carried out here and now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.apply.request import SavedPlan
from reconciler.config import Config
from reconciler.desired.job import Desired
from reconciler.errors import PlanRefused, UsageError
from reconciler.plan.decide import PlanOptions
from reconciler.plan.saved import build_saved_plan, check_form, check_fresh, check_home
from reconciler.planner import Pass
from reconciler.state import plans
from reconciler.system import shipped


def read_plan(path: Path | str) -> SavedPlan:
    """The saved plan in `path`, whole and as this program writes it. Raises BadSavedPlan."""
    document = plans.read(Path(path))
    check_form(document, shipped.read_schema("saved-plan"), shipped.read_schema("plan"))
    return SavedPlan(document)


def bind_plan(config: Config, current: Pass, options: PlanOptions, plan_id: str) -> dict[str, Any]:
    """The document of a plan, bound to all that it was made of."""
    return build_saved_plan(
        current.plan,
        current.desired,
        current.resolved,
        current.observed,
        options,
        config.prices.per_second,
        project=config.name,
        environment=config.environment,
        plan_id=plan_id,
    )


def check_saved(
    config: Config, saved: SavedPlan, run_pass: Callable[[PlanOptions], Pass]
) -> Desired:
    """What a saved plan asks for, where it may be carried out here and now. Raises PlanRefused."""
    home = {
        "name": config.name,
        "environment": config.environment,
        "realm": config.realm,
        "account": config.account,
        "endpoint": config.endpoint.name,
    }
    check_home(saved.document, home)
    plans.check_unused(config.state_dir, saved.id)
    try:
        current = run_pass(saved.options)
    except UsageError as error:  # a target that no longer matches
        raise PlanRefused(
            f"Saved plan is stale: {error}", hint="Nothing was sent. Plan again."
        ) from error
    check_fresh(saved.document, bind_plan(config, current, saved.options, saved.id))
    return current.desired
