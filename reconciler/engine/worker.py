"""A worker: it carries out the orders of one account, whoever gave them, until it is told to stop.

It has no checkout. It writes results into the store and what happened into the ledger, and nothing
else outside its own folder. Everything may be run twice, late, or by two workers: the ledger holds
them apart, and the engine only says whose turn it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from reconciler.apply import recover
from reconciler.apply.carry import Carried, Carrier, Traffic
from reconciler.apply.context import Context, NeedsPerson, TaskFailed, Unsettled
from reconciler.apply.day_limits import find_day_limit
from reconciler.apply.lanes import name_lane
from reconciler.apply.outcome import NotTried, Stop
from reconciler.apply.settle import settle
from reconciler.apply.work import Work
from reconciler.config import Config
from reconciler.desired.job import Job
from reconciler.desired.tree import File, Unusable
from reconciler.engine.endings import is_ending, write_error
from reconciler.engine.orders import Order, OrderRefused, read_order
from reconciler.engine.pgqueuer import JobEnded, JobQueue, QueueAway, open_queue
from reconciler.errors import CutlistError, LedgerError, ServiceError
from reconciler.formats.untrusted import make_plain_line
from reconciler.service.codes import may_try_again
from reconciler.service.retry import choose_backoff
from reconciler.state.ledger import MovedOn
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.observed import Attempt, History, State

Tell = Callable[[str], None]
SWEEP_EVERY_S = 60.0
_AGAIN_S = 2.0
_LONGEST_WAIT_S = 60.0
_OVER = (State.EXPIRED, State.LOST, State.REJECTED, State.ABANDONED)
_STOPPING = NotTried("not sent, because this worker ends.")


def refuse_file(name: str) -> File:
    """A worker has no files of the project. Raises Unusable."""
    raise Unusable(f"{name} is a file of a project, and a worker has none.")


class Worker:
    """One worker of one account. `context` is connected to the service, of no project."""

    def __init__(
        self,
        context: Context,
        ledger: PostgresLedger,
        config: Config,
        address: LedgerAddress,
        tell: Tell,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._config = config
        self._address = address
        self._tell = tell
        self._models = config.models
        self._traffic = Traffic()
        self._running: set[asyncio.Task[Carried | None]] = set()
        self._end = asyncio.Event()

    async def run(self, stop: Stop) -> None:
        """Carry out orders until `stop`. Raises QueueAway where the tables cannot be made."""
        async with open_queue(self._address) as queue:
            await queue.prepare()
        recover.take_in_spill(self._context, self._tell)
        self._context.spill.set_room_aside()
        ending = asyncio.ensure_future(self._wait_for_end(stop))
        sweeping = asyncio.ensure_future(self._sweep_on())
        try:
            while not self._end.is_set():
                await self._serve()
        finally:
            for task in (ending, sweeping):
                task.cancel()
            await asyncio.wait([ending, sweeping])
            with suppress(LedgerError):
                await self._context.sightings.write()

    async def _serve(self) -> None:
        """Take jobs for as long as the database lets us; then wait a little."""
        lanes = {self._name_lane(name): self._width(name) + 1 for name in self._models.by_name}
        try:
            async with open_queue(self._address) as queue:
                if not self._end.is_set():
                    self._traffic.resume()
                await queue.serve(lanes, self._handle, self._end, self._let_go)
        except QueueAway as error:
            self._tell(f"warning: {error} Nothing is sent until it is back.")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), _AGAIN_S)

    async def _wait_for_end(self, stop: Stop) -> None:
        """A stop: no new intent, and what is being sent is recorded before its job is let go."""
        await stop.wait()
        self._traffic.stopped = _STOPPING
        self._end.set()
        self._let_go()

    def _let_go(self) -> None:
        """Leave what runs to whoever takes it up next; a POST in flight is recorded before."""
        for task in self._running:
            task.cancel()

    def _name_lane(self, model: str) -> str:
        return name_lane(self._context.endpoint, self._context.account, model)

    def _width(self, model: str) -> int:
        return self._config.running_tasks or self._models.by_name[model].running_tasks

    # -------------------------------------------------------------- one order

    async def _handle(self, raw: bytes, attempts: int) -> float | None:
        """Carry out one order. None: its result is stored; else the seconds until it is to be run
        again. Raises JobEnded. Whatever else goes wrong is no end of an order.
        """
        if self._end.is_set():
            return 0.0
        try:
            return await self._carry_out(read_order(raw, self._models))
        except OrderRefused as error:
            self._tell(f"refused: {error.message}")
            raise JobEnded(write_error(error)) from None
        except JobEnded:
            raise
        except CutlistError as error:
            self._tell(f"again later: {error}")
        except Exception as error:
            kind = type(error).__name__
            self._tell(
                f"again later: a fault of this program ({kind}: {make_plain_line(str(error))})"
            )
        return min(
            choose_backoff(min(attempts + 1, 8), self._context.clock.random()), _LONGEST_WAIT_S
        )

    async def _carry_out(self, order: Order) -> float | None:
        context = self._enter(order)
        history = await context.run_blocking(
            self._ledger.find_history, {order.work.job.key}, now=context.clock.now()
        )
        work, found = order.work, history.get(order.work.job.key)
        if work.attempt_id is None and found is not None and _may_send_again(found):
            work = replace(work, after=found.last.id)
        carrier = Carrier(context, self._config, self._models, self._traffic)
        task = asyncio.ensure_future(self._turn(carrier, work))
        self._running.add(task)
        try:
            carried = await task
        except asyncio.CancelledError:
            return 0.0  # we cancelled it ourselves: others take it up
        except CutlistError as error:
            return await self._judge(context, work, error)
        finally:
            self._running.discard(task)
        if carried is None:
            return _AGAIN_S
        await self._confirm(context, work, carried)
        self._tell(f"{order.project}: {work.edit} is in the store ({carried.result.digest[:12]}…)")
        return None

    async def _turn(self, carrier: Carrier, work: Work) -> Carried | None:
        met = await carrier.carry(work, look_first=True)
        return met if isinstance(met, Carried) else None

    def _enter(self, order: Order) -> Context:
        """The context of an order: the books of its project, and what its day may cost."""
        clock = self._context.clock
        return replace(
            self._context,
            ledger=self._ledger.of_project(order.project),
            find_limit=lambda work: find_day_limit(
                order.limits, order.prices, self._models, work, clock.now()
            ),
        )

    async def _judge(self, context: Context, work: Work, error: CutlistError) -> float | None:
        """What an error means for an order: the seconds until it is run again. Raises JobEnded."""
        if isinstance(error, MovedOn) and work.attempt_id is None:
            return _AGAIN_S
        history = await context.run_blocking(
            self._ledger.find_history, {work.job.key}, now=context.clock.now()
        )
        found = history.get(work.job.key)
        last = found.last if found is not None else None
        sends = isinstance(error, TaskFailed) and work.attempt_id is None
        if sends and found is not None and _may_send_again(found):
            self._tell(f"{work.edit}: {error}. It is sent again")
            return choose_backoff(1, context.clock.random())
        is_over = last is not None and last.state in _OVER and last.id != work.after
        if isinstance(error, NotTried) and not is_over:
            return _AGAIN_S if self._end.is_set() else 5.0
        if isinstance(error, Unsettled) or not is_ending(error):
            raise error
        self._tell(f"{work.edit}: {error}")
        raise JobEnded(write_error(error))

    async def _confirm(self, context: Context, work: Work, carried: Carried) -> None:
        """A kill between result and ledger: the store has it, so the ledger says SUCCEEDED."""
        history = await context.run_blocking(
            self._ledger.find_history, {work.job.key}, now=context.clock.now()
        )
        for attempt in history[work.job.key].attempts if work.job.key in history else ():
            is_its = carried.result.task.get("task_id") == attempt.task_id
            if is_its and attempt.state in (State.SUBMITTED, State.UNDECIDED):
                await context.run_blocking(context.store.confirm, carried.result)
                with suppress(MovedOn):
                    await context.run_blocking(
                        self._ledger.end, attempt.id, State.SUCCEEDED, at=context.clock.now()
                    )

    # -------------------------------------------------------------- the sweep

    async def _sweep_on(self) -> None:
        """Look now and then for what nobody does, and try again what could not be done."""
        while True:
            try:
                await self._sweep()
            except CutlistError as error:
                self._tell(f"warning: {error} It is looked at again in a minute.")
            await self._context.clock.sleep(SWEEP_EVERY_S)

    async def _sweep(self) -> None:
        if self._end.is_set():
            return
        self._traffic.resume()
        self._context.roll.left_open.clear()
        await self._settle_left()
        await recover.look_again(self._context, self._tell)
        async with open_queue(self._address) as queue:
            for project in await self._context.run_blocking(self._ledger.list_open_projects):
                await self._order_open(queue, project)

    async def _settle_left(self) -> None:
        """Settle the intents of the dead, and those of ours whose answer is still not known; in no
        lane in which a request is being sent just now.
        """
        for attempt_id in await self._context.run_blocking(self._ledger.left_intents):
            attempt = self._ledger.attempt(attempt_id, now=self._context.clock.now())
            model = attempt.lane.rpartition(" ")[2]
            if not self._context.is_here(attempt) or model not in self._models.by_name:
                continue
            carrier = Carrier(self._context, self._config, self._models, self._traffic)
            settling = self._context.roll.settling
            async with carrier.lane(model).submitting:
                open_intents = self._ledger.open_intents(attempt.lane)
                if attempt_id in settling or attempt_id not in open_intents:
                    continue
                settling.add(attempt_id)
                try:
                    with suppress(NeedsPerson, ServiceError):
                        await settle(self._context, attempt_id)
                finally:
                    settling.discard(attempt_id)

    async def _order_open(self, queue: JobQueue, project: str) -> None:
        """Order what is at the service and followed by nobody; a job that is there already stays
        the only one.
        """
        now = self._context.clock.now()
        ledger = self._ledger.of_project(project)
        attempts = await self._context.run_blocking(ledger.find_open_attempts, now=now)
        others = await self._context.run_blocking(self._ledger.find_followed)
        for attempt in attempts:
            if attempt.state is State.SUBMITTED and attempt.id not in others:
                order = self._write_follow_up(project, attempt)
                if order is not None:
                    lane = self._name_lane(order.work.model)
                    await queue.place(lane, attempt.key, order.encode())

    def _write_follow_up(self, project: str, attempt: Attempt) -> Order | None:
        """The order to bring a paid task home; None where that is for another worker."""
        job = Job(attempt.key, self._ledger.intent(attempt.id).job)
        model = str(job.canonical.get("model"))
        if not self._context.is_here(attempt) or model not in self._models.by_name:
            return None
        return Order(project, Work(job, attempt.edit, model, attempt_id=attempt.id))


def _may_send_again(history: History) -> bool:
    """Whether a job that the service failed is sent again without being asked."""
    last = history.last
    return last.state is State.FAILED and may_try_again(last.code, last.message, history.failures)
