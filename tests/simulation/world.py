"""The whole reconciler and the whole server in one process on virtual time: no sockets, no threads,
seeded trouble.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import struct
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from mockserver import MockServer
from mockserver.media.renderer import Probe
from reconciler import Project
from reconciler.apply.events import RunBlocking
from reconciler.apply.outcome import Report
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.apply.rivals import THEIRS
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from reconciler.plan.decide import PlanOptions
from reconciler.state.observed import Attempt, State
from reconciler.system.files import hash_file
from tests.e2e.bench import write_video
from tests.simulation.clocks import LifeClock, ServiceClock, elapsed_s
from tests.simulation.disk import Disk
from tests.simulation.kinds import SETTLE_S, Kind
from tests.simulation.loop import PROCESS, Process
from tests.simulation.network import API_HOST, OURS_WAIT, WAITS, Network, Wire
from tests.simulation.person import Person

KILLS = 4  # lives that may end too early
ROUNDS = 12  # of a person's decisions, until nothing is left to be decided
MEMORY = "/dev/shm"  # where there is none, the simulation is slower
CHANGED = ", slower"  # what changes in a prompt
PAUSE_RATE = 0.15  # of the writes of lives that share a ledger
OTHER = "other"  # an environment


@cache
def get_clip(frames: int, side_px: int = 16) -> bytes:
    """A small video."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        return write_video(path, frames / 30, side_px, side_px).read_bytes()


class ReadyMade:
    """Films are small clips made once, told apart by a box that players skip."""

    def __init__(self) -> None:
        self.digests: set[str] = set()  # of every film ever made

    def probe(self, path: Path, kind: str) -> Probe:
        return Probe(kind, "mp4", 256, 256, 2.0, size_bytes=path.stat().st_size)

    def render(self, plan: Any, medium: Any, target: Path) -> None:
        look = plan.look.encode()
        film = get_clip(plan.frames) + struct.pack(">I4s", 8 + len(look), b"free") + look
        self.digests.add(hashlib.sha256(film).hexdigest())
        target.write_bytes(film)


class World:
    """One simulated run: a project, a service, a network with seeded faults, and lives that end too
    early.
    """

    def __init__(self, seed: int, folder: Path, kind: Kind) -> None:
        self.seed, self.kind = seed, kind
        self.rng = random.Random(seed)
        self.trace: list[str] = []
        self.counters: Counter[str] = Counter()
        self.trouble = random.Random(-1 - seed)  # of disks, apart from that of the network
        self._chance = random.Random(seed + 1)  # what the program itself draws
        self._errors = random.Random(seed + 4)  # of the clocks of lives
        self._wishes = random.Random(seed + 5)  # of lives: whether they cancel, and where they are
        self._pauses = random.Random(seed + 6)  # of lives that share a ledger
        self.shares = False  # whether lives work at once at the moment
        self.mistaken: list[str] = []  # what a life took another one's doing for
        self.environment: str | None = None  # of the life that goes on
        self.cancels: list[tuple[str, str | None]] = []  # tasks to be cancelled, and where
        self.films = ReadyMade()
        self.server = MockServer(
            clock=ServiceClock(),
            renderer=self.films,
            task_seconds=(30.0, 400.0),
            seed=seed,
            run_blocking=inline,
            public_url=f"https://{API_HOST}",
            scenarios=[WAITS] * bool(kind.crowd_rate) + [OURS_WAIT] * kind.environments,
        )
        self.server.app.freeze()
        self.network = Network(
            kind,
            seed,
            self.server,
            rng=self.rng,
            step=self._step,
            say=self.say,
            counters=self.counters,
        )
        self.clock = self._wind_clock()
        self.person = Person(self.network, self.counters)
        self.away = False  # for more than a day, some time
        self.rotten: set[str] = set()  # digests of blobs that went bad by themselves
        self.incomplete = 0  # visible files that were not whole, at any time
        self.forgotten = 0  # results that the ledger said were safe, and that a power cut took
        self.miscounted: list[str] = []  # what was wrong with the ledger's books, at any time
        self.lives = 0
        self.processes: list[Process] = []
        self._folder = folder
        self.disk = Disk(folder / "disk-0")
        self._disks = 0

    def _wind_clock(self) -> LifeClock:
        """The clock of the machine of one life, as wrong as the kind of the world lets it be."""
        error_s = self._errors.choice(self.kind.clock_errors_s)
        jumps = self._errors.random() < self.kind.jump_rate
        jump_s = self._errors.choice(self.kind.clock_errors_s) - error_s if jumps else 0.0
        if error_s or jump_s:
            self.counters["wrong clock"] += bool(error_s)
            self.counters["clock set"] += bool(jump_s)
            self.say(f"a clock that is {error_s:+g} s off, and then {jump_s:+g} s more")
        return LifeClock(
            self._chance,
            error_s=error_s,
            jump_s=jump_s,
            jump_at_s=elapsed_s() + self._errors.uniform(0, 300),
        )

    def say(self, *words: Any) -> None:
        self.trace.append(f"{elapsed_s():.3f} {' '.join(map(str, words))}")

    # -------------------------------------------------------------- lives

    def open_project(
        self, block: RunBlocking | None = None, environment: str | None = None
    ) -> Project:
        """The project of the run, on the run's disk, time and network."""
        return Project.open(
            self.disk.root,
            variables=Variables(Secret("sk-mock")),
            environment=environment,
            clock=self.clock,
            transport=Wire(self.network),
            block=block or inline,
        )

    async def settled(self) -> None:
        """Apply, and decide as a person would, until nothing is left to be decided."""
        for _ in range(ROUNDS):
            report = await self.live(None, options=PlanOptions(repay=True))
            assert report is not None
            if report.exit_code == 0:
                return
            self.person.decide(self.open_project(), report)
            await asyncio.sleep(60.0)
        raise AssertionError(
            f"stuck: {[step.reason for step in report.blocked]} {list(report.left.strays)}"
        )

    async def live(
        self, dies_at: int | None, *, writing: bool = False, **settings: Any
    ) -> Report | None:
        """One apply, perhaps cut short. None when it was killed; the disk is then what
        that leaves.
        """
        self.lives += 1
        self.clock = self._wind_clock()
        cancels = self._wishes.random() < self.kind.cancel_rate
        is_away = dies_at is not None and self._wishes.random() < 0.3
        self.environment = OTHER if self.kind.environments and is_away else None
        died = asyncio.Event()

        def die() -> None:
            died.set()
            self._died()

        process = Process(dies_at, die, writing=writing)
        self.processes.append(process)

        async def block(function: Any, *args: Any) -> Any:
            process.step(write=True)
            result = function(*args)
            process.step(write=True)
            if self.shares and self._pauses.random() < PAUSE_RATE:
                self.counters["paused"] += 1
                await asyncio.sleep(self._pauses.uniform(0, self.kind.pause_s))
            return result

        async def apply() -> Report:
            project = self.open_project(block, self.environment)
            hooks = ApplyHooks(observe=self._event, tell=self._told)
            request = ApplyRequest(cancel_obsolete=cancels, **settings)
            return await project.apply_async(request, hooks)

        token = PROCESS.set(process)
        task = asyncio.get_running_loop().create_task(apply())
        PROCESS.reset(token)
        end = asyncio.ensure_future(died.wait())
        await asyncio.wait([task, end], return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        return None if process.dead else task.result()

    def _died(self) -> None:
        """The disk is what it was at this moment, whatever the unwinding of the dead still does to
        the one they had.
        """
        self.say("killed")
        self.counters["killed"] += 1
        self.next_disk(cut=self.trouble.random() < self.kind.cut_rate)

    def next_disk(self, *, cut: bool) -> None:
        """The living get a disk that the dead have no handles of; after a power cut without what
        was not durable.
        """
        self._disks += 1
        target = self._folder / f"disk-{self._disks}"
        before = self.disk
        self.disk = (
            before.after_power_cut(target, self.trouble) if cut else before.after_kill(target)
        )
        before.close()
        if cut:
            self.counters["power cut"] += 1
            self.counters.update(
                {f"cut took {what}": count for what, count in self.disk.lost.items()}
            )
            self.say("power cut", *sorted(self.disk.lost.items()))
            self.forgotten += forgotten(self)
        self.incomplete += incomplete(self)

    def rot(self) -> None:
        """A blob goes bad on the disk, where nobody looks."""
        blobs = sorted((self.open_project().store.folder / "blobs").glob("*/*"))
        if blobs:
            blob = self.trouble.choice(blobs)
            data = bytearray(blob.read_bytes())
            data[self.trouble.randrange(len(data))] ^= 1 << self.trouble.randrange(8)
            blob.chmod(0o644)
            blob.write_bytes(data)
            self.disk.settle()
            self.rotten.add(blob.name)
            self.counters["rotten"] += 1
            self.say("rotten", blob.name)

    def change(self) -> None:
        """Somebody asks for something else, or for what was asked before."""
        changed = "*" if self.kind.environments else "edit-0"
        for path in sorted((self.disk.root / "specs").glob(f"{changed}.yaml")):
            manifest = json.loads(path.read_text())
            asked = manifest["spec"]["input"]
            prompt = asked["prompt"]
            asked["prompt"] = (
                prompt.removesuffix(CHANGED) if prompt.endswith(CHANGED) else prompt + CHANGED
            )
            path.write_text(json.dumps(manifest))
            self.say("changed", asked["prompt"])
        self.disk.settle()
        self.counters["changed"] += 1

    def look_over(self) -> None:
        """A person has every blob read again, and what is bad moved aside."""
        damages = self.open_project().verify(read_data=True, repair=True)
        self.counters["quarantined"] += sum(path is not None for path, _ in damages)
        for _, words in damages:
            self.say(words)

    def _step(self, *, write: bool = False) -> None:
        process = PROCESS.get()
        if process is not None:
            process.step(write=write)

    def fsync(self, handle: int) -> None:
        """In the place of os.fsync: a process may die before it and after it, and a power cut knows
        of it.
        """
        self._step(write=True)
        self.disk.fsync(handle)
        self._step(write=True)

    def _told(self, text: str) -> None:
        self.say(text)
        self.counters["recovered"] += 1

    def _event(self, event: Any) -> None:
        if event.phase.value != "fetching":
            self.say(event.name, event.phase.value, event.note or event.task_id)
        self.counters["followed"] += event.note == THEIRS
        if event.phase.value in ("settling", "cancelled"):
            self.counters[event.phase.value] += 1


async def inline(function: Any, *args: Any) -> Any:
    """Synchronous code, run at once."""
    return function(*args)


def write_project(root: Path, rng: random.Random, *, uploads: bool) -> list[str]:
    """A few edits: some alike, both models, with `uploads` some of local files. Returns their
    names.
    """
    (root / "specs").mkdir(parents=True)
    fields = {
        "endpoint": f"https://{API_HOST}/api/v1", "realm": "live", "account": "studio",
        "limits": {"settle_s": int(SETTLE_S)},
        "environments": {OTHER: {"parameters": {"seed": 7}}},
        "defaults": {"model": "wan2.7-videoedit", "parameters": {"resolution": "720P"}},
    }  # fmt: skip
    (root / "cutlist.yaml").write_text(
        json.dumps({"apiVersion": "cutlist/v1", "kind": "Project", "spec": fields})
    )
    names = []

    def edit(name: str, **spec: Any) -> None:
        names.append(name)
        manifest = {
            "apiVersion": "cutlist/v1",
            "kind": "Edit",
            "metadata": {"name": name},
            "spec": spec,
        }
        (root / "specs" / f"{name}.yaml").write_text(json.dumps(manifest))

    count = rng.randint(2, 4)
    for number in range(count):
        same = rng.random() < 0.15
        prompt = "the same" if same else f"prompt {number}"
        url = f"https://clips.example/{0 if same else number}.mp4"
        if uploads and not same:
            url = f"./clip-{number}.mp4"
            (root / "specs" / url).write_bytes(
                get_clip(60, 256) + struct.pack(">I4sI", 12, b"free", number)
            )
        media = [{"type": "video", "url": url}]
        edit(f"edit-{number}", input={"prompt": prompt, "media": media})
    if rng.random() < 0.5:
        wide = {
            "function": "video_outpainting",
            "prompt": "wide",
            "video_url": "https://clips.example/v.mp4",
        }
        edit("vace", model="wan2.1-vace-plus", input=wide)
    return names


# ------------------------------------------------------------------ what is on its disk


def incomplete(world: World) -> int:
    """Visible files that are not the whole of a film."""
    project, wrong = world.open_project(), 0
    for blob in (project.store.folder / "blobs").glob("*/*"):
        digest = hash_file(blob)
        wrong += blob.name not in world.rotten and (
            digest != blob.name or digest not in world.films.digests
        )
    files = (path for path in (project.config.root / "renders").rglob("*") if path.is_file())
    outputs = (path for path in files if not path.name.startswith("."))
    return wrong + sum(hash_file(path) not in world.films.digests for path in outputs)


def forgotten(world: World) -> int:
    """Results that the ledger says are safe, and that are not in the store."""
    project = world.open_project()
    results, _ = project.store.read_all_results()
    safe = {
        attempt.key
        for attempt in attempts(project)
        if attempt.state is State.SUCCEEDED and attempt.key not in results
    }
    return 0 if world.rotten else len(safe)


def attempts(project: Project) -> list[Attempt]:
    """Every attempt that the ledger knows."""
    with project._workspace.open_for_reading() as ledger:
        if ledger is None:
            return []
        return [
            each
            for history in ledger.read_whole_history(now=project.clock.now()).values()
            for each in history.attempts
        ]
