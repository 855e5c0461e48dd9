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

import httpx

from mockserver import MockServer
from mockserver.digest import canonical, sha256
from mockserver.media import Probe
from reconciler import Project
from reconciler.apply.events import Block
from reconciler.apply.outcome import Report
from reconciler.config import Environment, Secret
from reconciler.files import sha256_file
from reconciler.plan.diff import Options
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Attempt, State
from tests.e2e.bench import write_video
from tests.simulation.disk import LEDGER, Disk
from tests.simulation.loop import PROCESS, Process
from tests.simulation.wire import Body, dispatch

EPOCH = 1_767_225_600.0
HOST = "sim.example"
SUBMIT = "/api/v1/services/aigc/video-generation/video-synthesis"
HOUR = 3600.0
KILLS = 4  # lives that may end too early
MEMORY = "/dev/shm"  # where there is none, the simulation is slower
KINDS: dict[str, dict[str, Any]] = {  # what the worlds of seeds 0, 1, 2 … are like, in turn
    "plain": {},
    "late": {"late_s": 600.0},
    "days": {"day_rate": 0.3},
    "rivals": {"rivals": True},
    "rot": {"rot_rate": 0.3},
    "colleague": {"colleague_rate": 0.8, "fault_rate": 0.25},
    "changes": {"change_rate": 0.6},
}
FAULTS = ("reset_before", "reset_after", "429", "500_before", "500_after", "slow", "late")
FILM_FAULTS = ("cut", "corrupt")
POLL_FAULTS = ("unknown",)


@cache
def _clip(frames: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_video(Path(folder) / "clip.mp4", frames / 30, 16, 16).read_bytes()


class ReadyMade:
    """Films are small clips made once, told apart by a box that players skip."""

    def __init__(self) -> None:
        self.digests: set[str] = set()  # of every film ever made

    def probe(self, path: Path, kind: str) -> Probe:
        raise AssertionError("nothing is uploaded in the simulation but through edit://")

    def render(self, plan: Any, medium: Any, target: Path) -> None:
        look = plan.look.encode()
        film = _clip(plan.frames) + struct.pack(">I4s", 8 + len(look), b"free") + look
        self.digests.add(hashlib.sha256(film).hexdigest())
        target.write_bytes(film)


class SimClock:
    """Time of the virtual loop, and chance from the seed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._ahead = 0.0

    def now(self) -> float:
        return EPOCH + self.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def random(self) -> float:
        return self._rng.random()

    def new_id(self) -> str:
        return f"{self._rng.getrandbits(64):016x}"


def faults_of(request: httpx.Request) -> tuple[str, ...]:
    """The faults that a request can meet."""
    if request.url.path.endswith(".mp4"):
        return FAULTS + FILM_FAULTS * 2
    return (
        FAULTS + POLL_FAULTS
        if request.method == "GET" and "/tasks/" in request.url.path
        else FAULTS
    )


CHANGED = ", slower"  # what changes in a prompt
THEIRS = {
    "model": "wan2.7-videoedit",
    "input": {
        "prompt": "theirs",
        "media": [{"type": "video", "url": "https://clips.example/theirs.mp4"}],
    },
    "parameters": {},
}  # what somebody else asks of the same account


class World:
    """One simulated run: a project, a service, a network with seeded faults, and lives that end too
    early.
    """

    def __init__(
        self,
        seed: int,
        folder: Path,
        *,
        fault_rate: float = 0.15,
        cut_rate: float = 0.4,
        rot_rate: float = 0.0,
        colleague_rate: float = 0.0,
        late_s: float = 60.0,
        day_rate: float = 0.0,
        change_rate: float = 0.0,
        rivals: bool = False,
    ) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.fault_rate, self.late_s, self.day_rate = fault_rate, late_s, day_rate
        self.rivals, self.change_rate = rivals, change_rate
        self.cut_rate, self.rot_rate = (
            cut_rate,
            rot_rate,
        )  # of deaths that are power cuts; of lives after which a blob rots
        self.trace: list[str] = []
        self.counters: Counter[str] = Counter()
        self.trouble = random.Random(-1 - seed)  # of disks, apart from that of the network
        self.clock = SimClock(random.Random(seed + 1))
        self.films = ReadyMade()
        self.server = MockServer(
            clock=self.clock,
            renderer=self.films,
            task_seconds=(30.0, 400.0),
            seed=seed,
            run_blocking=inline,
            public_url=f"https://{HOST}",
        )
        self.app = self.server.app
        self.app.freeze()
        self.calm = False
        # of troubled submits beside which somebody else uses the account
        self.colleague_rate = colleague_rate
        self.prompts: dict[str, str] = {}  # of our tasks, by id, as the vendor's console shows them
        # by path of a task: the service does not know it for a while
        self.forgets_until: dict[str, float] = {}
        self.away = False  # for more than a day, some time
        self.strays: set[str] = set()  # task ids that were reported as strays
        self.rotten: set[str] = set()  # digests of blobs that went bad by themselves
        self.incomplete = 0  # visible files that were not whole, at any time
        self.forgotten = 0  # results that the ledger said were safe, and that a power cut took
        self.miscounted: list[str] = []  # what was wrong with the ledger's books, at any time
        self.lives = 0
        self.processes: list[Process] = []
        self._folder = folder
        self.disk = Disk(folder / "disk-0")
        self._disks = 0

    # -------------------------------------------------------------- the network

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Carry a request to the server and its answer back, with what the seed holds in store."""
        await request.aread()
        self._step()
        fault = (
            ""
            if self.calm or self.rng.random() > self.fault_rate
            else self.rng.choice(faults_of(request))
        )
        there, back = self.rng.uniform(0.02, 0.4), self.rng.uniform(0.02, 0.4)
        if fault == "slow":
            back += self.rng.uniform(1, 90)
        if fault == "late":
            there += self.rng.uniform(1, self.late_s)
        if fault:
            self.say("network", request.method, request.url.path, fault)
            self.counters[fault] += 1
            if request.method == "POST" and self.rng.random() < self.colleague_rate:
                await self._colleague()
        refused = self._turned_away(request, fault)
        if refused is not None:
            return refused
        limit = request.extensions["timeout"]["read"]
        server = self._beside(self._served(request, there))
        try:
            async with asyncio.timeout(limit):
                status, headers, body = await asyncio.shield(server)
                await asyncio.sleep(back)
        except TimeoutError:
            raise httpx.ReadTimeout("no answer", request=request) from None
        if fault == "reset_after":
            raise httpx.ReadError("reset", request=request)
        if fault == "500_after":
            return httpx.Response(500, json={"code": "InternalError", "message": "after"})
        headers = {
            name: value for name, value in headers.items() if name.lower() != "transfer-encoding"
        }
        if request.url.path.endswith(".mp4"):
            return self._film(status, headers, body, fault)
        return httpx.Response(status, headers=headers, content=body)

    async def _colleague(self) -> None:
        """Somebody else submits for the same account and model."""
        self.counters["colleague"] += 1
        headers = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable"}
        request = httpx.Request("POST", f"https://{HOST}{SUBMIT}", json=THEIRS, headers=headers)
        await request.aread()
        await self._beside(dispatch(self.app, request))

    @property
    def foreign(self) -> set[str]:
        """The tasks of somebody else, by the server's bill: also one that was sent as the program
        was killed.
        """
        job = sha256(canonical(THEIRS))
        return {
            task["task_id"] for task in self.server.bill()["tasks"] if task["job_sha256"] == job
        }

    def _turned_away(self, request: httpx.Request, fault: str) -> httpx.Response | None:
        """What happens to a request that does not reach the tasks; None when it does."""
        path, now = request.url.path, self.clock.monotonic()
        if fault == "unknown":
            self.forgets_until[path] = now + self.rng.uniform(10, 1200)
        if not self.calm and request.method == "GET" and now < self.forgets_until.get(path, 0.0):
            output = {"task_id": path.rpartition("/")[2], "task_status": "UNKNOWN"}
            return httpx.Response(200, json={"request_id": "", "output": output})
        if fault == "429":
            return httpx.Response(
                429,
                json={"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded"},
            )
        if fault == "500_before":
            return httpx.Response(500, json={"code": "InternalError", "message": "before"})
        if fault == "reset_before":
            raise httpx.ReadError("reset", request=request)
        return None

    def _film(
        self, status: int, headers: dict[str, str], body: bytes, fault: str
    ) -> httpx.Response:
        if fault == "cut":
            if self.rng.random() < 0.5:
                headers = {
                    name: value for name, value in headers.items() if name != "Content-Length"
                }
            return httpx.Response(
                status,
                headers=headers,
                stream=Body(body[: len(body) // 3], self.rng.random() < 0.5),
            )
        if fault == "corrupt":
            return httpx.Response(status, headers=headers, stream=Body(bytes(len(body)), False))
        return httpx.Response(status, headers=headers, stream=Body(body, False))

    async def _served(
        self, request: httpx.Request, delay_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        await asyncio.sleep(delay_s)
        status, headers, body = await dispatch(self.app, request)
        if request.method == "POST" and status == 200 and request.url.path == SUBMIT:
            self.prompts[json.loads(body)["output"]["task_id"]] = json.loads(request.content)[
                "input"
            ]["prompt"]
        return status, headers, body

    def _beside(self, coroutine: Any) -> asyncio.Task[Any]:
        """The server's own task: killing the client must not kill the server half-way."""
        token = PROCESS.set(None)
        try:
            return asyncio.get_running_loop().create_task(coroutine)
        finally:
            PROCESS.reset(token)

    def say(self, *words: Any) -> None:
        self.trace.append(f"{self.clock.monotonic():.3f} {' '.join(map(str, words))}")

    # -------------------------------------------------------------- lives

    async def settled(self) -> None:
        """Apply, and decide as a person would, until nothing is left to be decided."""
        for _ in range(12):
            report = await self.live(None, options=Options(repay=True))
            assert report is not None
            if report.exit_code == 0:
                return
            self._decide(open_project(self), report)
            await asyncio.sleep(60.0)
        raise AssertionError(
            f"stuck: {[step.reason for step in report.blocked]} {list(report.left.strays)}"
        )

    def _decide(self, project: Project, report: Report) -> None:
        """A person who has the vendor's console at hand: adopts the task that is it, lets strays
        be.
        """
        for stray in report.left.strays:
            self.counters["stray"] += 1
            self.strays.add(stray.task_id)
            project.decide(stray.task_id)
        for step in report.blocked:
            if step.needs_person and step.attempt_id and "not certain" in step.reason:
                self.counters["undecided"] += 1
                candidates = [
                    word.strip(",.")
                    for detail in step.details
                    for word in detail.split()
                    if "-" in word
                ]
                prompt = json.loads((self.disk.root / "specs" / f"{step.name}.yaml").read_text())[
                    "spec"
                ]["input"]["prompt"]
                mine = [each for each in candidates if self.prompts.get(each) == prompt]
                # the service has forgotten it: whoever says --retry now pays again, and knows it
                if not mine:
                    self.strays |= self.prompts.keys() - known_tasks(project)
                command = step.details[-1].split()  # … cutlist resolve EDIT --adopt …
                project.decide(
                    command[command.index("resolve") + 1],
                    adopt=mine[0] if mine else None,
                    retry=not mine,
                )
                return  # one decision at a time: two edits may share one request
        for orphan in report.left.undecided:
            self.counters["undecided"] += 1
            project.decide(orphan.key)

    async def live(
        self, dies_at: int | None, *, writing: bool = False, **settings: Any
    ) -> Report | None:
        """One apply, perhaps cut short. None when it was killed; the disk is then what that leaves."""
        self.lives += 1
        process = Process(dies_at, self._died, writing=writing)
        self.processes.append(process)

        async def block(function: Any, *args: Any) -> Any:
            process.step(write=True)
            result = function(*args)
            process.step(write=True)
            return result

        async def apply() -> Report:
            project = open_project(self, block)
            return await project.apply_async(observer=self._event, tell=self._told, **settings)

        token = PROCESS.set(process)
        task = asyncio.get_running_loop().create_task(apply())
        PROCESS.reset(token)
        await asyncio.wait([task])
        return None if process.dead else task.result()

    def _died(self) -> None:
        """The disk is what it was at this moment, whatever the unwinding of the dead still does to
        the one they had.
        """
        self.say("killed")
        self.counters["killed"] += 1
        self.next_disk(cut=self.trouble.random() < self.cut_rate)

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
        blobs = sorted((open_project(self).store.folder / "blobs").glob("*/*"))
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
        path = self.disk.root / "specs" / "edit-0.yaml"
        manifest = json.loads(path.read_text())
        asked = manifest["spec"]["input"]
        prompt = asked["prompt"]
        asked["prompt"] = (
            prompt.removesuffix(CHANGED) if prompt.endswith(CHANGED) else prompt + CHANGED
        )
        path.write_text(json.dumps(manifest))
        self.disk.settle()
        self.counters["changed"] += 1
        self.say("changed", asked["prompt"])

    def look_over(self) -> None:
        """A person has every blob read again, and what is bad moved aside."""
        damages = open_project(self).verify(read_data=True, repair=True)
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
        if event.phase.value == "settling":
            self.counters["settled"] += 1


async def inline(function: Any, *args: Any) -> Any:
    """Synchronous code, run at once."""
    return function(*args)


class Wire(httpx.AsyncBaseTransport):
    """httpx straight into the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._world.handle(request)


def open_project(world: World, block: Block = inline) -> Project:
    """The project of a run, on the run's disk, time and network."""
    return Project.open(
        world.disk.root,
        env=Environment(Secret("sk-mock")),
        clock=world.clock,
        transport=Wire(world),
        block=block,
    )


def write_project(root: Path, rng: random.Random) -> list[str]:
    """A few edits: some alike, a chain, both models. Returns their names."""
    (root / "specs").mkdir(parents=True)
    fields = {
        "endpoint": f"https://{HOST}/api/v1", "realm": "live", "account": "studio",
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
        media = [{"type": "video", "url": f"https://clips.example/{0 if same else number}.mp4"}]
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
    root, wrong = world.disk.root, 0
    for blob in (open_project(world).store.folder / "blobs").glob("*/*"):
        digest = sha256_file(blob)
        wrong += blob.name not in world.rotten and (
            digest != blob.name or digest not in world.films.digests
        )
    outputs = (path for path in (root / "renders").rglob("*") if not path.name.startswith("."))
    return wrong + sum(sha256_file(path) not in world.films.digests for path in outputs)


def forgotten(world: World) -> int:
    """Results that the ledger says are safe, and that are not in the store."""
    project = open_project(world)
    results, _ = project.store.results()
    safe = {
        attempt.key
        for attempt in attempts(project)
        if attempt.state is State.SUCCEEDED and attempt.key not in results
    }
    return 0 if world.rotten else len(safe)


def attempts(project: Project) -> list[Attempt]:
    """Every attempt that the ledger knows."""
    ledger = Ledger.open_readonly(project.config.state_dir / LEDGER)
    if ledger is None:
        return []
    try:
        return [
            each
            for history in ledger.history(now=project.clock.now()).values()
            for each in history.attempts
        ]
    finally:
        ledger.close()


def known_tasks(project: Project) -> set[str]:
    """Every task id that the ledger has linked to an attempt."""
    return {attempt.task_id for attempt in attempts(project) if attempt.task_id}
