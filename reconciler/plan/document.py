"""A plan as plain data for programs (schemas/plan.schema.json). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.plan.chains import followers
from reconciler.plan.step import Action, Cost, Plan, Step

PLAN_VERSION = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan for programs (schemas/plan.schema.json)."""
    summary, told = plan.summary, followers(plan)
    return {
        "version": PLAN_VERSION,
        "realm": plan.realm,
        "account": plan.account,
        "endpoint": plan.endpoint,
        "environment": plan.environment,
        "summary": {action.value: summary[action.value] for action in Action},
        "left_out": plan.left_out,
        "terraform": {
            "add": summary["render"] + summary["wait"],
            "change": summary["write"],
            "destroy": summary["prune"],
        },
        "cost": cost_document(plan),
        "steps": [_step_document(step, told.get(step.name)) for step in plan.steps],
        "notes": list(plan.notes),
        "strays": [
            {"task_id": each.task_id, "name": each.edit, "status": each.status}
            for each in plan.strays
        ],
    }


def price_reason(cost: Cost) -> str | None:
    """Why a price is null, for programs; None where it is known."""
    return None if cost.price is not None else f"not known here: {cost.why}"


def cost_document(plan: Plan) -> dict[str, Any]:
    """What the steps of a plan cost, now and with what waits."""
    now, then = plan.total(Action.RENDER), plan.total(Action.RENDER, Action.WAIT)
    back = plan.held_up
    return {
        "billable_s": now.billable_s,
        "price": now.price,
        "at_most_billable_s": then.billable_s,
        "at_most_price": then.price,
        "price_reason": price_reason(then),
        "held_up_billable_s": back.billable_s,
        "held_up_price": back.price,
        "unknown_inputs": then.unknown_inputs,
        "currency": plan.currency or None,
    }


def step_cost_document(cost: Cost) -> dict[str, Any]:
    """What one step or one change costs."""
    return {
        "billable_s": cost.billable_s,
        "price": cost.price,
        "price_reason": price_reason(cost),
        "unknown_inputs": cost.unknown_inputs,
    }


def _step_document(step: Step, follow: str | None) -> Mapping[str, Any]:
    return {
        "name": step.name,
        "action": step.action.value,
        "reason": step.reason,
        "details": [*step.details, *([follow] if follow else [])],
        "builds_on": list(step.builds_on),
        "key": step.key,
        "output": step.output,
        "place": str(step.place),
        "digest": step.digest,
        "task_id": step.task_id,
        "paid_by": step.paid_by,
        "stuck": step.stuck,
        "cost": step_cost_document(step.cost),
    }
