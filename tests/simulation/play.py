"""One seed, played to its end and judged: the server's own bill against the bytes on disk."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply import executor, in_flight, recover, shared_list
from reconciler.apply.outcome import Report
from reconciler.apply.settle import take_second_look
from reconciler.errors import CutlistError, LedgerError, Locked
from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.state.lock import FileLock
from reconciler.state.lookup import Lookup
from reconciler.state.observed import Attempt, Result, State
from reconciler.system.files import hash_file
from tests.simulation.books import books, judge_books
from tests.simulation.kinds import HOUR_S, kind_of, turn_of
from tests.simulation.loop import VirtualLoop
from tests.simulation.shortcuts import take_shortcuts, without_collecting
from tests.simulation.world import (
    KILLS,
    MEMORY,
    World,
    attempts,
    forgotten,
    incomplete,
    write_project,
)


class Verdict:
    """What a run came to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stuck = ""  # why the program could not go on
        self.trace_sha256 = hashlib.sha256("\n".join(world.trace).encode()).hexdigest()
        self.paid_twice = 0  # jobs billed more than once
        self.lost = 0  # billed tasks that neither store nor ledger knows
        self.incomplete = 0  # visible files that were not the whole of what they are named for
        self.cancelled_theirs = 0  # tasks of somebody else
        self.cancelled_elsewhere = 0  # tasks that were made for another environment
        self.not_ours = 0  # results that are of somebody else's tasks
        self.forgotten = 0  # results that were said to be safe and that a power cut took
        # what was wrong with the ledger's books, after any life
        self.miscounted = len(world.miscounted)
        self.faults = world.mistaken[:1]  # what else was wrong, in words

    @property
    def broken(self) -> str:
        """The promises that were not kept, in words; empty when all were."""
        counts = {
            "paid twice": self.paid_twice,
            "lost": self.lost,
            "incomplete": self.incomplete,
            "forgotten": self.forgotten,
            "not ours": self.not_ours,
            "cancelled of somebody else": self.cancelled_theirs,
            "cancelled of another environment": self.cancelled_elsewhere,
            f"miscounted ({', '.join(self.world.miscounted[:1])})": self.miscounted,
        }
        words = [*self.faults, *(f"{count} {word}" for word, count in counts.items() if count)]
        return self.stuck or ", ".join(words)


def run(seed: int) -> Verdict:
    """Simulate one seed to its end and judge it."""
    return run_in_virtual_time(lambda folder: _run(seed, folder))


def run_in_virtual_time(play: Callable[[Path], Coroutine[Any, Any, Verdict]]) -> Verdict:
    """Have something played to its end in a loop and a folder of its own, both gone after it."""
    loop = VirtualLoop()
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    try:
        with (
            tempfile.TemporaryDirectory(prefix="simulation-", dir=memory) as folder,
            without_collecting(),
        ):
            return loop.run_until_complete(play(Path(folder)))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        pending = asyncio.all_tasks(loop)
        if pending:
            loop.run_until_complete(asyncio.wait(pending))
        loop.close()


async def _run(seed: int, folder: Path) -> Verdict:
    world = World(seed, folder, kind_of(seed))
    write_project(world.disk.root, world.rng, uploads=world.kind.uploads)
    world.disk.settle()
    try:
        with tapped(world):
            if world.kind.crowd_rate:
                await let_others_in(world)
            if world.kind.rivals:
                await rival_lives(world)
            await troubled_lives(world)
            await asyncio.sleep(700.0)  # second looks are due ten minutes later
            await let_others_in(world)
            world.look_over()
            await world.settled()
            return judge(world)
    except Exception as error:  # a traceback is no answer either
        verdict = Verdict(world)
        verdict.stuck = f"{type(error).__name__}: {error}"
        return verdict
    finally:
        for process in world.processes:
            if process.dead:
                process.bury()
        world.disk.close()
        await world.server.stop()


@contextmanager
def tapped(world: World) -> Iterator[None]:
    """The world is what makes files durable; it hears of second looks and of cancels, and opens
    media itself.
    """

    async def heard(context: Any, attempt_id: str) -> Any:
        world.counters["second look"] += 1
        return await take_second_look(context, attempt_id)

    cancel = executor.cancel_waiting_task  # of a mutant, perhaps

    async def noted(context: Any, work: Any) -> bool:
        world.cancels.append((work.attempt_id, world.environment))
        is_done = await cancel(context, work)
        world.counters["cancel in vain"] += not is_done
        return is_done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", world.fsync)
        patch.setattr(executor, "cancel_waiting_task", noted)
        patch.setattr(recover, "take_second_look", heard)
        take_shortcuts(patch)
        if turn_of(world.seed) % 2:  # however few they are
            for module in (in_flight, shared_list):
                patch.setattr(module, "spares_requests", lambda looks, pages: looks > 0)
                patch.setattr(module, "LIST_REST_S", 20.0)
        yield


async def begin_later(world: World, delay_s: float) -> Report | None:
    """A life that begins after a while, and is not killed."""
    if delay_s:
        await asyncio.sleep(delay_s)
    return await world.live(None)


def share_a_ledger(patch: pytest.MonkeyPatch) -> None:
    """No lock keeps lives apart, and others store results while one plans."""
    patch.setattr(FileLock, "hold", open_door)
    store_while_others_plan(patch)


def store_while_others_plan(patch: pytest.MonkeyPatch) -> None:
    """What was stored in the last minute came, for whoever plans, after the store was asked and
    before the ledger.
    """
    ask = Lookup._ask_store
    asked: dict[int, tuple[Lookup, set[str]]] = {}  # held: no other one gets its id

    def hide_the_newest(self: Lookup, keys: Collection[str]) -> Mapping[str, Sequence[Result]]:
        _, before = asked.setdefault(id(self), (self, set()))
        new = {*keys} - before
        before.update(keys)
        found = {
            key: [each for each in results if key not in new or each.stored < self._now - 60]
            for key, results in ask(self, keys).items()
        }
        return {key: results for key, results in found.items() if results}

    patch.setattr(Lookup, "_ask_store", hide_the_newest)


def list_mistakes(reports: Iterable[Report]) -> Iterator[str]:
    """What was told of jobs at which somebody else was at work, and is not so: no result was ever
    lost here, and the ledger was sound.
    """
    for report in reports:
        for step in (*report.plan.steps, *report.left.steps):
            if "no longer in the store" in step.reason or "is lost" in step.reason:
                yield f"{step.name} was taken for lost"
        for outcome in report.failures:
            if isinstance(outcome.error, LedgerError):
                yield f"{outcome.step.name} failed at what another one did: {outcome.error}"


@contextmanager
def open_door(*_: Any, **__: Any) -> Iterator[None]:
    """In the place of a lock: nobody is kept out."""
    yield


async def troubled_lives(world: World) -> None:
    """Lives that are killed, one in trouble that is not, one in calm."""
    while world.lives < KILLS or not world.network.calm:
        writing = world.rng.random() < 0.5
        latest = world.rng.choice((8, 60) if writing else (240,))  # the first writes make folders
        dies_at = world.rng.randint(1, latest) if world.lives < KILLS else None
        if world.kind.death_rate < 1.0 and world.trouble.random() >= world.kind.death_rate:
            dies_at = None
        if dies_at is None and world.lives > KILLS:
            world.network.calm_down()
        if await world.live(dies_at, writing=writing) is not None:
            # it has ended, and so may the machine
            world.next_disk(cut=world.trouble.random() < world.kind.cut_rate)
        if world.trouble.random() < world.kind.rot_rate:
            world.rot()
        calm = world.network.calm
        day = world.rng.random() < world.kind.day_rate and not calm
        world.away = world.away or day
        await asyncio.sleep(25 * HOUR_S if day else world.rng.uniform(0, 300))
        await let_others_in(world)
        judge_books(world)  # after the pause: what an open request had made is billed by now
        change_rate = world.kind.change_rate
        if change_rate and not calm and world.trouble.random() < change_rate:
            world.change()


async def let_others_in(world: World) -> None:
    """Somebody else may submit while nothing of ours runs."""
    if world.trouble.random() < world.kind.crowd_rate:
        await world.network.submit_theirs()


async def rival_lives(world: World) -> None:
    """Two applies at once on one store: the lock lets one of them work, or, where they share a
    ledger as two machines do, the ledger alone keeps them apart.
    """
    with pytest.MonkeyPatch.context() as patch:
        world.shares = world.kind.shared
        if world.shares:
            share_a_ledger(patch)
        begin_s = (0.0, 0.0, *(world.trouble.uniform(0, 400) for _ in range(2 * world.shares)))
        lives = [asyncio.ensure_future(begin_later(world, each)) for each in begin_s]
        ended = await asyncio.gather(*lives, return_exceptions=True)
    if world.shares:
        world.mistaken += list_mistakes(each for each in ended if isinstance(each, Report))
    world.shares = False
    world.counters["locked out"] += sum(isinstance(each, Locked) for each in ended)
    strange = [
        each
        for each in ended
        if isinstance(each, BaseException) and not isinstance(each, CutlistError)
    ]
    if strange:
        raise strange[0]


# ------------------------------------------------------------------ the judge


def judge(world: World) -> Verdict:
    """The server's bill against what is on disk."""
    judge_books(world, final=True)
    verdict = Verdict(world)
    judge_world(world, verdict)
    for name, each in world.open_project().run_pass().resolved.items():
        output = world.disk.root / each.wanted.edit.output
        if output.exists():
            verdict.incomplete += each.result is None or hash_file(output) != each.result.digest
        else:
            raise AssertionError(f"{name} has no output though all went well")
    return verdict


def judge_world(world: World, verdict: Verdict) -> None:
    """The server's bill against what store and ledger know."""
    project = world.open_project()
    results, _ = project.store.read_all_results()
    held = {result.task["task_id"] for each in results.values() for result in each}
    every = attempts(project)
    states = Counter(attempt.state for attempt in every)
    world.counters["expired"] += states[State.EXPIRED]
    world.counters["adopted"] += sum(attempt.adopted for attempt in every)
    told = {attempt.task_id for attempt in every}
    foreign = world.network.foreign
    bill = [task for task in world.server.bill()["tasks"] if task["task_id"] not in foreign]
    paid = [task for task in bill if task["billed_s"]]
    gone = {each.task_id for each in every if each.state in (State.EXPIRED, State.LOST)}
    # whoever came back too late was told, and said --repay; and a late delivery is told
    may_be_late = world.kind.edge or bool(foreign)
    excused = world.person.forgotten | (gone if world.away else set())
    excused |= world.person.strays if may_be_late else set()
    world.counters["repaid"] = len(gone) if world.away else 0
    billed = Counter(task["job_sha256"] for task in paid if task["task_id"] not in excused)
    verdict.paid_twice = sum(count - 1 for count in billed.values())
    if world.kind.is_plain_spoken and not may_be_late:  # there is no excuse for a stray
        verdict.paid_twice += world.counters["stray"]
    verdict.lost = sum(1 for task in paid if task["task_id"] not in held | told | world.person.told)
    verdict.not_ours = len(held & foreign)
    verdict.cancelled_theirs = world.network.cancelled_theirs
    verdict.cancelled_elsewhere = cancelled_elsewhere(world, every)
    world.rotten.clear()  # what was bad has been moved aside
    verdict.incomplete = world.incomplete + incomplete(world)
    verdict.forgotten = world.forgotten + forgotten(world)


def cancelled_elsewhere(world: World, every: Iterable[Attempt]) -> int:
    """How many tasks a life wanted to cancel that were made for another environment."""
    tasks = {attempt.id: attempt.task_id for attempt in every}
    made_for = {
        entry.task_id: entry.booking.environment
        for entry in books(world, world.open_project()).entries
        if entry.booking is not None and not entry.stray
    }
    return sum(
        made_for.get(tasks.get(attempt_id)) != (environment or NO_ENVIRONMENT)
        for attempt_id, environment in world.cancels
    )
