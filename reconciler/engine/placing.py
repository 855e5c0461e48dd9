"""An apply that leaves the work to workers: it orders, and tells what the ledger says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from reconciler.apply.carry import Again, Carried
from reconciler.apply.context import Context
from reconciler.apply.events import Phase
from reconciler.apply.in_flight import IN_FLIGHT
from reconciler.apply.lanes import Gate, name_lane
from reconciler.apply.outcome import NotTried
from reconciler.apply.prepare import hash_content, open_content, report_change
from reconciler.apply.rivals import THEIRS
from reconciler.apply.work import Source, Work
from reconciler.config import Config
from reconciler.desired.tree import Unusable
from reconciler.engine.endings import read_error
from reconciler.engine.orders import Order
from reconciler.engine.pgqueuer import JobQueue, JobView, QueueAway, connect_queue
from reconciler.errors import CutlistError, StoreDamaged
from reconciler.formats.untrusted import make_plain_line
from reconciler.service.models import Models
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.observed import History, Result, State

WORKER = "cutlist worker"  # as what a worker is known to the ledger
_LOOK_EVERY_S = 1.0
_PLACE_EVERY_S = 5.0
_COUNT_EVERY_S = 30.0
_ORDERED = "ordered; a worker takes it up"
_ORDERED_ALREADY = "another apply has ordered it already; its result is taken"


def _tell_whose(result: Result, billed_s: float) -> str:
    """What an order of somebody else, or an earlier one, has rendered, and who agreed to pay."""
    who = make_plain_line(result.approved_by or result.author)
    agreed = f", agreed to by {who}" if who else ""
    return f"an order that was there already has rendered it: {billed_s:.1f} s{agreed}"


class OrderBook:
    """The orders of one apply, which brings jobs home by others' hands. `tell` hears in words what
    a person should know.
    """

    def __init__(
        self,
        context: Context,
        config: Config,
        models: Models,
        address: LedgerAddress,
        count_workers: Callable[[], int],
        tell: Callable[[str], None],
    ) -> None:
        self._context = context
        self._config = config
        self._models = models
        self._address = address
        self._count_workers = count_workers
        self._tell = tell
        self._queue: JobQueue | None = None
        self._turn = asyncio.Lock()
        self._gates: dict[str, Gate] = {}
        self._stopped: CutlistError | None = None
        self._waiting: dict[str, int | None] = {}  # by key, the number of its order
        self._history: Mapping[str, History] = {}
        self._ended: dict[int, JobView] = {}
        self._looked_at = self._counted_at = -_COUNT_EVERY_S
        self._has_told = self._is_away = False

    async def close(self) -> None:
        """Let go of the connection. What was ordered stands."""
        if self._queue is not None:
            await self._queue.close()

    def clearing(self, model: str) -> Gate:
        """What is held while obsolete tasks of a model are cancelled."""
        return self._gates.setdefault(model, Gate())

    def learn(self, error: CutlistError) -> None:
        """What went wrong with one order says nothing of others."""

    def send_nothing_more(self, cause: CutlistError) -> None:
        """Nothing more is ordered; what was ordered is waited for."""
        self._stopped = self._stopped or cause

    async def carry(
        self,
        work: Work,
        *,
        was_billed: bool = False,
        look_first: bool = False,  # noqa: ARG002  (whoever carries it out looks)
    ) -> Carried | Again:
        """Order a job and wait for its result. Raises what ended it, and QueueAway where nothing
        could be ordered.
        """
        if work.attempt_id is None:
            await self.clearing(work.model).wait()
            if self._stopped is not None:
                raise NotTried(f"not ordered, because of an earlier error ({self._stopped}).")
        order = await self._write_order(work)
        known = await self._read_known(work)
        is_ours = await self._place(order)
        note = _ORDERED if is_ours else _ORDERED_ALREADY
        self._context.emit(work.edit, Phase.WAITING, note=note)
        try:
            result = await self._wait(order)
        finally:
            self._waiting.pop(work.job.key, None)
        history = self._history.get(work.job.key)
        is_new = history is not None and history.last.id not in known
        billed_s = self._models.read_billed_seconds(result.usage)
        if work.attempt_id is None and not (is_ours and is_new):
            return Carried(result, 0.0, THEIRS if is_ours else _tell_whose(result, billed_s))
        return Carried(result, 0.0 if was_billed else billed_s)

    async def _read_known(self, work: Work) -> set[str]:
        history = await self._context.run_blocking(
            self._context.ledger.find_history, {work.job.key}, now=self._context.clock.now()
        )
        return {each.id for several in history.values() for each in several.attempts}

    # -------------------------------------------------------------- ordering

    async def _write_order(self, work: Work) -> Order:
        """The order of a job, whose inputs lie in the store by then. Raises InputGone,
        StoreUnavailable.
        """
        sources = [await self._context.run_blocking(self._put_input, each) for each in work.sources]
        limits = tuple(limit for limit in self._config.budget if limit.per == "day")
        return Order(
            self._config.name, replace(work, sources=tuple(sources)), limits, self._config.prices
        )

    def _put_input(self, source: Source) -> Source:
        if source.origin == "result":
            return source
        try:
            with open_content(self._context, source) as content:
                if hash_content(content) != source.digest:
                    raise report_change(source)
                if not isinstance(content, bytes) and hasattr(content, "seek"):
                    content.seek(0)
                self._context.store.open_inputs().put(source.digest, content)
        except (Unusable, StoreDamaged, FileNotFoundError):
            raise report_change(source) from None
        return replace(source, origin="input", reference="")

    async def _place(self, order: Order) -> bool:
        """Put an order there. Returns whether there was none of its key."""
        lane = name_lane(self._context.endpoint, self._context.account, order.work.model)
        async with self._turn:
            queue = await self._connect()
            number = await queue.place(lane, order.work.job.key, order.encode())
        self._waiting[order.work.job.key] = number
        return number is not None

    async def _connect(self) -> JobQueue:
        if self._queue is None:
            queue = await connect_queue(self._address)
            try:
                await queue.prepare()
            except BaseException:
                await queue.close()
                raise
            self._queue = queue
        return self._queue

    # -------------------------------------------------------------- waiting

    async def _wait(self, order: Order) -> Result:
        """The result of an order. Raises what ended it."""
        key, placed_at, told = order.work.job.key, self._context.clock.monotonic(), ""
        while True:
            await self._context.clock.sleep(_LOOK_EVERY_S)
            await self._look()
            told = self._tell_progress(order.work, told)
            number = self._waiting.get(key)
            ended = self._ended.get(number) if number is not None else None
            if ended is not None or self._has_succeeded(order.work):
                result = await self._context.run_blocking(self._context.store.find_first, key)
                if result is not None:
                    return result
            if ended is not None and ended.words is not None:
                raise read_error(ended.words)
            now = self._context.clock.monotonic()
            if (number is None or ended is not None) and now - placed_at >= _PLACE_EVERY_S:
                placed_at = now
                with suppress(QueueAway):
                    await self._place(order)

    def _has_succeeded(self, work: Work) -> bool:
        history = self._history.get(work.job.key)
        return (
            history is not None
            and history.last.state is State.SUCCEEDED
            and history.last.id != work.loses
        )

    def _tell_progress(self, work: Work, told: str) -> str:
        """Tell where a job is, unless that was told; what was told."""
        history = self._history.get(work.job.key)
        if history is None or history.last.state is not State.SUBMITTED:
            return told
        status = history.last.task_status or "PENDING"
        if status != told and status in IN_FLIGHT:
            model = self._models.find(work.model)
            self._context.emit(
                work.edit,
                Phase(status),
                task_id=history.last.task_id or "",
                usual_s=model.usual_s,
            )
        return status

    async def _look(self) -> None:
        """Ask ledger and queue about all that is waited for, once for everybody who waits."""
        async with self._turn:
            now = self._context.clock.monotonic()
            if now - self._looked_at < _LOOK_EVERY_S / 2:
                return
            self._looked_at = now
            try:
                await self._ask(now)
                self._is_away = False
            except CutlistError as error:
                await self._lose(error)

    async def _ask(self, now: float) -> None:
        context = self._context
        self._history = await context.run_blocking(
            context.ledger.find_history, set(self._waiting), now=context.clock.now()
        )
        queue = await self._connect()
        numbers = {number for number in self._waiting.values() if number is not None}
        self._ended.update(await queue.find_ended(numbers))
        if now - self._counted_at >= _COUNT_EVERY_S:
            self._counted_at = now
            self._tell_of_workers(await context.run_blocking(self._count_workers))

    async def _lose(self, error: CutlistError) -> None:
        """The database is away: what was ordered stands, and is asked about when it is back."""
        if not self._is_away:
            self._tell(f"warning: {error} What was ordered stands; it is asked again.")
        self._is_away = True
        if self._queue is not None:
            await self._queue.close()
            self._queue = None

    def _tell_of_workers(self, number: int) -> None:
        if number:
            self._has_told = False
        elif not self._has_told:
            self._has_told = True
            self._tell("no worker is at work at this ledger; start one with: cutlist worker")
