"""A plan in the making: every edit is decided, and again where something changed. Pure.

What one edit's step says may depend on others: on the edits it builds on, on those with the same
key, and on who pays for what several share. A draft knows these ways, so that an event costs what
it touched. A plan of everything is a draft in which everything was touched: there is one rule.

A settled edit has nothing to do, whatever the others do, and gives them nothing but its key and its
result. Until something happens to it a draft keeps no more of it than its name.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from reconciler.desired.chains import Video
from reconciler.desired.job import Desired, build_job
from reconciler.desired.lengths import Seconds
from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.plan.cost import PricePerSecond, estimate_seconds, find_price, price_edit
from reconciler.plan.decide import (
    SUSPENDED,
    PlanOptions,
    decide_step,
    describe_pick,
    is_settled,
)
from reconciler.plan.excerpts import foresee_fault
from reconciler.plan.jobs import Resolved
from reconciler.plan.orphans import describe_orphan, find_orphans
from reconciler.plan.prune import Heirs, Pruning, find_left_over, plan_prune
from reconciler.plan.selection import select_edits
from reconciler.plan.step import FREE, Action, Plan, Step, Steps
from reconciler.state.observed import Observed, State

Resolve = Callable[[str, Mapping[str, Resolved]], Resolved]
_REFRESHED = (Action.RESUME, Action.SETTLE, Action.KEEP)
_BRINGING = (Action.RENDER, Action.RESUME, Action.SETTLE)
_PAYING = (Action.RENDER, Action.WAIT)


class Draft:
    """The steps of a plan, kept up to date. Raises UsageError for a bad target."""

    def __init__(
        self,
        desired: Desired,
        resolved: Mapping[str, Resolved],
        observed: Observed,
        *,
        options: PlanOptions,
        price_per_second: PricePerSecond,
        account: str,
        currency: str,
        pruning: Pruning = Pruning(),  # noqa: B008  (frozen)
        environment: str = NO_ENVIRONMENT,
    ) -> None:
        self._desired = desired
        self._options = options
        self._price_per_second = price_per_second
        self._account = account
        self._currency = currency
        self._pruning = pruning
        self._environment = environment
        self._chosen = select_edits(desired, options.target, options.exclude)
        self._names = list(desired.edits)
        self.observed = observed
        self.resolved = dict(resolved)
        # by edit; none for those that are settled, or that the options leave out
        self.steps: dict[str, Step] = {}
        self._settled = self._find_settled()
        self._heirs = Heirs(observed, self.resolved)
        self._lengths: dict[str, Seconds] = {}
        self._own: dict[str, Step] = {}  # steps by what is known of the edit itself
        self._coming: Counter[str | None] = Counter()  # by key: own steps that bring a result
        self._held: dict[str, Step] = {}  # own steps, told whether they wait in vain
        self._stuck: set[str] = set()
        self._request: dict[str, str] = {}  # by edit: what stands for the request that it will be
        self._foreseen: dict[str, set[str]] = {}  # by request: the edits whose key is not known
        self._first: dict[str, str] = {}  # by request: the first of its edits, where it matters
        self._decide([name for name in self._names if name not in self._settled])

    def _find_settled(self) -> set[str]:
        outputs = self.observed.outputs
        return {name for name, edit in self.resolved.items() if is_settled(edit, outputs)}

    @cached_property
    def _place(self) -> Mapping[str, int]:
        """By edit: its number in the order of the graph."""
        return {name: place for place, name in enumerate(self._names)}

    @cached_property
    def _below(self) -> Mapping[str, Sequence[str]]:
        """By edit: those that build on it."""
        below: dict[str, list[str]] = {name: [] for name in self._names}
        for name, wanted in self._desired.edits.items():
            for upstream in wanted.upstreams:
                below[upstream].append(name)
        return below

    # -------------------------------------------------------------- changes

    def update(self, names: Collection[str], observed: Observed, resolve: Resolve) -> set[str]:
        """Decide again what may have changed, once something happened to some edits. Returns the
        edits that were looked at.

        `observed` is what is now. `resolve` resolves one edit, those that it builds on being
        resolved.
        """
        self.observed = observed
        self._heirs.observed = observed
        touched: set[str] = set()

        def visit(name: str) -> Iterable[str]:
            before, now = self.resolved[name], resolve(name, self.resolved)
            if now == before:
                return ()
            key = self._key(name)
            self.resolved[name] = now
            self._heirs.move(name, key, self._key(name))
            touched.update(self._heirs.sharing(key), self._heirs.sharing(self._key(name)))
            return self._below[name]

        touched |= self._sweep(names, visit)
        for name in list(touched):
            touched |= self._heirs.sharing(self._key(name))
        if any(self._is_undecided(name) for name in touched):
            # a person calls an undecided request by its edit, unless there is another one of it
            touched |= {name for name in self._names if self._is_undecided(name)}
        self._settled -= touched
        return self._decide(touched)

    def edits_of(self, key: str) -> Collection[str]:
        """The edits whose job has that key now."""
        return self._heirs.sharing(key)

    def _key(self, name: str) -> str | None:
        job = self.resolved[name].job
        return None if job is None else job.key

    def _is_undecided(self, name: str) -> bool:
        history = self.observed.history.get(self._key(name) or "")
        return history is not None and history.last.state is State.UNDECIDED

    def _sweep(
        self,
        names: Iterable[str],
        visit: Callable[[str], Iterable[str]],
        leave: Collection[str] = (),
    ) -> set[str]:
        """Visit edits, upstream before downstream, and those that each visit asks for; all that
        were visited. Those in `leave` are left alone.
        """
        waiting = sorted({self._place[name] for name in names if name not in leave})
        due, visited = set(waiting), set()
        while waiting:
            place = heapq.heappop(waiting)
            due.discard(place)
            visited.add(self._names[place])
            for name in visit(self._names[place]):
                if name not in leave and self._place[name] not in due:
                    due.add(self._place[name])
                    heapq.heappush(waiting, self._place[name])
        return visited

    def _decide(self, names: Collection[str]) -> set[str]:
        """Decide the steps of these edits, and of those on which theirs have a bearing. Nothing has
        a bearing on those that are settled.
        """
        settled, requests = self._settled, set[str]()
        touched = self._sweep(names, self._measure, settled)
        again: set[str] = set(touched)
        for name in sorted(touched, key=self._place.__getitem__):
            again |= self._decide_own(name)
        touched |= self._sweep(again, self._hold_up, settled)
        touched |= self._sweep(touched, lambda name: self._sort_in(name, requests), settled)
        requests |= {self._request[name] for name in touched}
        for request in requests:
            touched.update(self._share(request))
        return touched

    # -------------------------------------------------------------- one edit by itself

    def _measure(self, name: str) -> Iterable[str]:
        """The length of its video; those that build on it are asked where it changed."""
        length = estimate_seconds(self.resolved[name], self._lengths)
        if length == self._lengths.get(name):
            return ()
        self._lengths[name] = length
        return self._below[name]

    def _decide_own(self, name: str) -> set[str]:
        """What is to be done for an edit, by itself. The edits for which it matters that a result
        of its key is now on its way, or no longer.
        """
        before, edit = self._own.pop(name, None), self.resolved[name]
        step = None
        if name in self._chosen:
            origin = self._heirs.find_origin(name)
            if edit.waits_for and not edit.fault:
                edit = replace(edit, fault=foresee_fault(edit.wanted, self._foresee_videos(edit)))
            step = decide_step(edit, self.observed, self._options, origin)
            if self._options.refresh_only and step.action not in _REFRESHED:
                step = None
        if step is not None:
            if step.action in _PAYING or step.repay or step.billed_at_end:
                price = price_edit(edit, self._lengths[name], self._price_per_second)
                step = replace(step, cost=price)
            self._own[name] = step
        return self._count_coming(before, step)

    def _foresee_videos(self, edit: Resolved) -> Mapping[str, Video]:
        """The videos that an edit waits for, as far as something can be said of them; of what is
        pinned, it lies elsewhere and may be another one.
        """
        foreseen = {
            up: Video.foresee(self.resolved[up].wanted, self._lengths[up])
            for up in edit.waits_for
            if up in self._lengths and self.resolved[up].pinned is None
        }
        return {up: video for up, video in foreseen.items() if video is not None}

    def _count_coming(self, before: Step | None, now: Step | None) -> set[str]:
        waiting: set[str] = set()
        keys = [step.key if step and step.action in _BRINGING else None for step in (before, now)]
        if keys[0] == keys[1]:
            return waiting
        for key, number in zip(keys, (-1, 1), strict=True):
            if key is not None:
                was_coming = self._coming[key] > 0
                self._coming[key] += number
                if was_coming != (self._coming[key] > 0):
                    waiting |= self._heirs.sharing(key)
        return waiting

    # -------------------------------------------------------------- what gets no result now

    def _hold_up(self, name: str) -> Iterable[str]:
        """What waits for an edit that gets no result in this apply is stuck, and says so.

        An edit that is blocked may still get one, from another edit with the same job.
        """
        step, edit = self._own.get(name), self.resolved[name]
        was_stuck = name in self._stuck
        self._stuck.discard(name)
        if step is None:
            self._held.pop(name, None)
        else:
            alone = step.key is not None and not self._coming[step.key]
            above = [
                upstream
                for upstream in edit.waits_for
                if upstream in self._stuck and (alone or step.key is None)
            ]
            gets_none = edit.result is None and step.action in (Action.BLOCKED, Action.KEEP)
            if above or (alone and gets_none):
                self._stuck.add(name)
            if above and step.action is Action.WAIT:
                reason = f"waits for {', '.join(above)}, which gets no result now"
                step = replace(step, reason=reason, stuck=True)
            self._held[name] = step
        return self._below[name] if was_stuck != (name in self._stuck) else ()

    # -------------------------------------------------------------- who pays for what is shared

    def _sort_in(self, name: str, requests: set[str]) -> Iterable[str]:
        """Sort an edit in with those that stand for one request, or will once what they wait for is
        there. `requests` are those that gained or lost an edit.

        The key that an edit will have is not known yet; what stands for it is made of the first
        edits of the requests that it waits for, so that it stays as they become known.
        """
        before, now = self._request.get(name), self._foresee(name)
        if before == now:
            return ()
        self._request[name] = now
        if before in self._foreseen:
            self._foreseen[before].discard(name)
        if self.resolved[name].job is None:
            self._foreseen.setdefault(now, set()).add(name)
        again: set[str] = set(self._below[name])
        for request in (before, now):
            if request is not None:
                requests.add(request)
                again |= self._choose_first(request)
        return again

    def _foresee(self, name: str) -> str:
        """The key of an edit, or what stands for it while it is not known."""
        edit = self.resolved[name]
        if edit.job is not None:
            return edit.job.key
        known = {source: result.identity for source, result in edit.above.items()}
        to_be = {up: f"edit:{self._find_first(self._request[up])}" for up in edit.waits_for}
        return build_job(edit.wanted, to_be | known).key

    def _list_sharing(self, request: str) -> Collection[str]:
        """The edits that stand for a request."""
        return self._heirs.sharing(request) | self._foreseen.get(request, set())

    def _find_first(self, request: str) -> str:
        """The first edit of a request; from then on it is told where that is another one."""
        if request not in self._first:
            self._first[request] = min(self._list_sharing(request), key=self._place.__getitem__)
        return self._first[request]

    def _choose_first(self, request: str) -> set[str]:
        """Choose the first edit of a request anew, where somebody has asked for it. Where it is
        another one, the edits that build on any of them.
        """
        before, names = self._first.pop(request, None), self._list_sharing(request)
        if before is None or not names or self._find_first(request) == before:
            return set()
        return {below for name in names for below in self._below[name]}

    def _share(self, request: str) -> Collection[str]:
        """Of several edits that stand for one request the first by name pays."""
        names = self._list_sharing(request)
        held = [self._held[name] for name in names if name in self._held]
        payer = min(
            (step for step in held if step.action in _PAYING),
            key=lambda step: (step.stuck, step.action is not Action.RENDER, step.name),
            default=None,
        )
        for name in names:
            self.steps.pop(name, None)
        for step in held:
            if payer is not None and step.action in _PAYING and step is not payer:
                words = f"the same request as {payer.name}: paid once"
                step = replace(step, cost=FREE, paid_by=payer.name, details=(*step.details, words))
            self.steps[step.name] = step
        return names

    # -------------------------------------------------------------- the whole

    def write_plan(self) -> Plan:
        """The plan as it is now, sorted by name, with a reason and a cost on every step."""
        steps = [self.steps[name] for name in sorted(self.steps, key=self._place.__getitem__)]
        settled = frozenset(self._settled & self._chosen)
        files = find_left_over(self.observed, self._heirs)
        orphans = find_orphans(self.observed.history, self._heirs, self.resolved)
        # what it is not about, it leaves alone
        options = self._options
        is_partial = bool(options.target or options.exclude or options.refresh_only)
        pruned: list[Step] = []
        staying: list[str] = []
        if not is_partial:
            pruned, staying = plan_prune(files, self.resolved, self.observed, steps, self._pruning)
        unpriced = {
            find_price(self.resolved[name].wanted)
            for name, step in self._own.items()
            if step.cost.price is None
        }
        return Plan(
            steps=Steps(
                (*sorted(steps, key=lambda step: step.name), *pruned),
                settled,
                self._keep_for_later(),
            ),
            realm=self.observed.realm,
            account=self._account,
            endpoint=self.observed.endpoint,
            currency=self._currency,
            notes=(
                *(str(warning) for warning in self._desired.warnings),
                *self.observed.damaged,
                *map(describe_orphan, orphans),
                *(
                    f"{step.name} is {SUSPENDED}"
                    for step in steps
                    if self._desired.edits[step.name].edit.suspend
                ),
                *(
                    f"{name}: {describe_pick(self.resolved[name], self.observed)}"
                    for name in self._list_picked()
                ),
                *staying,
            ),
            strays=tuple(self.observed.strays),
            unpriced=tuple(sorted(unpriced)),
            orphans=tuple(orphans),
            left_out=len(self.resolved) - len(steps) - len(settled),
            environment=self._environment,
        )

    def _list_picked(self) -> Sequence[str]:
        """The edits that are asked about and whose result another request made."""
        made = {name for name, pin in self.observed.pins.items() if pin.made_by}
        made |= {name for key, (_, pin) in self.observed.old_pins.items() if pin.made_by
                 for name in self._heirs.sharing(key)}  # fmt: skip
        return sorted(n for n in made & self._chosen if self.resolved[n].is_picked)

    def _keep_for_later(self) -> Callable[[str], Step]:
        """Decides a settled edit by what is now, whenever that is asked."""
        resolved, options = self.resolved.copy(), self._options
        observed = replace(self.observed, outputs=dict(self.observed.outputs))
        return lambda name: decide_step(resolved[name], observed, options, "")
