"""`cutlist apply`: one apply, from a held lock to its report, as a row of small steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.apply.connection import check_key, reach_service
from reconciler.apply.events import RunBlocking
from reconciler.apply.outcome import Report, Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.apply.session import Session
from reconciler.config import Config
from reconciler.desired.job import Desired
from reconciler.desired.source.opening import open_tree
from reconciler.errors import CutlistError
from reconciler.operations.accounting import find_origin
from reconciler.operations.approval import Approval
from reconciler.operations.claims import find_named_keys, is_shared, write_claim
from reconciler.operations.obsolete import find_obsolete
from reconciler.operations.saved_plan import check_saved
from reconciler.plan.decide import PlanOptions
from reconciler.planner import Pass, conclude_pass, run_pass
from reconciler.report.plan import warn_about_clock
from reconciler.state import plans
from reconciler.state.ledger import Ledger
from reconciler.state.store import Store
from reconciler.system.cache import Cache, open_cache
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.operations.approval import Tell
    from reconciler.service.network import Transport

_STANDS = (
    "What was ordered stands: the workers go on with it. `cutlist apply --refresh-only` brings home"
    " what is ready, `cutlist apply` writes it too."
)


class ServiceSession:
    """A session, and the way to the service, which is opened when something has to be asked."""

    def __init__(
        self,
        config: Config,
        session: Session,
        clock: Clock,
        tell: Tell,
        transport: Transport | None,
        stack: AsyncExitStack,
    ) -> None:
        self.session = session
        self._config = config
        self._clock = clock
        self._tell = tell
        self._transport = transport
        self._stack = stack

    async def connect(self) -> None:
        """From now on the session can ask and send; a second call does nothing.

        Says which of the proxy variables are left out. Raises CutlistError where there is no key.
        """
        if self.session.connected:
            return
        if not self._config.endpoint.loopback:
            for warning in self._config.routes.warnings:
                self._tell(warning)
        base_url = await self._stack.enter_async_context(reach_service(self._config, self._clock))
        self.session.connect(base_url, self._transport)


@asynccontextmanager
async def open_session(
    config: Config,
    store: Store,
    ledger: Ledger,
    clock: Clock,
    hooks: ApplyHooks,
    block: RunBlocking,
    transport: Transport | None,
    cache: Cache | None = None,
    *,
    orders: bool = False,
) -> AsyncIterator[ServiceSession]:
    """A session for the length of a block; it is not connected yet. `orders`: whether it leaves the
    work to workers.
    """
    async with AsyncExitStack() as stack:
        order = None
        if orders:
            from reconciler.operations.working import open_order_book  # lazy: only with workers

            order = await stack.enter_async_context(open_order_book(config, ledger, hooks.tell))
        cache = cache or open_cache(config.cache_dir)
        tree = stack.enter_context(open_tree(config, cache, clock))
        session = Session(
            config, store, ledger, clock, hooks.observe, cache, tree.file, block, hooks.hints, order
        )
        stack.push_async_callback(session.close)
        yield ServiceSession(config, session, clock, hooks.tell, transport, stack)


@dataclass(frozen=True, slots=True)
class ApplyRun:
    """One apply under way: what it is asked to do, whom it tells, and what it works with."""

    config: Config
    store: Store
    ledger: Ledger
    clock: Clock
    approval: Approval
    request: ApplyRequest
    hooks: ApplyHooks
    stop: Stop
    cache: Cache | None = None  # the one that other passes share

    async def carry_out(self, block: RunBlocking, transport: Transport | None) -> Report:
        """Everything, in order. Raises InvalidInput, BudgetExceeded, Declined, PlanRefused before
        anything is sent.
        """
        saved_state = self._check_saved_plan()
        async with open_session(
            self.config,
            self.store,
            self.ledger,
            self.clock,
            self.hooks,
            block,
            transport,
            self.cache,
            orders=self.config.leaves_work,
        ) as service:
            await self._settle_earlier_runs(service)
            first = self._make_plan(saved_state)
            self._warn_of_clock(first)
            self._show_and_check(first)
            has_to_ask = self._has_to_ask(first, service.session)
            if has_to_ask and not self.config.leaves_work:
                check_key(self.config)  # told before a person is asked for a yes
            if first.plan.may_pay:
                await self.hooks.wait(first.plan)
            approved = self._get_approval(first)
            obsolete = self._find_obsolete(first)
            needs_service = bool(obsolete) or not self.config.leaves_work
            if has_to_ask and needs_service and not self.stop.reason:
                await service.connect()
            report = await service.session.drive(
                first,
                self.request,
                self.stop,
                self.hooks.tell,
                origin=find_origin(self.config, first, approved),
                obsolete=obsolete,
            )
        if self.config.leaves_work and self.stop.reason:
            self.hooks.tell(_STANDS)
        if is_shared(self.config):
            await block(self._claim, first)
        return report

    def _claim(self, first: Pass) -> None:
        """Note in a shared store what this project names. Who may only read it goes on without."""
        keys = find_named_keys(first.observed, first.resolved.values())
        try:
            write_claim(self.config, self.store, keys, self.clock)
        except CutlistError as error:
            self.hooks.tell(f"warning: {error} What this project needs, gc of another may delete.")

    def _check_saved_plan(self) -> Desired | None:
        """What the saved plan asks for, where there is one. Raises PlanRefused."""
        if self.request.saved is None:
            return None
        return check_saved(self.config, self.request.saved, self._run_pass)

    async def _settle_earlier_runs(self, service: ServiceSession) -> None:
        """Put right what an earlier run left open. The books come first: nothing is to be spent
        that could not be booked.
        """
        self._check_books()
        service.session.take_in_spill(self.hooks.tell)
        if service.session.has_to_ask and not self.config.leaves_work:  # else workers do it
            await service.connect()
            await service.session.recover(self.hooks.tell, self.stop)

    def _check_books(self) -> None:
        """Check all that stands in the books, or what came to it since they were checked last in
        this process: none of their lines is ever changed. Raises LedgerError.
        """
        checked = self.cache.hold("books") if self.cache is not None else None
        if checked is None:
            self.ledger.books.check()
            return
        begun, place = self.clock.now(), self.config.state_dir
        self.ledger.books.check(since=checked.get(place, 0.0))
        checked[place] = begun

    def _make_plan(self, saved_state: Desired | None) -> Pass:
        """The pass that is shown and agreed to: of a saved plan with the very manifests that were
        compared with it.
        """
        options = self.request.chosen_options
        if saved_state is None:
            return self._run_pass(options)
        return conclude_pass(
            self.config,
            saved_state,
            self.store,
            self.ledger,
            self.clock,
            options,
            cache=self.cache,
        )

    def _run_pass(self, options: PlanOptions) -> Pass:
        return run_pass(self.config, self.store, self.ledger, self.clock, options, cache=self.cache)

    def _warn_of_clock(self, first: Pass) -> None:
        ahead_s = first.measure_clock_lead(self.clock.now())
        if ahead_s:
            self.hooks.tell(warn_about_clock(ahead_s))

    def _show_and_check(self, first: Pass) -> None:
        """Show the plan, and hold it against all that may forbid it."""
        if self.stop.reason:
            return
        if self.request.saved is not None:
            self.request.saved.check_no_more(first.plan)
        self.hooks.show(first.plan)
        self.approval.check(first.plan, self.request, self.ledger, self.hooks.tell)

    def _has_to_ask(self, first: Pass, session: Session) -> bool:
        """Whether the service is needed for what the plan shows."""
        summary = first.plan.summary
        return bool(summary["render"] or summary["resume"] or session.orphans(first))

    def _find_obsolete(self, first: Pass) -> Collection[str]:
        """The orphans that are to be cancelled where they still wait: none unless that is asked
        for, and none where only what is at the service is brought home.
        """
        request = self.request
        if not request.cancel_obsolete or request.chosen_options.refresh_only or self.stop.reason:
            return ()
        return find_obsolete(
            self.config, first, self.store, self.ledger, self.clock, self.hooks.tell
        )

    def _get_approval(self, first: Pass) -> bool | str:
        """Who said yes; False where a stop came first. A saved plan is used up by it."""
        if self.stop.reason:
            return False
        approved = self.approval.ask(
            first.plan, self.request, self.hooks.approve, self.hooks.tell, self.stop
        )
        if self.request.saved is not None and not self.stop.reason:
            plans.use(self.config.state_dir, self.request.saved.id, tmp_name=self.clock.new_id())
        return approved
