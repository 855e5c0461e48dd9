"""Several machines at work at once: each has a clone, and lives that are killed, stand still or are
cut off; ledger and bucket are of all of them.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler import Project
from reconciler.apply.outcome import Report
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.config import Config, Variables
from reconciler.errors import CutlistError
from reconciler.formats.bucket_address import BucketAddress
from reconciler.formats.secret import Secret
from reconciler.service.network import Network, Reply
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.ledger.holders import LedgerUser
from reconciler.state.ledger.postgres import PostgresLedger
from tests.simulation.clocks import LifeClock, elapsed_s
from tests.simulation.crowd.bucket import BucketView, SharedBucket, tell_away
from tests.simulation.crowd.kinds import CrowdKind
from tests.simulation.crowd.ledgers import SharedDatabase, TroubledDatabase, open_shared
from tests.simulation.kinds import SETTLE_S
from tests.simulation.loop import PROCESS, Process
from tests.simulation.network import API_HOST, SUBMIT, Wire
from tests.simulation.world import World

DATABASE_URL = "postgresql://db.example/cutlist"
STORE_URL = "s3://films/cutlist?endpoint=https://bucket.example&region=eu-central-1"
PRICE_PER_S = 0.1
BILLED_S = 4.0  # of each edit here: a video of 2 s, and what is made of it
AWAY_S = (4.0, 30.0, 90.0, 400.0)
PATIENCE_S = 1500.0  # longer than it may stand still, and the request be on its way
CUT_OFF_FROM = ("ledger", "store", "service")


class Machine:
    """One clone, with the clock of the machine that it lies on."""

    def __init__(self, root: Path, project: str, error_s: float) -> None:
        self.root, self.project, self.error_s = root, project, error_s
        self.edits: list[str] = []

    def write(self, kind: CrowdKind, *, with_budget: bool) -> None:
        """The project file."""
        limits: dict[str, Any] = {"settle_s": int(SETTLE_S)}
        if kind.most_running is not None:
            limits["running_tasks"] = kind.most_running
        fields: dict[str, Any] = {
            "endpoint": f"https://{API_HOST}/api/v1", "realm": "live", "account": "studio",
            "ledger": DATABASE_URL, "store": STORE_URL, "limits": limits,
            "defaults": {
                "model": "wan2.7-videoedit", "parameters": {"resolution": "720P", "duration": 2},
            },
            "prices": {"currency": "USD", "models": {"wan2.7-videoedit": PRICE_PER_S}},
        }  # fmt: skip
        if with_budget:
            fields["budget"] = {"per_day": find_budget()}
        document = {
            "apiVersion": "cutlist/v1",
            "kind": "Project",
            "metadata": {"name": self.project},
            "spec": fields,
        }
        (self.root / "specs").mkdir(parents=True, exist_ok=True)
        (self.root / "cutlist.yaml").write_text(json.dumps(document))

    def edit(self, name: str, number: int) -> None:
        """An edit; those of one number are of one job."""
        document = {
            "apiVersion": "cutlist/v1",
            "kind": "Edit",
            "metadata": {"name": name},
            "spec": {
                "input": {
                    "prompt": f"prompt {number}",
                    "media": [{"type": "video", "url": f"https://clips.example/{number}.mp4"}],
                }
            },
        }
        (self.root / "specs" / f"{name}.yaml").write_text(json.dumps(document))
        self.edits.append(name)

    def forget(self, name: str) -> None:
        """An edit is not asked for any more."""
        (self.root / "specs" / f"{name}.yaml").unlink()
        self.edits.remove(name)

    def outputs(self) -> list[Path]:
        """What was put in place for its edits."""
        return [self.root / "renders" / f"{name}.mp4" for name in self.edits]


def find_budget() -> float:
    """What a day may cost in a crowd with a budget: three edits, and each machine asks for two."""
    return round(3.5 * BILLED_S * PRICE_PER_S, 4)


class Life(Process):
    """A process on a machine, with the times in which it does not reach something."""

    def __init__(self, world: CrowdWorld, dies_at: int | None, died: Callable[[], None]) -> None:
        super().__init__(dies_at, died)
        self.has_intended = False  # and nothing was waited for since
        self.is_patient = world.patience.random() < world.kind.patient_rate
        self._away: dict[str, tuple[float, float]] = {}
        rng = world.trouble
        if not world.calm and rng.random() < world.kind.cut_off_rate:
            what, after_s = rng.choice(CUT_OFF_FROM), rng.uniform(0, 300)
            self.cut_off(what, rng.choice(AWAY_S), after_s)

    def cut_off(self, what: str, for_s: float, after_s: float = 0.0) -> None:
        """It does not reach something for a while."""
        begin = elapsed_s() + after_s
        self._away[what] = (begin, begin + for_s)

    def reaches(self, what: str) -> bool:
        begin, end = self._away.get(what, (0.0, 0.0))
        return not begin <= elapsed_s() < end


class CrowdWorld(World):
    """One simulated run of several machines."""

    kind: CrowdKind

    def __init__(
        self,
        seed: int,
        folder: Path,
        kind: CrowdKind,
        database: Callable[[Path], SharedDatabase],
    ) -> None:
        super().__init__(seed, folder, kind)
        self.calm = False
        self.server_name = "first"  # of the ledger
        self.database = database(folder)
        self.patience = random.Random(seed + 10)
        hides = random.Random(seed + 7)
        self.bucket = SharedBucket(
            elapsed_s, lambda: 0.0 if self.calm else hides.uniform(0, kind.hide_s)
        )
        self.machines = self._make_machines()
        self._delay_requests()

    def _delay_requests(self) -> None:
        """Many a submit is delivered late, beside the usual trouble."""
        find_fault, delays = self.network._fault, random.Random(self.seed + 8)

        def find_more(request: httpx.Request) -> str:
            is_submit = request.method == "POST" and request.url.path == SUBMIT
            if is_submit and not self.calm and delays.random() < self.kind.delay_rate:
                return "late"
            return find_fault(request)

        self.network._fault = find_more  # type: ignore[method-assign]

    def _make_machines(self) -> list[Machine]:
        rng, count = self.rng, self.rng.choice((2, 2, 3, 4))
        wrong, edits = rng.randrange(count), rng.randint(2, 4)
        machines = []
        for number in range(count):
            error_s = rng.choice(self.kind.wrong_clock_s) if number == wrong else 0.0
            is_neighbour = self.kind.has_neighbour and number == count - 1
            project = "posters" if is_neighbour else "films"
            machine = Machine(self._folder / f"clone-{number}-0", project, error_s)
            machine.write(self.kind, with_budget=self.kind.has_budget)
            if self.kind.apart:
                for each in range(2):
                    machine.edit(f"own-{number}-{each}", 10 * number + each)
            elif is_neighbour:
                machine.edit("poster-0", 0)
                machine.edit("poster-9", 9)
            else:
                for each in range(edits):
                    machine.edit(f"edit-{each}", each)
            machines.append(machine)
        return machines

    # -------------------------------------------------------------- what a life works with

    def open_machine(self, machine: Machine, block: Any = None) -> Project:
        """The project of a machine, as the process that asks has it."""
        return Project.open(
            machine.root,
            variables=Variables(Secret("sk-mock")),
            clock=self._wind(machine),
            transport=CrowdWire(self),
            block=block or _run,
        )

    def _wind(self, machine: Machine) -> LifeClock:
        return LifeClock(self._chance, error_s=machine.error_s, jump_s=0.0, jump_at_s=0.0)

    def open_ledger(self, config: Config, id_: str, command: str, **_: Any) -> PostgresLedger:
        """In the place of `shared.open_ledger`."""
        return self._open_ledger(config.name, LedgerUser(id_, command, "a-machine"))

    def open_readonly(self, config: Config) -> PostgresLedger:
        """In the place of `shared.open_readonly`."""
        return self._open_ledger(config.name, None)

    def _open_ledger(self, project: str, me: LedgerUser | None) -> PostgresLedger:
        life = PROCESS.get()
        trouble = LedgerTrouble(self, life if isinstance(life, Life) else None)
        trouble.before()
        inner, close = self.database.connect(readonly=me is None)
        database = TroubledDatabase(inner, trouble, close, lambda: self.server_name)
        nobody = LedgerUser("", "", "")
        return open_shared(database, project, me or nobody, readonly=me is None)

    def open_bucket(self, address: BucketAddress) -> BucketView:
        """In the place of `StorageBucket`."""
        life = PROCESS.get()

        def trouble(kind: str, is_done: bool) -> None:
            self._step(write=kind != "read")
            if not isinstance(life, Life) or self.calm:
                return
            if not life.reaches("store") or self.trouble.random() < self.kind.bucket_rate:
                self.counters[f"bucket: {kind}{', answer lost' if is_done else ''}"] += 1
                raise tell_away(address)

        return BucketView(address, self.bucket, trouble)

    def fsync(self, handle: int) -> None:
        self._step(write=True)

    # -------------------------------------------------------------- lives

    async def live_on(
        self, machine: Machine, dies_at: int | None = None, **settings: Any
    ) -> Report | None:
        """One apply on a machine, perhaps cut short: None when it was killed."""
        self.lives += 1
        died = asyncio.Event()

        def die() -> None:
            self.say("killed")
            self.counters["killed"] += 1
            died.set()
            left = machine.root.with_name(f"{machine.root.name.rpartition('-')[0]}-{self.lives}k")
            shutil.copytree(machine.root, left)  # where the dead have no handles
            machine.root = left

        life = Life(self, dies_at, die)
        self.processes.append(life)

        async def block(function: Any, *args: Any) -> Any:
            life.step(write=True)
            life.has_intended = False
            if not self.calm and self._pauses.random() < 0.05:
                self.counters["late"] += 1
                await asyncio.sleep(self._pauses.uniform(0, 20))
            result = function(*args)
            life.step(write=True)
            if life.has_intended and self._pauses.random() < self.kind.pause_rate:
                await self.pause(life, "paused")
            return result

        async def apply() -> Report:
            project = self.open_machine(machine, block)
            hooks = ApplyHooks(observe=self._event, tell=self._told)
            return await project.apply_async(ApplyRequest(**settings), hooks)

        token = PROCESS.set(life)
        task = asyncio.get_running_loop().create_task(apply())
        PROCESS.reset(token)
        end = asyncio.ensure_future(died.wait())
        await asyncio.wait([task, end], return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        return None if life.dead else task.result()

    async def pause(self, life: Life, what: str) -> None:
        """The machine stops a life for a while."""
        if self.calm:
            return
        self.counters[what] += 1
        life.stand_still(self._pauses.uniform(0, self.kind.pause_s))
        await asyncio.sleep(0)

    def calm_down(self) -> None:
        """No more trouble."""
        self.calm = True
        self.network.calm_down()


class LedgerTrouble:
    """What happens to a life at the ledger; nothing to who is none, and judges."""

    def __init__(self, world: CrowdWorld, life: Life | None) -> None:
        self._world, self._life = world, life

    def before(self) -> None:
        life, world = self._life, self._world
        if life is None:
            return
        life.step(write=True)
        if not world.calm and not life.reaches("ledger"):
            world.counters["ledger away"] += 1
            raise _tell_away()

    def at_commit(self, *, is_intent: bool) -> None:
        life, world = self._life, self._world
        if life is None or world.calm or not is_intent:
            return
        if world.trouble.random() < world.kind.lost_intent_rate:
            world.counters["commit did not arrive"] += 1
            life.cut_off("ledger", world.trouble.choice(AWAY_S))
            raise _tell_away()

    def after(self, *, is_intent: bool) -> None:
        life, world = self._life, self._world
        if life is None:
            return
        life.step(write=True)
        life.has_intended = life.has_intended or is_intent
        if not world.calm and world.trouble.random() < world.kind.lost_commit_rate:
            world.counters["commit lost" if not is_intent else "commit of an intent lost"] += 1
            raise _tell_away()


def wait_patiently(patch: pytest.MonkeyPatch) -> None:
    """A patient life waits for the answer to a submit however late it is, so that the answer may
    come after others have settled the request.
    """
    ask = Network.ask

    async def ask_patiently(
        self: Network, method: str, url: str, *, within_s: float, **content: Any
    ) -> Reply:
        life = PROCESS.get()
        if method == "POST" and isinstance(life, Life) and life.is_patient:
            within_s = PATIENCE_S
        return await ask(self, method, url, within_s=within_s, **content)

    patch.setattr(Network, "ask", ask_patiently)


def _tell_away() -> CutlistError:
    return LedgerAway("the ledger at db.example cannot be reached (it is cut off).")


class CrowdWire(Wire):
    """The way of a life to the network."""

    def __init__(self, world: CrowdWorld) -> None:
        super().__init__(world.network)
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        life, world = PROCESS.get(), self._world
        if isinstance(life, Life) and not world.calm:
            if not life.reaches("service"):
                world.counters["service away"] += 1
                raise httpx.ConnectError("cut off", request=request)
            sends = request.method == "POST" and request.url.path == SUBMIT
            if sends and world._pauses.random() < world.kind.on_the_way_rate:
                await world.pause(life, "paused on the way")
        return await super().handle_async_request(request)


async def _run(function: Any, *args: Any) -> Any:
    return function(*args)
