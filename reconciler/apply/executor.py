"""Takes steps and makes them so: bounded, and one failure never stops the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.apply.cancel import cancel_waiting_task, tell_cancelled, was_cancelled
from reconciler.apply.carry import Again, Carriage, Carried
from reconciler.apply.context import SUBMIT_TRIES, Context, TaskFailed
from reconciler.apply.events import Phase
from reconciler.apply.outcome import NotTried, Outcome
from reconciler.apply.publish import Publisher
from reconciler.apply.rivals import LOOK_EVERY_S
from reconciler.apply.unbroken import run_unbroken
from reconciler.apply.work import Work
from reconciler.errors import CutlistError
from reconciler.plan.cost import PricePerSecond, find_tier
from reconciler.plan.step import FREE, Action, Step
from reconciler.service.codes import Verdict, find_code, may_try_again
from reconciler.service.models import Models
from reconciler.service.retry import choose_backoff
from reconciler.state.ledger import KeyTaken, MovedOn
from reconciler.system.files import EscapesRoot

WRITES_AT_ONCE = 4
CANCELS_AT_ONCE = 4  # each is a request and a look: the service takes 20 of either in a second


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
        carriage: Carriage,
        models: Models,
        price: PricePerSecond,
        *,
        fail_fast: bool = False,
    ) -> None:
        self._context = context
        self._publisher = publisher
        self._models = models
        self._price = price
        self.fail_fast = fail_fast
        self._carriage = carriage
        self._running: dict[asyncio.Task[list[Outcome]], tuple[Item, ...]] = {}
        self._ended: asyncio.Queue[asyncio.Task[list[Outcome]]] = asyncio.Queue()
        # how often an edit, and a key, is being worked on
        self._names: Counter[str] = Counter()
        self._keys: Counter[str] = Counter()
        self._writes = asyncio.Semaphore(WRITES_AT_ONCE)
        self._cancels = asyncio.Semaphore(CANCELS_AT_ONCE)
        self.cancelled: list[str] = []  # tasks that nobody asked for, and that cost nothing
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
                self._carriage.clearing(item.work.model).hold()  # before any other begins
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
        self._carriage.send_nothing_more(cause)

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
                done = await self._bring_home(first.work, first.step)
                digest, billed_s = done.result.digest, done.billed_s
                group = [_free(item, done.why_free) for item in group] if done.why_free else group
        except CutlistError as error:
            if first.work is not None and was_cancelled(first.work, error):
                self._note_cancelled(first.work)
                return []
            self._carriage.learn(error)
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
            self._carriage.clearing(work.model).release()
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
                    await self._context.outlast(
                        lambda: run_unbroken(
                            self._context.run_blocking(self._publisher.write, step, digest)
                        )
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
            work.model, find_tier(self._models.find(work.model), work.job.canonical)
        )
        return None if per_s is None else round(billed_s * per_s, 4)

    async def _bring_home(self, work: Work, step: Step) -> Carried:
        """The job's result, by a new attempt, the one in flight, or somebody else's."""
        was_billed = step.action is Action.RESUME and not step.billed_at_end
        turns = 0

        async def carry() -> Carried | Again:
            nonlocal turns
            turns += 1
            look_first = turns > 1
            return await self._carriage.carry(work, was_billed=was_billed, look_first=look_first)

        tries = 0
        while isinstance(met := await self._context.outlast(carry), Again):
            if isinstance(met.cause, KeyTaken):  # each time somebody else has got further
                await self._context.clock.sleep(LOOK_EVERY_S)
                continue
            tries += 1
            if tries >= SUBMIT_TRIES:
                raise NotTried(f"not finished, {tries} times in a row: {met.cause.message}")
        return met


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
