"""One apply: recover what an earlier run left open, then drive passes and executor until nothing
more can be done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from reconciler.apply import recover
from reconciler.apply.bookkeeping import build_booking, note_holdings
from reconciler.apply.carry import Carriage, Carrier
from reconciler.apply.connection import build_context, connect_context
from reconciler.apply.context import Context
from reconciler.apply.cutting import ExcerptCutter
from reconciler.apply.endurance import Endurance
from reconciler.apply.events import Observer, Phase, RunBlocking
from reconciler.apply.executor import Executor, Item, may_render_again
from reconciler.apply.hints import TaskHints
from reconciler.apply.items import ItemMaker
from reconciler.apply.outcome import Outcome, Report, Stop
from reconciler.apply.pruning import prune_agreed
from reconciler.apply.publish import Publisher
from reconciler.apply.recover import Tell
from reconciler.apply.replan import Replanner
from reconciler.apply.request import ApplyRequest
from reconciler.apply.rounds import Rounds, report_undone
from reconciler.apply.takeover import take_over
from reconciler.config import Config
from reconciler.desired.tree import File
from reconciler.errors import LedgerError
from reconciler.formats.words import format_span
from reconciler.plan.cost import estimate_seconds, price_edit
from reconciler.plan.decide import PlanOptions
from reconciler.plan.jobs import Resolved
from reconciler.plan.step import Action, Step
from reconciler.planner import Pass, conclude_pass, select_ready
from reconciler.service.network import Transport
from reconciler.state.booked import Origin
from reconciler.state.excerpts import ExcerptFinder
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Attempt, State
from reconciler.state.outputs import Outputs
from reconciler.state.store import Store
from reconciler.system.cache import Cache
from reconciler.system.clock import Clock, Jumps

T = TypeVar("T")


class Session:
    """Holds what an apply needs for its length. `connect` is called only when something has to be
    asked or sent.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        cache: Cache,
        find_file: Callable[[str], File],
        block: RunBlocking = asyncio.to_thread,
        hints: TaskHints | None = None,
        order: Callable[[Context], Carriage] | None = None,
    ) -> None:
        """`order`: what leaves the work to others; None: this process carries it out."""
        self._config = config
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._jumps = Jumps(clock)
        self._told_of_others = self._told_of_doubt = False
        self._origin = Origin()
        self._models = config.models
        self._cache = cache
        self._excerpts = ExcerptFinder(store, cache, clock, keeps=True)
        self._outputs = Outputs.of(config.root, config.outputs_file, cache)
        self._publisher = Publisher(config, store, self._outputs, clock)
        self._context = build_context(
            config, store, ledger, clock, observer=observer, find_file=find_file, block=block
        )
        self._order = order
        self._hints = hints

    @property
    def connected(self) -> bool:
        return self._context.connection is not None

    def connect(self, base_url: str, transport: Transport | None = None) -> None:
        """From now on requests can be sent, to `base_url`."""
        self._context = connect_context(self._context, self._config, base_url, transport)
        if self._hints is not None:
            self._hints.listen(self._context.task_watch.hint)

    async def close(self) -> None:
        if self._context.watch is not None:
            await self._context.watch.close()
        if self._context.connection is not None:
            await self._context.connection.close()

    def take_in_spill(self, tell: Tell) -> None:
        """Record what could not be recorded when it came, and set room aside for the next time.
        Asks nobody.
        """
        recover.take_in_spill(self._context, tell)
        recover.catch_up(self._context)
        self._context.spill.set_room_aside()

    @property
    def has_to_ask(self) -> bool:
        """Whether earlier runs left something open that only the service can tell."""
        return recover.has_open_work(self._context)

    async def recover(self, tell: Tell, stop: Stop) -> None:
        """Settle what an earlier run left open, before anything is sent; a stop leaves the rest to
        the next run.
        """
        work, wish = asyncio.ensure_future(self._recover(tell)), asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait([work, wish], return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()
            wish.cancel()
        with suppress(asyncio.CancelledError):
            await work

    async def _recover(self, tell: Tell) -> None:
        await recover.account_for_lost(self._context, tell)
        await recover.settle_intents(self._context, tell)
        await recover.look_again(self._context, tell)
        self._warn(tell)

    def _warn(self, tell: Tell) -> None:
        """What people should know of clock and account, each once."""
        jump_s = self._jumps.measure()
        if jump_s:
            way = "forward" if jump_s > 0 else "back"
            tell(
                f"warning: this machine's clock went {format_span(abs(jump_s))} {way} during this"
                " run (was it set, or did the machine sleep?). Ages and deadlines go by it"
            )
        if self._context.roll.strangers and not self._told_of_others:
            self._told_of_others = recover.tell_of_others(self._context, tell)
        if not self._told_of_doubt:
            self._told_of_doubt = recover.tell_of_doubt(self._context, tell)

    async def take_over(self, resolved: Resolved, task_id: str, origin: Origin) -> str:
        """Link a task that was asked for by hand to an edit's job; its status. Raises UsageError,
        ServiceError.
        """
        # what it builds on has its result
        planned = price_edit(
            resolved, estimate_seconds(resolved, {}), self._config.prices.per_second
        )
        booked = build_booking(self._config, resolved, origin)
        return await take_over(
            self._context, resolved, task_id, booked, planned_s=planned.billable_s
        )

    def orphans(self, current: Pass) -> Sequence[Attempt]:
        """Tasks in flight that no edit asks for any more; they are paid, so they are brought home
        too, unless somebody else who lives has asked for them.
        """
        found = [
            attempt
            for attempt in current.plan.orphans
            if attempt.state is State.SUBMITTED and self._context.is_here(attempt)
        ]
        followed = self._ledger.find_followed() if found else frozenset[str]()
        return [attempt for attempt in found if attempt.id not in followed]

    # -------------------------------------------------------------- driving

    async def drive(
        self,
        first: Pass,
        request: ApplyRequest,
        stop: Stop,
        tell: Tell,
        *,
        origin: Origin,
        obsolete: Collection[str] = (),
    ) -> Report:
        """Carry out what `first` showed, and what becomes possible by it, until nothing more can
        be done.

        Later passes look again at what is, and never at the manifests: an apply does what its plan
        showed. `origin` goes into the books with every request. `obsolete` are the orphans, by the
        ids of their attempts, that are cancelled where they still wait.
        """
        self._origin, options = origin, request.chosen_options
        started = self._clock.monotonic()
        self._be_patient(tell, stop)
        carriage = self._make_carriage()
        executor = Executor(
            self._context,
            self._publisher,
            carriage,
            self._models,
            self._config.prices.per_second,
            fail_fast=request.fail_fast,
        )
        items = ItemMaker(self._config, self._ledger, self._excerpts, origin)
        cutter = ExcerptCutter(first.desired.edits.values(), self._excerpts, self._context)
        await cutter.cut_known(first.resolved)
        outcomes: dict[str, Outcome] = {}
        for step in first.plan.by_action(Action.WAIT):
            self._context.emit(step.name, Phase.WAITING, note=step.reason)
        if not stop.reason:
            executor.start(
                [
                    *items.make_of_orphans(self.orphans(first), obsolete),
                    *items.make(
                        first.resolved, first.observed.history, first.select_ready(), options
                    ),
                ]
            )
        try:
            await self._carry_out(first, options, executor, items, cutter, outcomes, stop, tell)
            if self.connected and not stop.reason:
                await self._context.outlast(lambda: recover.look_again(self._context, tell))
            await self._context.outlast(
                lambda: prune_agreed(
                    self._context,
                    self._publisher,
                    first.plan,
                    partial(self._again, first, options),
                    outcomes,
                    stop,
                )
            )
            self._warn(tell)
        finally:
            under_way = await executor.stop()
            with suppress(LedgerError):  # poll answers: they are asked for again
                await self._context.sightings.write()
            in_flight, current = await self._outlast(
                lambda: self._conclude(first, options, under_way)
            )
        elapsed_s = self._clock.monotonic() - started
        cancelled = tuple(executor.cancelled)
        return Report(
            first.plan, current.plan, outcomes, elapsed_s, in_flight, stop.reason, cancelled
        )

    def _make_carriage(self) -> Carriage:
        if self._order is not None:
            return self._order(self._context)
        return Carrier(self._context, self._config, self._models)

    def _be_patient(self, tell: Tell, stop: Stop) -> None:
        """From now on a ledger or a store that goes away is waited for, until a stop is asked
        for.
        """
        endurance, at_service = Endurance(self._clock), self._context.roll.at_service
        endurance.tell = tell
        endurance.count_tasks = lambda: len(at_service)
        endurance.is_over = lambda: bool(stop.reason)
        self._context = replace(self._context, endurance=endurance)

    async def _outlast(self, look: Callable[[], T]) -> T:
        async def call() -> T:
            return look()

        return await self._context.outlast(call)

    def _conclude(
        self, first: Pass, options: PlanOptions, under_way: Sequence[Item]
    ) -> tuple[tuple[str, ...], Pass]:
        """Write down what is at the end; the tasks that run on, and the last pass."""
        in_flight, current = self._task_ids(under_way), self._again(first, options)
        if not options.refresh_only:
            self._write_down(current)
        return in_flight, current

    async def _carry_out(
        self,
        first: Pass,
        options: PlanOptions,
        executor: Executor,
        items: ItemMaker,
        cutter: ExcerptCutter,
        outcomes: dict[str, Outcome],
        stop: Stop,
        tell: Tell,
    ) -> None:
        """Look again whenever something ends, and start what that made possible, until nothing runs
        any more.
        """
        given_up: set[str | None] = set()
        rounds = Rounds()
        rounds.begin(first.select_ready())
        # what was blocked then waits for a new plan
        agreed = {step.name for step in first.plan.unsettled if step.may_pay}
        replanner = Replanner(
            self._config,
            self._store,
            self._ledger,
            self._clock,
            self._outputs,
            options,
            first,
            self._cache,
            self._excerpts,
        )
        has_run = executor.busy
        while has_run and not stop.reason:
            ended: list[Outcome] = []
            if executor.busy:
                ended = await self._next(executor, stop)
                self._warn(tell)
                if not ended:
                    continue
            for outcome in ended:
                earlier = outcomes.get(outcome.step.name)
                outcomes[outcome.step.name] = outcome.after(earlier)
                _tell_of_a_rival(outcome, earlier, tell)
                if outcome.error is not None and not may_render_again(outcome.error):
                    given_up.add(outcome.step.key)
            await self._context.outlast(partial(cutter.cut_new, ended, replanner))
            steps = await self._outlast(partial(self._look, replanner, ended))
            given_up |= {
                step.key for step in steps if step.action is Action.RENDER and rounds.spent(step)
            }
            if executor.fail_fast:
                self._send_no_more_after(ended, steps, given_up, executor)
            idle = [step for step in steps if not executor.is_at_work_on(step)]
            ready = select_ready(idle, given_up=given_up)
            over = [step for step in ready if rounds.spent(step)]
            outcomes.update((step.name, report_undone(step)) for step in over)
            may = [
                step
                for step in ready
                if step not in over
                and self._can_do(step)
                and (step.action is not Action.RENDER or step.name in agreed)
            ]
            executor.tell_failures(ended, sent_again={step.name for step in may})
            rounds.begin(may)
            executor.start(items.make(replanner.resolved, replanner.history, may, options))
            has_run = bool(ended) or executor.busy

    def _can_do(self, step: Step) -> bool:
        """Whether nobody has to be asked for a step who cannot be: a plan that needed no service
        is not connected to it, whatever others have done since; the next apply does it. What
        workers do needs no connection here.
        """
        return self.connected or self._order is not None or step.action is Action.WRITE

    def _look(self, replanner: Replanner, ended: Sequence[Outcome]) -> list[Step]:
        """The steps of the edits that were touched by what ended; of all of them, once nothing runs
        any more.
        """
        if not ended:
            return replanner.look_at_everything()
        return replanner.look_at({outcome.step.key for outcome in ended if outcome.step.key})

    def _write_down(self, current: Pass) -> None:
        """Lock file, notes of outputs, and books, as they are after the apply."""
        self._publisher.pin(current.collect_pins())
        notes, gone = current.collect_notes(self._config.environment)
        self._publisher.note(notes, forget=gone)
        note_holdings(self._config, self._ledger, current, self._origin, now=self._clock.now())

    def _send_no_more_after(
        self,
        ended: Sequence[Outcome],
        steps: Sequence[Step],
        given_up: set[str | None],
        executor: Executor,
    ) -> None:
        """The first failure that the next pass will not try again ends the sending."""
        tried_again = {step.key for step in steps if step.action is Action.RENDER} - given_up
        for outcome in ended:
            if outcome.error is not None and outcome.step.key not in tried_again:
                executor.send_nothing_more(outcome.error)

    def _again(self, first: Pass, options: PlanOptions) -> Pass:
        return conclude_pass(
            self._config,
            first.desired,
            self._store,
            self._ledger,
            self._clock,
            options,
            cache=self._cache,
        )

    async def _next(self, executor: Executor, stop: Stop) -> list[Outcome]:
        """Whatever ends next; nothing when a stop is asked for first."""
        waits = [asyncio.ensure_future(executor.next()), asyncio.ensure_future(stop.wait())]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return waits[0].result() or [] if waits[0] in done else []

    def _task_ids(self, items: Sequence[Item]) -> tuple[str, ...]:
        keys = {item.step.key for item in items}
        attempts = self._ledger.find_open_attempts(now=self._clock.now())
        return tuple(
            sorted(
                attempt.task_id
                for attempt in attempts
                if attempt.key in keys and attempt.state is State.SUBMITTED and attempt.task_id
            )
        )


def _tell_of_a_rival(outcome: Outcome, earlier: Outcome | None, tell: Tell) -> None:
    """Say that something was paid for here and by another ledger of the same store."""
    if earlier is None or earlier.step.key != outcome.step.key:
        return
    if earlier.billed_s and earlier.digest != outcome.digest and outcome.ok:
        tell(
            f"warning: {outcome.step.name} was paid twice: another ledger put a result of the same"
            " request into this store before ours. It counts, and ours is wasted (cutlist cost)."
        )
