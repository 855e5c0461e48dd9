"""One seed of the controller, played to its end and judged: the server's bill, the repository and
the bytes on disk.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply import executor
from reconciler.state import lockfile
from reconciler.system.files import hash_file
from tests.simulation.books import judge_books
from tests.simulation.play import Verdict, judge_world, run_in_virtual_time, tapped
from tests.simulation.sync.mirror import in_memory
from tests.simulation.sync.person import Keeper, list_overspent, open_at
from tests.simulation.sync.team import LOCK, Team
from tests.simulation.sync.world import INTERVAL_S, PASS, SyncWorld
from tests.simulation.world import get_clip

LIVES = 3  # that may end too early


def run(seed: int) -> Verdict:
    """Simulate one seed of the controller to its end and judge it."""
    return run_in_virtual_time(lambda folder: _run(seed, folder))


async def _run(seed: int, folder: Path) -> Verdict:
    world = SyncWorld(seed, folder)
    team = Team(world, _make_clip)
    keeper = Keeper(world, team)
    try:
        with tapped(world), in_memory(world.clones), _watched_cancels(world, team):
            await _troubled_lives(world, team, keeper)
            await world.serve(None, _last_hours(world, team, keeper))
            return _judge(world)
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


async def _troubled_lives(world: SyncWorld, team: Team, keeper: Keeper) -> None:
    """Lives that are killed, or end, while the team pushes and a person looks after them."""
    pushing = asyncio.ensure_future(team.work())
    keeping = asyncio.ensure_future(keeper.work())
    while not pushing.done() or world.lives < LIVES:
        rng = world.rng
        writing = rng.random() < 0.5
        latest = rng.choice((8, 60) if writing else (60, 600, 3000))
        is_killed = world.lives < LIVES and rng.random() < 0.8
        dies_at = rng.randint(1, latest) if is_killed else None
        ends_after_s = rng.uniform(100, 4000)
        wish = asyncio.wait([pushing], timeout=ends_after_s)
        await world.serve(dies_at, wish, writing=writing)
        judge_books(world)
        await asyncio.sleep(rng.uniform(0, 100))
    await pushing
    keeping.cancel()


async def _last_hours(world: SyncWorld, team: Team, keeper: Keeper) -> None:
    """No more trouble: what was pushed last is rendered. Then one more push, and all is quiet."""
    await asyncio.sleep(world.rng.uniform(1, 100))
    world.network.calm_down()
    world.remote.calm = True
    await keeper.settle()
    await asyncio.sleep(1000.0)  # webhooks that are late, and second looks
    await keeper.settle()
    pushed = len(world.seen.pushed)
    team.push_one_more()
    await keeper.settle(patient=True)
    quiet = (world.seen.begun, world.seen.requests)
    for _ in range(4):
        await asyncio.sleep(INTERVAL_S)
        assert world.controller is not None
        world.controller.look("films", "webhook")
    if (world.seen.begun, world.seen.requests) != quiet:
        world.seen.faults.append("something was begun though nothing was new")
    for commit, begun, _ in world.seen.pushed[pushed:][-1:]:
        if world.seen.begun != begun:
            world.seen.faults.append(f"its own commit {commit[:7]} started a pass")
    await keeper.settle()


@contextmanager
def _watched_cancels(world: SyncWorld, team: Team) -> Iterator[None]:
    """What is to be cancelled waits, as far as the ledger knows, and nobody asks for it."""
    cancel = executor.cancel_waiting_task

    async def judged(context: Any, work: Any) -> bool:
        note = PASS.get()
        assert note is not None
        ledger = context.ledger
        attempt = ledger.attempt(work.attempt_id, now=context.clock.now())
        if attempt.task_status != "PENDING":
            world.seen.faults.append(f"a task that is {attempt.task_status} was to be cancelled")
        if ledger.intent(work.attempt_id).prompt in team.list_prompts(note.commit, chained=False):
            world.seen.faults.append("a task was to be cancelled that is asked for")
        return await cancel(context, work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor, "cancel_waiting_task", judged)
        yield


def _make_clip(number: int) -> bytes:
    return get_clip(60, 256) + struct.pack(">I4sI", 12, b"free", number)


# ------------------------------------------------------------------ the judge


def _judge(world: SyncWorld) -> Verdict:
    """The server's bill against store, ledger and outputs; and those against the last commit."""
    judge_books(world, final=True)
    world.seen.faults += list_overspent(world)
    world.seen.faults += _list_differences(world)
    verdict = Verdict(world)
    judge_world(world, verdict)
    verdict.faults = world.seen.faults
    return verdict


def _list_differences(world: SyncWorld) -> Iterator[str]:
    """What is not as the last commit asks for it: a plan, an output, a pin."""
    tip = world.remote.tip
    project = open_at(world, tip)
    current = project.run_pass()
    if current.plan.changes:
        yield "the last commit is not rendered"
    pins = lockfile.read(project.config.lock_dir).get("default", {})
    asked = set()
    for name, each in current.resolved.items():
        output = world.places.outputs / each.wanted.edit.output
        asked.add(output)
        digest = None if each.result is None else each.result.digest
        if digest is None or not output.exists() or hash_file(output) != digest:
            yield f"the output of {name} is not its result"
        if name not in pins or pins[name].digest != digest:
            yield f"the pin of {name} is not its result"
    if project.config.prune and set((world.places.outputs / "renders").glob("*.mp4")) - asked:
        yield "an output is there that nobody asks for"
    if world.sync.write_back.lock:
        files = world.remote.repository.read_files(tip)
        there = lockfile.parse_pins(files[LOCK]).get("default", {}) if LOCK in files else {}
        if dict(there) != dict(pins):
            yield "the lock file of the branch is not as it is rendered"
