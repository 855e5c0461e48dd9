"""One resolved edit and what is: what is to be done for it, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.errors import Place
from reconciler.formats.values import value
from reconciler.plan.jobs import Resolved
from reconciler.plan.reasons import describe_changes, find_changed_place, list_texts
from reconciler.plan.step import Action, Step
from reconciler.service.codes import MOST_ROUNDS, Verdict, find_code, may_try_again
from reconciler.state.observed import OPEN, Attempt, History, Observed, Output, Pin, Result, State

_OVERWRITTEN = "another file is there; it is overwritten (--force)"
_ONLY_ASKED = "The same request is sent again only with `cutlist apply --retry-failed`."
SUSPENDED = "suspended: left alone"


@value(frozen=True, slots=True)
class PlanOptions:
    """What people allow beyond the ordinary."""

    force: bool = False  # overwrite files we did not write; put mock videos over live ones
    repay: bool = False  # pay again for what was paid and lost
    retry_failed: bool = False  # send again what the service refused
    refresh_only: bool = False  # bring home what is at the service; send, write and pin nothing
    verify: bool = False  # read every clip, output and stored video again, whatever their times say
    given_up: tuple[str, ...] = ()  # keys that failed in an earlier pass of `watch`: not sent again
    target: tuple[str, ...] = ()  # only these edits, and what they build on
    exclude: tuple[str, ...] = ()  # not these edits, nor what builds on them


def is_settled(resolved: Resolved, outputs: Mapping[str, Output]) -> bool:
    """Whether there is nothing to do for an edit, whatever becomes of the others: its result is
    there, and so is its file (`outputs`, by path), with the bytes of the result.
    """
    edit, result = resolved.wanted.edit, resolved.result
    return result is not None and outputs[edit.output].digest == result.digest and not edit.suspend


def decide_step(
    resolved: Resolved, observed: Observed, options: PlanOptions, came_from: str
) -> Step:
    """What is to be done for one edit, by what is known of it alone. `came_from` says in words
    where its result comes from, when it was renamed or its output was moved.
    """
    edit = resolved.wanted.edit
    output = observed.outputs[edit.output]
    replaces = output.digest if output.ours or options.force else None
    make = _Maker(
        edit.name,
        edit.output,
        edit.place(),
        resolved.job.key if resolved.job else None,
        replaces,
        edit.protect,
        resolved.wanted.upstreams,
    )
    if edit.suspend:
        return make(Action.KEEP, SUSPENDED)
    if resolved.result is not None and is_settled(resolved, observed.outputs):
        reason = describe_pick(resolved, observed) or "matches its result"
        return make(Action.KEEP, reason, result=resolved.result)
    if resolved.fault and resolved.result is None and not _is_under_way(resolved, observed):
        return make(Action.BLOCKED, resolved.fault)
    if resolved.job is None:
        names = ", ".join(resolved.waits_for)
        return _occupied(make, observed, options) or make(
            Action.WAIT, f"waits for {names}; its key is known after that"
        )
    if resolved.result is not None:
        return _output_step(make, resolved, resolved.result, observed, options, came_from)
    history = observed.history.get(resolved.job.key)
    held = {result.task.get("task_id") for result in observed.results.get(resolved.job.key, ())}
    if (
        history is not None
        and history.last.state is State.SUCCEEDED
        and history.last.task_id in held
    ):
        history = None  # its result is here; the lock file names another
    step = _attempt_step(make, history, observed, options) if history is not None else None
    if step is None:
        step = _pinned_step(
            make, observed.pin(edit.name, resolved.job.key), options
        ) or _render_step(make, resolved, observed)
    if step.action is not Action.RENDER:
        return step
    blocked = _occupied(make, observed, options) or _given_up_step(make, history, options)
    if blocked is None and resolved.waits_for:
        names = ", ".join(resolved.waits_for)
        return make(Action.WAIT, f"waits for {names}, whose video is not in this store")
    return blocked or step


def _is_under_way(resolved: Resolved, observed: Observed) -> bool:
    """Whether something was sent for an edit already: that is brought home, whatever it takes."""
    return resolved.job is not None and resolved.job.key in observed.history


def _given_up_step(make: _Maker, history: History | None, options: PlanOptions) -> Step | None:
    """What failed in an earlier pass of `watch` waits for a save of its own manifest."""
    if make.key not in options.given_up:
        return None
    words = _words(history.last) if history is not None else ()
    way = f"It is sent again when {make.place.file} is saved, or by `cutlist apply`."
    return make(Action.BLOCKED, "failed in an earlier pass", *words, way)


def _pinned_step(make: _Maker, pin: Pin | None, options: PlanOptions) -> Step | None:
    """The lock file names a result that is not here: never a silent render."""
    if pin is None:
        return None
    picked = " of an earlier request" if pin.made_by else ""
    reason = f"cutlist.lock pins a result{picked} ({pin.digest[:12]}…) that is not in this store"
    if options.repay:
        return make(Action.RENDER, f"{reason}; paid again")
    ways = "Copy the store to this machine, or render and pay again with `cutlist apply --repay`."
    if pin.made_by:
        ways = (
            f"Copy the store to this machine, pick another take (`cutlist takes {make.name}`), or"
            " render what is asked for, and pay, with `cutlist apply --repay`."
        )
    return replace(make(Action.BLOCKED, reason, ways, person=True), repay=True)


@value(frozen=True, slots=True)
class _Maker:
    """Makes steps of one edit."""

    name: str
    output: str
    place: Place
    key: str | None
    replaces: str | None
    protect: bool
    builds_on: tuple[str, ...]

    def __call__(
        self,
        action: Action,
        reason: str,
        *details: str,
        attempt: Attempt | None = None,
        result: Result | None = None,
        person: bool = False,
    ) -> Step:
        since = attempt.since if attempt else result.stored or None if result else None
        return Step(
            name=self.name,
            action=action,
            reason=reason,
            output=self.output,
            place=self.place,
            key=self.key,
            details=details,
            digest=result.digest if result else None,
            attempt_id=attempt.id if attempt else None,
            task_id=attempt.task_id if attempt else None,
            needs_person=person,
            replaces=self.replaces,
            since=since,
            collect_by=attempt.collect_by if attempt else None,
            protect=self.protect,
            builds_on=self.builds_on,
        )


def _output_step(
    make: _Maker,
    resolved: Resolved,
    result: Result,
    observed: Observed,
    options: PlanOptions,
    came_from: str,
) -> Step:
    """The result is there; the file is another one, or none."""
    details: tuple[str, ...] = ()
    output = observed.outputs[make.output]
    occupied = _occupied(make, observed, options)
    if occupied is not None:
        return occupied
    picked = describe_pick(resolved, observed)
    if output.cut_short:
        reason = "the file is not whole; its result is in the store"
    elif picked and (output.ours or output.digest is None):
        reason = picked
    elif output.digest is not None:
        reason, details = _replacing(resolved, observed) if output.ours else (_OVERWRITTEN, ())
    elif came_from:
        reason = f"{came_from}: its result is in the store"
    elif output.published is not None:
        reason = "the file was deleted; its result is in the store"
    else:
        reason = "the result is in the store, the file is not written yet"
    return replace(make(Action.WRITE, reason, *details), digest=result.digest)


def describe_pick(resolved: Resolved, observed: Observed) -> str:
    """`picked: take 2, of an earlier prompt`, where the result of an edit is of another request
    than its own; empty for any other.
    """
    if not resolved.is_picked:
        return ""
    assert resolved.result is not None and resolved.job is not None
    before, now = resolved.result.job, resolved.job.canonical
    prompts = [_find_prompt(job) for job in (before, now)]
    what = "prompt" if prompts[0] != prompts[1] else "request"
    pin = observed.pin(resolved.wanted.edit.name, resolved.job.key)
    number = pin.take if pin is not None else None
    take = f"take {number}" if number else f"the result {resolved.result.digest[:12]}…"
    return f"picked: {take}, of an earlier {what}"


def _find_prompt(job: Mapping[str, object]) -> object:
    sent = job.get("input")
    return sent.get("prompt") if isinstance(sent, Mapping) else None


def _replacing(resolved: Resolved, observed: Observed) -> tuple[str, tuple[str, ...]]:
    """Why the file of another result goes: most often a request that went back to what it was."""
    before = observed.before.get(resolved.wanted.edit.name)
    if before is None or resolved.job is None or before == resolved.job.canonical:
        return "the file is of another result", ()
    reason, details = describe_changes(
        before, resolved.job.canonical, list_texts(resolved.wanted), resolved.wanted.variant.default
    )
    return f"{reason}; its result is in the store: nothing is paid", details


def _occupied(make: _Maker, observed: Observed, options: PlanOptions) -> Step | None:
    """A blocked step where something is at the output that must not be replaced unasked; before
    anything is paid.
    """
    output = observed.outputs[make.output]
    if output.digest is None or options.force:
        return None
    if not output.ours:
        reason = f"{make.output} is a file that cutlist did not write, or that was changed since"
        ways = "Move it away, choose another output, or overwrite it with `cutlist apply --force`."
        return make(Action.BLOCKED, reason, ways, person=True)
    if (
        output.published is not None
        and output.published.realm == "live"
        and observed.realm == "mock"
    ):
        ways = (
            "A video of the mock does not replace a real one; use another output, or `cutlist apply"
            " --force`."
        )
        return make(Action.BLOCKED, f"{make.output} holds a live render", ways, person=True)
    return None


def _attempt_step(
    make: _Maker, history: History, observed: Observed, options: PlanOptions
) -> Step | None:
    """What earlier attempts of this job ask for; None when they are no reason not to render."""
    last = history.last
    may_be_there = last.state in (*OPEN, State.SUCCEEDED)
    if may_be_there and not last.is_of(observed.endpoint, observed.account):
        reason, way = _elsewhere(last, observed)
        ways = f"Nothing is sent twice: {way} to collect it."
        return make(Action.BLOCKED, reason, ways, attempt=last, person=True)
    match last.state:
        case State.INTENT:
            return make(
                Action.SETTLE,
                "was being sent when the last run ended; the service is asked whether it arrived",
                attempt=last,
            )
        case State.SUBMITTED:
            reason = (
                f"task {last.task_id} {last.task_status}; already submitted, nothing is sent again"
            )
            return replace(make(Action.RESUME, reason, attempt=last), billed_at_end=True)
        case State.UNDECIDED:
            ways = (
                f"Nothing is sent until you decide: cutlist resolve {_decided_by(last, observed)}"
                " --adopt TASK_ID | --retry | --abandon"
            )
            reason = "it is not certain whether its request reached the service"
            return make(Action.BLOCKED, reason, *_words(last), ways, attempt=last, person=True)
        case State.SUCCEEDED if last.collectable:
            return make(
                Action.RESUME,
                "its result is no longer in the store; collected again, free",
                attempt=last,
            )
        case State.SUCCEEDED | State.LOST | State.EXPIRED:
            return _lost_step(make, last, options)
        case State.ABANDONED if not options.retry_failed:
            ways = "Send it after all with `cutlist apply --retry-failed`."
            return make(Action.BLOCKED, "given up by a person", ways, attempt=last)
        case State.FAILED | State.REJECTED:
            return _failed_step(make, history, options)
        case _:
            return None


def _elsewhere(last: Attempt, observed: Observed) -> tuple[str, str]:
    """Why an attempt cannot be asked about here, and where it can."""
    if last.endpoint != observed.endpoint:
        reason = f"its request went to {last.endpoint}, not to {observed.endpoint}"
        return reason, f"run with --endpoint {last.endpoint}"
    return (
        f"its request was made for the account {last.account}, not for {observed.account}",
        f"say `account: {last.account}` in cutlist.yaml, with a key of that account,",
    )


def _decided_by(last: Attempt, observed: Observed) -> str:
    """What a person calls an undecided request: its edit, or its key where the edit has another
    one.
    """
    undecided = [
        history.last
        for history in observed.history.values()
        if history.last.state is State.UNDECIDED
    ]
    return (
        last.edit
        if sum(1 for attempt in undecided if attempt.edit == last.edit) == 1
        else last.key[:12]
    )


def _lost_step(make: _Maker, last: Attempt, options: PlanOptions) -> Step:
    expired = last.state is State.EXPIRED
    reason = (
        "expired at the service before it was collected"
        if expired
        else "its result was paid and is lost"
    )
    if options.repay:
        lost = last.id if last.state is State.SUCCEEDED else None
        return replace(make(Action.RENDER, f"{reason}; paid again"), loses=lost)
    step = make(
        Action.BLOCKED,
        reason,
        "Render and pay again with `cutlist apply --repay`.",
        attempt=last,
        person=True,
    )
    return replace(step, repay=True)


def _failed_step(make: _Maker, history: History, options: PlanOptions) -> Step | None:
    last = history.last
    known = find_code(last.code, last.message)
    if options.retry_failed or (
        last.state is State.FAILED and may_try_again(last.code, last.message, history.failures)
    ):
        return None
    if (
        last.state is State.REJECTED
        and known.verdict is Verdict.INPUT
        and len(history.attempts) < MOST_ROUNDS
    ):
        return None
    return make(
        Action.BLOCKED,
        f"the service refused it: {last.code}",
        *_words(last),
        known.advice,
        *(() if "--retry-failed" in known.advice else (_ONLY_ASKED,)),
        attempt=last,
    )


def _words(attempt: Attempt) -> tuple[str, ...]:
    return (f"{attempt.code}: {attempt.message}".removeprefix(": "),) if attempt.message else ()


def _render_step(make: _Maker, resolved: Resolved, observed: Observed) -> Step:
    assert resolved.job is not None
    history = observed.history.get(resolved.job.key)
    if history is not None and history.failures:
        code = next(
            attempt.code for attempt in reversed(history.attempts) if attempt.state is State.FAILED
        )
        return make(Action.RENDER, f"failed at the service ({code}); sent again")
    before = observed.before.get(make.name)
    if before is None:
        take = resolved.wanted.edit.take
        return make(Action.RENDER, f"take {take} asked for" if take > 1 else "no result yet")
    if before == resolved.job.canonical:
        return make(Action.RENDER, "no result in this store")
    reason, details = describe_changes(
        before, resolved.job.canonical, list_texts(resolved.wanted), resolved.wanted.variant.default
    )
    step = make(Action.RENDER, reason, *details)
    return replace(
        step,
        place=find_changed_place(resolved.wanted, before, resolved.job.canonical) or step.place,
    )
