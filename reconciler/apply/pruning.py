"""Last of all, what was shown to go goes, once what takes its place is there."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

from reconciler.apply.context import Context
from reconciler.apply.outcome import Outcome, Stop
from reconciler.apply.publish import Publisher
from reconciler.apply.unbroken import run_unbroken
from reconciler.errors import CutlistError
from reconciler.plan.step import Action, Plan, Step
from reconciler.planner import Pass
from reconciler.system.files import EscapesRoot


async def prune_agreed(
    context: Context,
    publisher: Publisher,
    agreed: Plan,
    look_again: Callable[[], Pass],
    outcomes: MutableMapping[str, Outcome],
    stop: Stop,
) -> None:
    """Remove the files that a plan which somebody agreed to said would go; nothing where anything
    has failed.
    """
    shown = {(step.name, step.digest) for step in agreed.by_action(Action.PRUNE)}
    if not shown or not all(outcome.ok for outcome in outcomes.values()):
        return
    plan = look_again().plan
    in_place = {step.name for step in plan.by_action(Action.KEEP)}
    for step in plan.by_action(Action.PRUNE):
        if (step.name, step.digest) in shown and (step.after is None or step.after in in_place):
            if stop.reason:
                return
            outcomes[step.name] = await _prune(context, publisher, step)


async def _prune(context: Context, publisher: Publisher, step: Step) -> Outcome:
    try:
        await run_unbroken(context.run_blocking(publisher.prune, step))
    except CutlistError as error:
        return Outcome(step, error)
    except (OSError, EscapesRoot) as error:
        return Outcome(step, CutlistError(f"{step.output} cannot be removed: {error}."))
    return Outcome(step, None, step.digest)
