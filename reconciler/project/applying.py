"""How a project is made so: once, and again with every save."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Unpack

from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.operations import realm
from reconciler.plan.selection import select_edits
from reconciler.project.base import OpenedProject

if TYPE_CHECKING:
    from reconciler.apply.outcome import Report, Stop
    from reconciler.operations.earlier_calls import EarlierSettings


class Applying(OpenedProject):
    """Applies and watches."""

    def apply(
        self,
        request: ApplyRequest = ApplyRequest(),  # noqa: B008  (frozen)
        hooks: ApplyHooks = ApplyHooks(),  # noqa: B008  (frozen)
        *,
        stop: Stop | None = None,
        **earlier: Unpack[EarlierSettings],
    ) -> Report:
        """`apply_async` for callers without an event loop."""
        import asyncio  # lazy: start-up time

        from reconciler.operations.earlier_calls import translate_settings

        request, hooks = translate_settings(request, hooks, earlier)
        return asyncio.run(self.apply_async(request, hooks, stop=stop))

    async def apply_async(
        self,
        request: ApplyRequest = ApplyRequest(),  # noqa: B008  (frozen)
        hooks: ApplyHooks = ApplyHooks(),  # noqa: B008  (frozen)
        *,
        stop: Stop | None = None,
        **earlier: Unpack[EarlierSettings],
    ) -> Report:
        """Make it so. A `stop` ends it early: what is at the service goes on there.

        One failure never stops the others, unless the request says `fail_fast`; failures of single
        jobs are in the report. Raises InvalidInput, BudgetExceeded, Declined, PlanRefused, Locked
        before anything is sent.
        """
        from reconciler.apply.outcome import Stop  # lazy: start-up time
        from reconciler.operations.applying import ApplyRun
        from reconciler.operations.earlier_calls import translate_settings

        request, hooks = translate_settings(request, hooks, earlier)
        options = request.options
        if request.saved is None and (options.target or options.exclude):
            # a slip is told before anything is asked
            select_edits(self.load(), options.target, options.exclude)
        if error := realm.find_mistaken_realm(self.config):
            raise error
        self._workspace.require_orders_possible()
        with self._workspace.open_for_writing() as ledger:
            run = ApplyRun(
                config=self.config,
                store=self.store,
                ledger=ledger,
                clock=self.clock,
                approval=self._approval,
                request=request,
                hooks=hooks,
                stop=stop or Stop(),
                cache=self._workspace.cache,
            )
            try:
                return await run.carry_out(self._block, self._transport)
            finally:
                if self._workspace.cache is not None:
                    self._workspace.cache.write()

    async def run_worker(self, stop: Stop, tell: Callable[[str], None]) -> None:
        """Carry out what applies of this account order, until `stop`; what is being sent then is
        recorded first. `tell` hears how orders end. Raises UsageError, CutlistError where something
        that a worker needs is missing.
        """
        from reconciler.operations.working import run_worker  # lazy: pgqueuer

        await run_worker(
            self.config, self.store, self.clock, self._block, self._transport, tell, stop
        )
