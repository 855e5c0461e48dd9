"""A plan as a file: what it is bound to, whether that still holds, and the plan itself back from
it. Pure.

A saved plan holds digests of what was asked for and of what was there, for every edit it is about,
and the prices. The digest over itself finds slips and damage; it is no signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from reconciler.desired.job import Desired, build_job
from reconciler.errors import BadSavedPlan, Place, PlanRefused
from reconciler.formats.digest import digest_json
from reconciler.formats.names import is_plain
from reconciler.plan.cost import PricePerSecond, find_price, find_wanted_tier
from reconciler.plan.decide import PlanOptions
from reconciler.plan.jobs import Resolved
from reconciler.plan.step import Action, Cost, Plan, Step
from reconciler.state.observed import Observed, Stray

KIND = "cutlist saved plan"
SAVED_VERSION = 2
_MOST_LINES = 10
_CHANGED = "asks for something else: its manifest, or a file that it names, changed"
_UNBOUND = (
    "place",
    "notes",
    "builds_on",
)  # a line that moved, a warning that went: nothing that is paid for


def build_saved_plan(
    plan: Plan,
    desired: Desired,
    resolved: Mapping[str, Resolved],
    observed: Observed,
    options: PlanOptions,
    price_per_second: PricePerSecond,
    *,
    project: str,
    environment: str,
    plan_id: str,
) -> dict[str, Any]:
    """The plan with everything it is bound to, sealed with a digest
    (schemas/saved-plan.schema.json).
    """
    names = [step.name for step in plan.steps if step.name in desired.edits]
    prices = {}
    for name in names:
        wanted = desired.edits[name]
        prices[find_price(wanted)] = price_per_second(wanted.edit.model, find_wanted_tier(wanted))
    document = {
        "kind": KIND,
        "version": SAVED_VERSION,
        "id": plan_id,
        "project": {
            "name": project,
            "environment": environment,
            "realm": plan.realm,
            "account": plan.account,
            "endpoint": plan.endpoint,
        },
        "options": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(options).items()
            if name != "given_up"  # is of a watch, which saves no plans
        },
        "desired": {name: _asked(desired, name) for name in names},
        "observed": {
            **{name: _seen(resolved[name], observed) for name in names},
            **{
                step.name: _seen_left_over(step, observed)
                for step in plan.steps
                if not step.of_edit
            },
        },
        "prices": prices,
        "plan": plan.to_json(),
    }
    return {**document, "digest": digest_json(document)}


def _asked(desired: Desired, name: str) -> str:
    wanted = desired.edits[name]
    job_ = build_job(wanted, {up: f"edit://{up}" for up in wanted.upstreams})
    return digest_json({"job": job_.canonical, "output": wanted.edit.output})


def _seen(resolved: Resolved, observed: Observed) -> dict[str, str | None]:
    edit = resolved.wanted.edit
    job = resolved.job
    # of what has its result nobody asks what was tried
    history = observed.history.get(job.key) if job and resolved.result is None else None
    pin = observed.pins.get(edit.name) or (
        observed.pin(edit.name, resolved.job.key) if resolved.job else None
    )
    return {
        "result": resolved.result.digest if resolved.result else None,
        "request": f"{history.last.state.value} {history.last.id}" if history else None,
        "file": observed.outputs[edit.output].digest,
        "pin": f"{pin.key} {pin.digest}" if pin else None,
    }


def _seen_left_over(step: Step, observed: Observed) -> dict[str, str | None]:
    """Of an output that no edit asks for: the file that goes, and what we wrote there."""
    return {
        "result": step.digest,
        "request": None,
        "file": observed.left_over[step.output].digest,
        "pin": None,
    }


def check_form(
    document: Mapping[str, Any], own: Mapping[str, Any], plan: Mapping[str, Any]
) -> None:
    """Raises BadSavedPlan for what this program did not write like this. `own` and `plan` are the
    two schemas.
    """
    from jsonschema import Draft202012Validator  # lazy: start-up time

    hint = "Nothing was sent. Plan again: `cutlist plan --out FILE`."
    version = document.get("version")
    if type(version) is not int or version != SAVED_VERSION:
        raise BadSavedPlan("the saved plan is of another version of cutlist.", hint=hint)
    try:
        rest = {name: value for name, value in document.items() if name != "digest"}
        whole = document.get("digest") == digest_json(rest)
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise BadSavedPlan(
            "the saved plan was changed since it was written: its digest does not match.", hint=hint
        )
    if not (
        Draft202012Validator(own).is_valid(document)
        and Draft202012Validator(plan).is_valid(document["plan"])
    ):
        raise BadSavedPlan("the saved plan is not as this program writes it.", hint=hint)
    texts = (
        *document["project"].values(),
        *document["desired"],
        *document["observed"],
        *document["prices"],
    )
    try:
        if not all(is_plain(text) for text in texts):
            raise ValueError("characters that would write on the terminal")
        read_options(document)
        read_saved_plan(document)
    except (ValueError, TypeError) as error:
        raise BadSavedPlan("the saved plan is not as this program writes it.", hint=hint) from error


def read_options(document: Mapping[str, Any]) -> PlanOptions:
    """What was allowed when the plan was made. Raises TypeError for an option of another
    program.
    """
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in document["options"].items()
    }
    options = PlanOptions(**given)
    if any(type(value) is not type(getattr(PlanOptions(), name)) for name, value in given.items()):
        raise TypeError("an option of another kind")
    return options


# ------------------------------------------------------------------ does it still hold?


def check_home(document: Mapping[str, Any], here: Mapping[str, str]) -> None:
    """Raises PlanRefused for a plan of another project, environment, realm, account or endpoint."""
    there = document["project"]
    names = ("name", "environment", "realm", "account", "endpoint")
    other = [f"its {'project' if name == 'name' else name} is {there[name]}, not {here[name]}"
             for name in names if there[name] != here[name]]  # fmt: skip
    if other:
        hint = (
            "Nothing was sent. Apply it where it was planned, with the same --endpoint and --env."
        )
        raise PlanRefused(f"Saved plan is of another place: {'; '.join(other)}.", hint=hint)


def check_fresh(document: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises PlanRefused with what moved since; `now` is what would be saved now."""
    lines = list(_moved(document, now)) or list(_steps_moved(document["plan"], now["plan"]))
    if lines:
        more = [f"and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
        listed = "\n".join(f"  - {line}" for line in [*lines[:_MOST_LINES], *more])
        raise PlanRefused(f"Saved plan is stale:\n{listed}", hint="Nothing was sent. Plan again.")


def check_no_more(document: Mapping[str, Any], plan: Plan) -> None:
    """Raises PlanRefused when `plan`, made after open requests were settled, pays for more than
    what was saved.
    """
    agreed = {
        step["name"]
        for step in document["plan"]["steps"]
        if step["action"] in ("render", "wait") and not step.get("stuck")
    }
    more = [
        step.name
        for step in plan.by_action(Action.RENDER, Action.WAIT)
        if step.name not in agreed and not step.stuck
    ]
    if more:
        words = (
            f"the service has answered what was open, and {', '.join(more)} would have to be"
            " rendered"
        )
        raise PlanRefused(
            f"Saved plan is stale: {words}.", hint="No request for a task was sent. Plan again."
        )


def _moved(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*then["desired"], *now["desired"]}):
        before, after = then["desired"].get(name), now["desired"].get(name)
        if before != after:
            words = (
                "is no longer asked for"
                if after is None
                else "is new"
                if before is None
                else _CHANGED
            )
            yield f"{name} {words}"
            continue
        for words in _seen_moved(then["observed"].get(name) or {}, now["observed"][name]):
            yield f"{name}: {words}"
    yield from _left_over_moved(then, now)
    yield from _prices_moved(then, now)


def _left_over_moved(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What moved of outputs that no edit asks for; `observed` names them beside the edits."""
    for name in sorted({*then["observed"], *now["observed"]} - {*then["desired"], *now["desired"]}):
        before, after = then["observed"].get(name), now["observed"].get(name)
        if before is None:
            yield f"{name} is no longer asked for"
        elif after is None:
            yield f"{name} is gone, changed, or asked for again"
        else:
            yield from (f"{name}: {words}" for words in _seen_moved(before, after))


def _seen_moved(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    words = {
        "result": ("a result appeared", "its result is gone", "another result counts"),
        "request": ("a request was made", "its request is forgotten", "its request has moved on"),
        "file": ("a file appeared at its output", "its file is gone", "its file changed"),
        "pin": (
            "cutlist.lock names a result",
            "cutlist.lock names no result any more",
            "cutlist.lock names another",
        ),
    }
    if then.get("result") or now.get("result"):
        del words["request"]
    for name, (appeared, gone, changed) in words.items():
        before, after = then.get(name), now.get(name)
        if before != after:
            yield appeared if before is None else gone if after is None else changed


def _prices_moved(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if then["plan"]["cost"]["currency"] != now["plan"]["cost"]["currency"]:
        yield "prices are in another currency"
    for name, price in sorted(now["prices"].items()):
        if name in then["prices"] and then["prices"][name] != price:
            yield (
                f"the price of a second of {name} was {_price(then['prices'][name])} and is"
                f" {_price(price)} now"
            )


def _price(value: float | None) -> str:
    return "not known" if value is None else f"{value:g}"


def _steps_moved(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What no other word has explained, such as a request that can no longer be collected."""
    if _bound(then) == _bound(now):
        return
    is_explained = False
    before = {step["name"]: step for step in then["steps"]}
    for step in now["steps"]:
        old = before.get(step["name"], step)
        if _bound(old) != _bound(step):
            is_explained = True
            other = f"would now be {step['action']}, not {old['action']}"
            same = f"is still to {step['action']}, but what that means or costs changed"
            yield f"{step['name']} {same if old['action'] == step['action'] else other}"
    if then["strays"] != now["strays"]:
        yield "tasks that nobody waits for (strays) came or were answered for"
    elif not is_explained:
        yield "another plan would be made now"


def _bound(value: Any) -> Any:
    """A plan, or a part of one, without what it is not bound to."""
    if isinstance(value, Mapping):
        return {name: _bound(part) for name, part in value.items() if name not in _UNBOUND}
    return [_bound(item) for item in value] if isinstance(value, list) else value


# ------------------------------------------------------------------ back from the file


def read_saved_plan(document: Mapping[str, Any]) -> Plan:
    """The plan for people to read again."""
    data = document["plan"]
    unpriced = tuple(sorted(name for name, price in document["prices"].items() if price is None))
    plan = Plan(
        steps=tuple(_step_of(step) for step in data["steps"]),
        realm=data["realm"],
        account=data["account"],
        endpoint=data["endpoint"],
        currency=data["cost"]["currency"] or "",
        notes=tuple(data["notes"]),
        unpriced=unpriced,
        strays=tuple(
            Stray(stray["task_id"], stray["name"], "", stray["status"], 0.0)
            for stray in data["strays"]
        ),
        left_out=data["left_out"],
        environment=data["environment"],
    )
    followers = plan.describe_followers()  # the document has them among the details
    return replace(
        plan, steps=tuple(_without(step, followers.get(step.name)) for step in plan.steps)
    )


def _without(step: Step, words: str | None) -> Step:
    if words is None or step.details[-1:] != (words,):
        return step
    return replace(step, details=step.details[:-1])


def _step_of(data: Mapping[str, Any]) -> Step:
    file, line, column = data["place"].rsplit(":", 2)
    action = Action(data["action"])
    cost = _cost_of(data["cost"])
    return Step(
        name=data["name"],
        action=action,
        reason=data["reason"],
        output=data["output"],
        place=Place(file, int(line), int(column)),
        key=data["key"],
        details=tuple(data["details"]),
        cost=cost,
        digest=data["digest"],
        task_id=data["task_id"],
        paid_by=data["paid_by"],
        stuck=data.get("stuck", False),
        repay=action is Action.BLOCKED and cost.billable_s > 0,
        billed_at_end=action is Action.RESUME and cost.billable_s > 0,
        builds_on=tuple(data.get("builds_on", ())),
    )


def _cost_of(data: Mapping[str, Any]) -> Cost:
    why = (data.get("price_reason") or "").removeprefix("not known here: ")
    return Cost(data["billable_s"], data["price"], data["unknown_inputs"], why)
