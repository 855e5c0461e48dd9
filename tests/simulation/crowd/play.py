"""One seed of a crowd, played to its end and judged: the server's bill against ledger, bucket and
every clone.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from reconciler.apply.context import NeedsPerson
from reconciler.apply.outcome import Report
from reconciler.errors import CutlistError, LedgerError
from reconciler.operations import shared
from reconciler.plan.decide import PlanOptions
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.observed import Attempt, State
from reconciler.state.store import objects
from reconciler.system.files import hash_file
from tests.simulation.books import Books
from tests.simulation.clocks import EPOCH
from tests.simulation.crowd.kinds import kind_of
from tests.simulation.crowd.ledgers import DATABASES, SharedDatabase
from tests.simulation.crowd.world import (
    PRICE_PER_S,
    CrowdWorld,
    Machine,
    find_budget,
    wait_patiently,
)
from tests.simulation.kinds import DAY_S
from tests.simulation.play import (
    Verdict,
    run_in_virtual_time,
    store_while_others_plan,
    tapped,
)
from tests.simulation.world import ROUNDS, attempts

LIVES = 3  # of each machine, in trouble
EVENING_S = DAY_S - 900.0  # troubled lives see midnight, by the one clock or the other
LEAVES_WITHIN_S = 60.0  # after it was begun, at the latest, where a crowd has a budget
LATE_S = 900.0  # after which nothing of the troubled time is still on its way


def run(seed: int, ledger: str = "sqlite") -> Verdict:
    """Simulate one seed of a crowd to its end and judge it."""
    return run_in_virtual_time(lambda folder: _run(seed, folder, DATABASES[ledger]))


run_on_postgres = partial(run, ledger="postgres")


async def _run(seed: int, folder: Path, database: Callable[[Path], SharedDatabase]) -> Verdict:
    world = CrowdWorld(seed, folder, kind_of(seed), database)
    try:
        with tapped(world), _shared(world):
            await asyncio.sleep(random.Random(seed + 9).uniform(EVENING_S, DAY_S))
            await _troubled_lives(world)
            await asyncio.sleep(LATE_S)
            _judge_books(world)
            world.mistaken += _list_overdone(world)
            world.calm_down()
            await _settle_all(world)
            await _go_through_troubles_of_machines(world)
            return _judge(world)
    except Exception as error:  # a traceback is no answer either
        verdict = Verdict(world)
        verdict.stuck = f"{type(error).__name__}: {error}"
        return verdict
    finally:
        for process in world.processes:
            if process.dead:
                process.bury()
        world.database.close()
        world.disk.close()
        await world.server.stop()


@contextmanager
def _shared(world: CrowdWorld) -> Iterator[None]:
    """The machines of a world share its ledger and its bucket."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "open_ledger", world.open_ledger)
        patch.setattr(shared, "open_readonly", world.open_readonly)
        patch.setattr(objects, "StorageBucket", world.open_bucket)
        wait_patiently(patch)
        if not world.kind.hide_s:
            store_while_others_plan(patch)
        yield


# ------------------------------------------------------------------ lives


async def _troubled_lives(world: CrowdWorld) -> None:
    """All machines at once: each has several lives, one after the other."""
    lives = [asyncio.ensure_future(_troubled(world, machine)) for machine in world.machines]
    if world.kind.fails_over:
        await _fail_over(world)
    for reports in await asyncio.gather(*lives):
        world.mistaken += _list_mistakes(world, reports)


async def _fail_over(world: CrowdWorld) -> None:
    """Another server takes the place of the ledger's, and lacks the last commits."""
    await asyncio.sleep(world.trouble.uniform(0, 200))
    fail_over = world.database.begin_to_forget()
    if fail_over is not None:
        await asyncio.sleep(world.trouble.uniform(2, 60))
        fail_over()
        world.server_name = "second"
        world.counters["failed over"] += 1
        world.say("failed over")


async def _troubled(world: CrowdWorld, machine: Machine) -> list[Report]:
    rng, reports = world.trouble, []
    for number in range(LIVES):
        await asyncio.sleep(rng.uniform(0, 20 if number == 0 else 300))
        dies_at = rng.choice((rng.randint(1, 100), rng.randint(100, 1500), None))
        try:
            report = await world.live_on(machine, dies_at)
        except CutlistError as error:
            world.say(f"ended: {type(error).__name__}: {error}")
            world.counters[f"ended by {type(error).__name__}"] += 1
            continue
        if report is not None:
            reports.append(report)
            if report.exit_code == 0:
                world.counters["done in trouble"] += 1
    return reports


async def _settle_all(world: CrowdWorld) -> None:
    """All machines at once in calm, and then each until nothing is left to be decided."""
    for machine in world.machines:
        machine.write(world.kind, with_budget=False)
    lives = [asyncio.ensure_future(world.live_on(each)) for each in world.machines]
    ended = await asyncio.gather(*lives, return_exceptions=world.kind.fails_over)
    ended = [each for each in ended if isinstance(each, Report)]
    world.mistaken += _list_mistakes(world, ended)
    world.mistaken += _list_left_to_a_person(world)
    for machine in world.machines:
        await _settle(world, machine)


async def _settle(world: CrowdWorld, machine: Machine) -> None:
    """Apply, and decide as a person would, until nothing is left to be decided."""
    for _ in range(ROUNDS):
        try:
            report = await world.live_on(machine, options=PlanOptions(repay=True))
        except NeedsPerson as error:
            world.say(f"{error} {error.hint}")
            world.counters["told of what was lost"] += 1
            continue
        assert report is not None
        if report.exit_code == 0:
            return
        world.person.decide(world.open_machine(machine), report)
        await asyncio.sleep(60.0)
    failures = [str(each.error) for each in report.failures]
    raise AssertionError(
        f"stuck: {[step.reason for step in report.blocked]} {list(report.left.strays)} {failures}"
    )


async def _go_through_troubles_of_machines(world: CrowdWorld) -> None:
    """What was paid is had again for nothing: copies rot, outputs are lost, and a project that has
    no use for a result any more removes it.
    """
    billed = len(_list_billed(world))
    if world.kind.has_neighbour:
        await asyncio.sleep(20 * DAY_S)
        first = world.machines[0]
        first.forget("edit-0")
        for machine in world.machines[1:-1]:
            machine.forget("edit-0")
        for machine in world.machines:
            await _settle(world, machine)
        world.open_machine(first).gc(commits=0, delete=True)
        world.counters["gc"] += 1
    for machine in world.machines:
        copies = sorted((machine.root / ".cutlist/cache/objects").glob("??/*"))
        for copy in copies:
            copy.chmod(0o644)
            copy.write_bytes(copy.read_bytes()[:-1] + b"?")
            world.counters["rotten"] += 1
        if world.kind.has_neighbour:
            shutil.rmtree(machine.root / ".cutlist/cache")
        for output in machine.outputs():
            output.unlink()
        await _settle(world, machine)
    if len(_list_billed(world)) != billed:
        world.mistaken.append("what was paid was paid again")


# ------------------------------------------------------------------ the judge


def _list_billed(world: CrowdWorld) -> list[Mapping[str, object]]:
    return [task for task in world.server.bill()["tasks"] if task["billed_s"]]


def _list_projects(world: CrowdWorld) -> list[Machine]:
    """One machine of each project."""
    return list({machine.project: machine for machine in world.machines}.values())


def _list_stored(world: CrowdWorld) -> set[str]:
    """The tasks whose video is in the bucket."""
    results, _ = world.open_machine(world.machines[0]).store.read_all_results()
    return {result.task["task_id"] for each in results.values() for result in each}


def _read_attempts(world: CrowdWorld) -> list[Attempt]:
    return list(
        {
            each.id: each
            for machine in _list_projects(world)
            for each in attempts(world.open_machine(machine))
        }.values()
    )


def _read_books(world: CrowdWorld) -> Books:
    billed_s = {task["task_id"]: task["billed_s"] for task in world.server.bill()["tasks"]}
    entries, holdings = [], []
    for machine in _list_projects(world):
        with world.open_machine(machine)._workspace.open_for_reading() as ledger:
            assert ledger is not None
            entries += ledger.books.entries()
            holdings += ledger.books.holdings()
    return Books(entries, holdings, billed_s, (), _list_stored(world))


def _judge_books(world: CrowdWorld, *, final: bool = False) -> None:
    seen = _read_books(world)
    if world.kind.fails_over:  # what was lost is in no books
        return
    excused = set(seen.billed_s) if world.kind.edge else world.person.told
    world.miscounted += [*seen.faults(excused), *(seen.final_faults() if final else ())]


def _list_mistakes(world: CrowdWorld, reports: Iterable[Report]) -> Iterator[str]:
    """What was told of jobs at which somebody else was at work, and is not so: no result was ever
    lost here, and the ledger was sound.
    """
    for report in reports:
        for step in (*report.plan.steps, *report.left.steps):
            is_missed = "no longer in the store" in step.reason and not world.kind.hide_s
            if is_missed or "is lost" in step.reason:
                yield f"{step.name} was taken for lost: {step.reason}"
        for outcome in report.failures:
            error = outcome.error
            is_lost = isinstance(error, LedgerAway) or world.kind.fails_over
            if isinstance(error, LedgerError) and not is_lost:
                yield f"{outcome.step.name} failed at what another one did: {error}"


def _list_left_to_a_person(world: CrowdWorld) -> Iterator[str]:
    """Requests that nobody but a person can tell of, though their video is stored."""
    held = _list_stored(world)
    for attempt in _read_attempts(world):
        if attempt.state is State.UNDECIDED and attempt.task_id in held:
            yield f"{attempt.edit} is undecided, and its video is stored"


def _list_overdone(world: CrowdWorld) -> Iterator[str]:
    """More than a limit lets be: tasks of all machines at once, or what a day may cost."""
    tasks = world.server.tasks()
    if world.kind.most_running is not None:
        begins = [(task["submit_at"], 1) for task in tasks]
        ends = [(task["end_at"], -1) for task in tasks]
        running = most = 0
        for _, change in sorted([*begins, *ends]):
            running += change
            most = max(most, running)
        if most > world.kind.most_running:
            yield f"{most} tasks were at the service at once"
    if world.kind.has_budget:
        midnight = EPOCH + DAY_S
        billed_s = {task["task_id"]: task["billed_s"] for task in world.server.bill()["tasks"]}
        for begin, end in ((EPOCH, midnight), (midnight + LEAVES_WITHIN_S, midnight + DAY_S)):
            day = [task["task_id"] for task in tasks if begin <= task["submit_at"] < end]
            price = sum(billed_s.get(each, 0.0) for each in day) * PRICE_PER_S
            if price > find_budget():
                yield f"a day cost {price:.2f}"


def _judge(world: CrowdWorld) -> Verdict:
    """The server's bill against ledger, bucket and outputs."""
    _judge_books(world, final=True)
    verdict = Verdict(world)
    held = _list_stored(world)
    every = _read_attempts(world)
    states = Counter(each.state for each in every)
    world.counters["adopted"] += sum(each.adopted for each in every)
    world.counters["not sent"] += states[State.NOT_SENT]
    told = {each.task_id for each in every}
    billed = _list_billed(world)
    is_told = world.kind.edge or world.kind.fails_over
    excused = world.person.strays | world.person.forgotten if is_told else set()
    jobs = Counter(task["job_sha256"] for task in billed if task["task_id"] not in excused)
    verdict.paid_twice = sum(count - 1 for count in jobs.values())
    verdict.paid_twice += 0 if is_told else world.counters["stray"]
    if not world.kind.has_neighbour:  # there gc has removed what nobody names
        verdict.lost = sum(
            task["task_id"] not in held | told | world.person.told for task in billed
        )
    verdict.incomplete = sum(_count_incomplete(world, machine) for machine in world.machines)
    return verdict


def _count_incomplete(world: CrowdWorld, machine: Machine) -> int:
    """Outputs that are not there, or not whole."""
    resolved = world.open_machine(machine).run_pass().resolved
    digests = {name: each.result.digest for name, each in resolved.items() if each.result}
    return sum(
        not output.exists()
        or hash_file(output) not in world.films.digests
        or hash_file(output) != digests.get(output.stem)
        for output in machine.outputs()
    )
