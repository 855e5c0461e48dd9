"""Takes steps and makes them so: bounded, and one failure never stops the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.apply import attempt as life
from reconciler.apply.baseline import take_baseline
from reconciler.apply.cancel import cancel_waiting_task, tell_cancelled, was_cancelled
from reconciler.apply.context import (
    SUBMIT_TRIES,
    Context,
    TaskFailed,
    Unsettled,
)
from reconciler.apply.events import Phase
from reconciler.apply.lanes import Lane, Pacer, name_lane
from reconciler.apply.outcome import NotTried, Outcome
from reconciler.apply.pace import Pace
from reconciler.apply.paces import Paces
from reconciler.apply.prepare import prepare
from reconciler.apply.publish import Publisher
from reconciler.apply.rivals import LOOK_EVERY_S, THEIRS, find_theirs, wait_for_lane
from reconciler.apply.settle import settle
from reconciler.apply.unbroken import run_unbroken
from reconciler.apply.work import Work
from reconciler.config import Config
from reconciler.errors import (
    CutlistError,
    DiskFull,
    LedgerError,
    NotReached,
    OutcomeUnknown,
    QuotaExhausted,
    ServiceError,
    Throttled,
)
from reconciler.plan.cost import PricePerSecond, find_tier
from reconciler.plan.step import FREE, Action, Step
from reconciler.service.answers import TaskAnswer
from reconciler.service.codes import Verdict, find_code, may_try_again
from reconciler.service.models import Model, Models
from reconciler.service.retry import choose_backoff, is_end_of_everything
from reconciler.state.ledger import AlreadyOpen, KeyTaken, LaneBusy, LaneFull, MovedOn
from reconciler.state.observed import Result
from reconciler.system.files import EscapesRoot

WRITES_AT_ONCE = 4
CANCELS_AT_ONCE = 4  # each is a request and a look: the service takes 20 of either in a second
_THERE = "its result came into the store meanwhile; nothing is sent"
_MOCK_USUAL_S = 3.0  # tasks of the bundled server take 2 to 4 s
_LOOPBACK_INTERVAL_S = 0.2


@dataclass(frozen=True, slots=True)
class Item:
    """A step with what is needed to carry it out; `work` is None for steps that need no service."""

    step: Step
    work: Work | None = None
    obsolete: bool = False  # whether its task is to be cancelled where it still waits


class Executor:
    """Long-lived: `start` takes items as passes find them, `next` gives outcomes as they come."""

    def __init__(
        self,
        context: Context,
        publisher: Publisher,
        config: Config,
        models: Models,
        price: PricePerSecond,
        *,
        fail_fast: bool = False,
    ) -> None:
        self._context = context
        self._publisher = publisher
        self._config = config
        self._models = models
        self._price = price
        self.fail_fast = fail_fast
        self._lanes: dict[str, Lane] = {}
        self._paces = Paces(context.ledger)
        self._running: dict[asyncio.Task[list[Outcome]], tuple[Item, ...]] = {}
        self._ended: asyncio.Queue[asyncio.Task[list[Outcome]]] = asyncio.Queue()
        # how often an edit, and a key, is being worked on
        self._names: Counter[str] = Counter()
        self._keys: Counter[str] = Counter()
        self._writes = asyncio.Semaphore(WRITES_AT_ONCE)
        self._cancels = asyncio.Semaphore(CANCELS_AT_ONCE)
        self.cancelled: list[str] = []  # tasks that nobody asked for, and that cost nothing
        self._stopped: CutlistError | None = None
        # by key: requests of this run that were certainly not accepted
        self._unaccepted: Counter[str] = Counter()
        self._write_turn = asyncio.Lock()

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def is_at_work_on(self, step: Step) -> bool:
        """Whether the edit of a step, or its key, is being worked on."""
        return self._names[step.name] > 0 or (step.key is not None and self._keys[step.key] > 0)

    def start(self, items: Sequence[Item]) -> None:
        """Begin work. Items of one key are done by one attempt."""
        by_key: dict[str, list[Item]] = {}
        for item in items:
            by_key.setdefault(item.step.key or f"\0{item.step.name}", []).append(item)
            if item.obsolete and item.work is not None:
                self._lane(item.work.model).clearing.hold()  # before any other begins
        for group in by_key.values():
            task = asyncio.ensure_future(self._carry_out(group))
            self._running[task] = tuple(group)
            self._count(group, 1)
            task.add_done_callback(self._ended.put_nowait)

    def _count(self, items: Iterable[Item], number: int) -> None:
        for item in items:
            self._names[item.step.name] += number
            if item.step.key is not None:
                self._keys[item.step.key] += number

    async def next(self) -> list[Outcome]:
        """The outcomes of whatever ends next."""
        tasks = [await self._ended.get()]
        while not self._ended.empty():
            tasks.append(self._ended.get_nowait())
        for task in tasks:
            self._count(self._running.pop(task), -1)
        return [outcome for task in tasks for outcome in task.result()]

    def send_nothing_more(self, cause: CutlistError) -> None:
        """No task is asked for from now on; those at the service are still brought home."""
        self._stopped = self._stopped or cause

    async def stop(self) -> tuple[Item, ...]:
        """End what runs here; a POST in flight is finished and recorded. Returns what was under
        way.
        """
        under_way = tuple(item for items in self._running.values() for item in items)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        self._running.clear()
        self._ended = asyncio.Queue()  # what was cancelled is nobody's outcome
        return under_way

    # -------------------------------------------------------------- one key

    async def _carry_out(self, group: Sequence[Item]) -> list[Outcome]:
        """Render, resume or write for all edits of one key."""
        first = group[0]
        try:
            if first.work is None:
                digest, billed_s = str(first.step.digest), 0.0
            elif first.obsolete and await self._is_cancelled(first.work):
                return []
            else:
                result, billed_s, why_free = await self._result(first.work, first.step)
                digest = result.digest
                group = [_free(item, why_free) for item in group] if why_free else group
        except CutlistError as error:
            if first.work is not None and was_cancelled(first.work, error):
                self._note_cancelled(first.work)
                return []
            self._learn(error)
            if self.fail_fast and not may_render_again(error):
                self.send_nothing_more(error)
            await self._pause_after(error)
            return [Outcome(item.step, error) for item in group]
        return [
            await self._published(item, digest, billed_s if item is first else 0.0)
            for item in group
        ]

    async def _is_cancelled(self, work: Work) -> bool:
        """Have a task cancelled that nobody asks for any more. False: it is to be followed."""
        try:
            async with self._cancels:
                if not await cancel_waiting_task(self._context, work):
                    return False
        finally:
            self._lane(work.model).clearing.release()
        self._note_cancelled(work)
        return True

    def _note_cancelled(self, work: Work) -> None:
        self.cancelled.append(tell_cancelled(self._context, work))

    async def _pause_after(self, error: CutlistError) -> None:
        """A job that the service failed by its own fault, or for want of an input, is sent again
        after a pause.
        """
        if isinstance(error, TaskFailed) and find_code(error.code, error.message).verdict in (
            Verdict.INTERNAL,
            Verdict.INPUT,
        ):
            await self._context.clock.sleep(choose_backoff(1, self._context.clock.random()))

    def tell_failures(self, ended: Iterable[Outcome], *, sent_again: Container[str]) -> None:
        """Say which edits have failed. An attempt that is followed by another has not failed its
        edit: those in `sent_again` are under way still.
        """
        for outcome in ended:
            if outcome.error is None:
                continue
            said, step = str(outcome.error), outcome.step
            if step.name in sent_again:
                self._context.emit(
                    step.name, Phase.WAITING, note=f"{said.rstrip('.')}. It is sent again"
                )
            else:
                self._context.emit(
                    step.name,
                    Phase.FAILED,
                    note=said,
                    billed_s=outcome.billed_s,
                    price=outcome.price,
                )

    async def _published(self, item: Item, digest: str, billed_s: float) -> Outcome:
        step = item.step
        price = self._price_of(item, billed_s)
        if step.output:
            try:
                async with self._writes, self._write_turn:
                    await run_unbroken(
                        self._context.run_blocking(self._publisher.write, step, digest)
                    )
            except CutlistError as error:
                return self._unwritten(item, error, digest, billed_s)
            except (OSError, EscapesRoot) as trouble:
                hint = "The video is in the store; run apply again to write it, free."
                blocked = CutlistError(f"{step.output} cannot be written: {trouble}.", hint=hint)
                return self._unwritten(item, blocked, digest, billed_s)
        self._context.emit(
            step.name, Phase.WRITTEN, output=step.output, billed_s=billed_s, price=price
        )
        return Outcome(step, None, digest, billed_s, price)

    def _unwritten(self, item: Item, error: CutlistError, digest: str, billed_s: float) -> Outcome:
        """A result that is stored, and paid, and could not be put where it belongs."""
        price = self._price_of(item, billed_s)
        return Outcome(item.step, error, digest, billed_s, price)

    def _price_of(self, item: Item, billed_s: float) -> float | None:
        if item.work is None or not billed_s:
            return 0.0
        work = item.work
        per_s = self._price(
            work.model, find_tier(self._models.by_name[work.model], work.job.canonical)
        )
        return None if per_s is None else round(billed_s * per_s, 4)

    async def _result(self, work: Work, step: Step) -> tuple[Result, float, str]:
        """The job's result, by a new attempt, the one in flight, or somebody else's; the seconds
        that were billed for it, and why that is nothing where nothing was sent for it here.
        """
        theirs: str | None = None
        for _ in range(SUBMIT_TRIES):
            try:
                result, billed_s, why_free = await self._brought_home(work, step, theirs)
                return result, 0.0 if theirs else billed_s, THEIRS if theirs else why_free
            except (KeyTaken, MovedOn) as met:
                there = await find_theirs(self._context, work)
                if isinstance(there, Result):
                    return there, 0.0, THEIRS
                if there is None and work.attempt_id is not None:
                    raise  # what was to be followed has ended without a video
                theirs, error = there, met
            if theirs is not None:
                self._context.emit(work.edit, Phase.WAITING, note=THEIRS)
        raise error

    async def _brought_home(
        self, work: Work, step: Step, theirs: str | None
    ) -> tuple[Result, float, str]:
        """As `_result`; `theirs` is somebody else's attempt to be followed. Raises KeyTaken,
        MovedOn.
        """
        model = self._models.by_name[work.model]
        lane = self._lane(work.model)
        if work.attempt_id is None:
            await lane.clearing.wait()
        async with lane.running:
            if work.loses is not None and (
                there := await life.fetch_kept_answer(self._context, work.loses)
            ):
                return await life.collect(self._context, work, work.loses, there), 0.0, ""
            attempt_id = theirs or work.attempt_id or await self._submitted(work, lane)
            if isinstance(attempt_id, Result):
                return attempt_id, 0.0, _THERE
            answer = await self._followed(work, attempt_id, model)
        result = await life.collect(self._context, work, attempt_id, answer)
        again = step.action is Action.RESUME and not step.billed_at_end
        return result, 0.0 if again else self._models.read_billed_seconds(answer.usage), ""

    async def _followed(self, work: Work, attempt_id: str, model: Model) -> TaskAnswer:
        try:
            pace = self._find_pace(work, model)
            return await life.follow(self._context, work, attempt_id, pace)
        except ServiceError as error:
            self._learn(error)
            raise

    def _find_pace(self, work: Work, model: Model) -> Pace:
        """When the task of a job is looked at: as such tasks have taken, or as the vendor says."""
        own_s = self._config.poll_interval_s
        if self._context.loopback:
            usual_s = _MOCK_USUAL_S if self._config.endpoint.bundled else 0.0
            return Pace(0.0, own_s or _LOOPBACK_INTERVAL_S, usual_s)
        usual = Pace(model.shortest_s, own_s or model.poll_interval_s, model.usual_s)
        lane = self._lane(work.model).name
        return self._paces.find(lane, model, work.job.canonical, usual)

    # -------------------------------------------------------------- submitting

    async def _submitted(self, work: Work, lane: Lane) -> str | Result:
        """The id of a fresh attempt whose task_id is durable; or the result that somebody else has
        put into a shared store meanwhile, and then nothing was sent.
        """
        self._check_sending(lane)  # nothing is uploaded for what cannot be sent
        try:
            prepared = await prepare(self._context, work)
        except ServiceError as error:
            self._learn(error, lane)
            raise
        while True:
            async with lane.submitting:
                self._check_sending(lane)
                await wait_for_lane(self._context, work, lane.name)
                self._check_sending(lane)
                try:
                    await take_baseline(self._context, lane.name)
                    await lane.pacer.wait()
                    await self._take_turn(lane)
                    self._check_sending(lane)  # what others learnt meanwhile
                    there = await self._context.run_blocking(
                        self._context.store.find_first, work.job.key
                    )
                    if there is not None:
                        self._context.emit(work.edit, Phase.WAITING, note=_THERE)
                        return there
                    return await life.submit(
                        self._context, work, prepared, lane.name, most_running=lane.most_running
                    )
                except OutcomeUnknown as error:
                    attempt_id = await self._settled(work, lane, error)
                    if attempt_id is not None:
                        return attempt_id
                    reason: ServiceError = error
                except LaneBusy as busy:
                    if isinstance(busy, LaneFull):
                        self._context.emit(work.edit, Phase.WAITING, note=busy.message)
                        await self._context.clock.sleep(LOOK_EVERY_S)
                    continue
                except (NotReached, Throttled) as error:
                    if isinstance(error, Throttled):
                        lane.pacer.halve()
                    reason = error
                except (ServiceError, DiskFull, LedgerError) as error:
                    self._learn(error, lane)
                    raise
            self._unaccepted[work.job.key] += 1
            tries = self._unaccepted[work.job.key]
            if tries >= SUBMIT_TRIES:
                raise reason
            self._context.emit(work.edit, Phase.WAITING, note=f"{reason} It is sent again")
            await self._context.clock.sleep(choose_backoff(tries, self._context.clock.random()))

    async def _take_turn(self, lane: Lane) -> None:
        """Keep the pace of the lane together with everybody who shares the ledger."""
        ledger = self._context.ledger
        if ledger.is_shared:
            wait_s = await self._context.run_blocking(ledger.take_turn, lane.name, lane.per_s)
            await self._context.clock.sleep(wait_s)

    async def _settled(self, work: Work, lane: Lane, error: ServiceError) -> str | None:
        """Ask whether a request whose answer was lost arrived, inside the lane. The attempt's id,
        or None: NOT_SENT.
        """
        self._context.emit(work.edit, Phase.SETTLING, note=str(error))
        ours = self._context.roll.intents.keys() & self._context.ledger.open_intents(lane.name)
        if not ours:
            raise MovedOn("its request was settled by another process meanwhile.")
        (attempt_id,) = ours
        try:
            return attempt_id if await settle(self._context, attempt_id) else None
        except ServiceError as cannot_ask:
            lane.paused = cannot_ask
            raise Unsettled(
                f"{error} Nor can the service be asked now whether the request arrived"
                f" ({cannot_ask})"
            ) from None

    def _check_sending(self, lane: Lane) -> None:
        cause = self._stopped or lane.paused
        if cause is not None:
            raise NotTried(f"not sent, because of an earlier error ({_short(cause)}).")

    def _learn(self, error: CutlistError, lane: Lane | None = None) -> None:
        """Some errors would only come again: for the lane, or for all."""
        if isinstance(error, AlreadyOpen | MovedOn):
            return  # about one job, at which somebody else is at work too
        if isinstance(error, DiskFull | LedgerError) or (
            isinstance(error, ServiceError) and is_end_of_everything(error)
        ):
            self._stopped = self._stopped or error
        elif isinstance(error, QuotaExhausted) and lane is not None:
            lane.paused = error

    def _lane(self, name: str) -> Lane:
        if name not in self._lanes:
            model = self._models.by_name[name]
            most = self._config.running_tasks or model.running_tasks
            self._lanes[name] = Lane(
                name_lane(self._context.endpoint, self._context.account, name),
                Pacer(self._context.clock, model.submits_per_s),
                asyncio.Semaphore(most),
                most,
                model.submits_per_s,
            )
        return self._lanes[name]


def _free(item: Item, why: str) -> Item:
    """What was to be rendered, and is only written."""
    return replace(item, step=replace(item.step, action=Action.WRITE, reason=why, cost=FREE))


def may_render_again(error: CutlistError) -> bool:
    """Whether the next pass may send this job again by itself; how often in all is for `diff` and
    `rounds` to say.
    """
    if isinstance(error, MovedOn):
        return True  # the plan tells what it has become
    return isinstance(error, TaskFailed) and may_try_again(error.code, error.message, 1)


def _short(error: CutlistError) -> str:
    return getattr(error, "code", "") or error.message.rstrip(".")
