"""A project, a server in a process of its own, and the judge of what they came to."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import signal
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from reconciler import Project
from reconciler.config import Variables
from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret
from reconciler.history.spending import add_up
from reconciler.state.ledger import SqliteLedger
from reconciler.state.observed import OPEN
from tests.cli.processes import MAIN, PATIENCE_S, environment
from tests.e2e.bench import write_video
from tests.e2e.shots import describe_drive, describe_shot
from tests.nursery import Child, get_nursery

SERVER_MAIN = "tests.crash.server:serve"
VICTIM_MAIN = "tests.crash.victim:main"


class Server:
    """The server's process. Its state and its port outlive it."""

    def __init__(self, state: Path, task_seconds: tuple[float, float] = (0.05, 0.3)) -> None:
        self._state = state
        self._task_seconds = task_seconds
        self._process: Child | None = None
        self.url = ""

    def start(self) -> None:
        """Start it, at the port it had before if it had one."""
        port = self.url.rpartition(":")[2].partition("/")[0] or "0"
        words = ["--state", str(self._state), "--port", port]
        words += ["--task-seconds", *map(str, self._task_seconds)]
        self._process = get_nursery().start(SERVER_MAIN, words, env=environment(), stderr=None)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[-1]

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it; by default without a word."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.communicate(timeout=PATIENCE_S)
            self._process = None

    def signal(self, which: signal.Signals) -> None:
        """Pause it, or let it go on."""
        assert self._process is not None
        self._process.send_signal(which)

    def ask(
        self, path: str, method: str = "GET", order: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """An answer of its controls; `order` is what it is told to do."""
        address = self.url.replace("/api/v1", f"/_mock/{path}")
        body = None if order is None else json.dumps(order).encode()
        with urllib.request.urlopen(
            urllib.request.Request(address, body, method=method), timeout=PATIENCE_S
        ) as answer:
            document: dict[str, Any] = json.loads(answer.read())
            return document

    def billed(self) -> list[dict[str, Any]]:
        """Every task that costs something."""
        return [task for task in self.ask("bill")["tasks"] if task["billed_s"]]

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(signal.SIGTERM)


class Scene:
    """A project in the live realm of a server, which tests write edits into."""

    def __init__(self, root: Path, server: Server, **spec: Any) -> None:
        self.root = root
        self.server = server
        self._numbers = itertools.count(1)
        self.state_dir = root / ".cutlist/live"
        (root / "specs").mkdir(parents=True)
        fields = {
            "endpoint": server.url,
            "realm": "live",
            "account": "studio",
            "defaults": {
                "model": "wan2.7-videoedit",
                "parameters": {"resolution": "720P", "duration": 2},
            },
            "limits": {"settle_s": 1, "poll_interval_s": 0.1},
            **spec,
        }
        (root / "cutlist.yaml").write_text(
            json.dumps(
                {
                    "apiVersion": "cutlist/v1",
                    "kind": "Project",
                    "metadata": {"name": "film"},
                    "spec": fields,
                }
            )
        )

    # -------------------------------------------------------------- what is asked for

    def edit(self, prompt: str = "", url: str = "https://clips.example/a.mp4", **spec: Any) -> str:
        """One more edit; its name."""
        name = f"edit-{next(self._numbers):03}"
        body = {
            "input": {"prompt": prompt or name, "media": [{"type": "video", "url": url}]},
            **spec,
        }
        self._write(name, body)
        return name

    def shoot(self) -> str:
        """One more edit, of words alone, whose video has a sound; its name."""
        return self._add(describe_shot())

    def drive(self, frame: str, sound: str) -> str:
        """One more edit, which brings a frame to life, driven by a sound; its name."""
        return self._add(describe_drive(frame, sound))

    def _add(self, spec: dict[str, Any]) -> str:
        name = f"edit-{next(self._numbers):03}"
        self._write(name, spec)
        return name

    def clip(self, colour: int = 0x3366CC) -> str:
        """A local clip, to be uploaded; its name."""
        name = f"clip-{colour:06x}.mp4"
        write_video(self.root / "specs" / name, 2.0, colour=colour)
        return name

    def any_edit(self, rng: random.Random) -> None:
        """One more edit of a kind that chance decides: remote, local, chained, the same as another,
        the other model.
        """
        kind = rng.choice(("remote", "remote", "local", "chain", "same", "vace"))
        names = self.names()
        if kind == "local":
            self.edit(url=self.clip(rng.getrandbits(24)))
        elif kind == "chain" and names:
            self.edit(url=f"edit://{rng.choice(names)}")
        elif kind == "same":
            self.edit("the same")
        elif kind == "vace":
            wide = {
                "function": "video_outpainting",
                "prompt": "wide",
                "video_url": "https://clips.example/v.mp4",
            }
            name = f"edit-{next(self._numbers):03}"
            self._write(
                name,
                {"model": "wan2.1-vace-plus", "input": {**wide, "prompt": name}, "parameters": {}},
            )
        else:
            self.edit()

    def _write(self, name: str, spec: dict[str, Any]) -> None:
        manifest = {
            "apiVersion": "cutlist/v1",
            "kind": "Edit",
            "metadata": {"name": name},
            "spec": spec,
        }
        (self.root / "specs" / f"{name}.yaml").write_text(json.dumps(manifest))

    def names(self) -> list[str]:
        """The edits that are asked for."""
        return sorted(path.stem for path in (self.root / "specs").glob("*.yaml"))

    # -------------------------------------------------------------- processes

    def start(
        self, *arguments: str, function: str = MAIN, before: Sequence[str] = (), **env: str
    ) -> Child:
        """Start an apply and go on; `before` are arguments that another main function than the
        command's own takes for itself.
        """
        words = [*before, "-C", str(self.root), "apply", "--auto-approve", *arguments]
        return get_nursery().start(function, words, env=environment(**env))

    def apply(
        self, *arguments: str, function: str = MAIN, before: Sequence[str] = (), **env: str
    ) -> subprocess.CompletedProcess[str]:
        """One apply to its end, whatever that is."""
        words = [*before, "-C", str(self.root), "apply", "--auto-approve", *arguments]
        return get_nursery().run(function, words, None, environment(**env), PATIENCE_S)

    # -------------------------------------------------------------- what came of it

    def project(self) -> Project:
        """The project, for looking at it in this process."""
        return Project.open(self.root, variables=Variables(Secret("sk-mock")))

    def attempts(self) -> list[tuple[str, str | None]]:
        """(state, task_id) of every attempt."""
        with self._ledger() as ledger:
            history = ledger.read_whole_history(now=0.0) if ledger else {}
        return [
            (each.state.value, each.task_id)
            for every in history.values()
            for each in every.attempts
        ]

    def attempts_so_far(self) -> list[tuple[str, str | None]]:
        """The same while a process may just be making the ledger."""
        with suppress(CutlistError):
            return self.attempts()
        return []

    def task_ids(self) -> list[str]:
        """Tasks that the ledger knows so far."""
        return [task_id for _, task_id in self.attempts_so_far() if task_id]

    @contextmanager
    def _ledger(self) -> Iterator[SqliteLedger | None]:
        ledger = SqliteLedger.open_readonly(self.state_dir / "ledger.db")
        try:
            yield ledger
        finally:
            if ledger is not None:
                ledger.close()

    def broken(self) -> Counter[str]:
        """The promises that were not kept, counted; empty when all were. For when everything has
        been applied.
        """
        wrong: Counter[str] = Counter()
        seen, whole = self.project().run_pass(), self.project().run_pass(whole=True)
        bill = self.server.billed()
        billed = Counter(task["job_sha256"] for task in bill)
        wrong["paid twice"] = sum(count - 1 for count in billed.values())
        keys = {step.key for step in seen.plan.steps}
        wrong["paid and not asked for, or the reverse"] = abs(len(keys) - len(billed))
        attempts = [
            (key, each) for key, every in whole.observed.history.items() for each in every.attempts
        ]
        known = {each.task_id for _, each in attempts}
        counted_s = add_up(self.project().cost().spending.paid).billable_s
        wrong["not in the books as billed"] = (
            abs(counted_s - sum(task["billed_s"] for task in bill)) > 0.01
        )
        wrong["lost"] = sum(1 for task in bill if task["task_id"] not in known)
        # where the store has a result, that counts: a kill between result and ledger leaves the
        # ledger one step behind
        wrong["left open"] = sum(
            1 for key, each in attempts if each.state in OPEN and not seen.observed.results.get(key)
        )
        wrong["left to do"] = sum(1 for step in seen.plan.steps if step.action.value != "keep")
        wrong["incomplete"] = sum(
            1
            for blob in (self.project().store.folder / "blobs").glob("*/*")
            if hash_file(blob) != blob.name
        )
        for step in seen.plan.steps:
            result = seen.resolved[step.name].result
            output = self.root / step.output
            wrong["wrong outputs"] += (
                result is None or not output.is_file() or hash_file(output) != result.digest
            )
        wrong["visible that nobody asked for"] = len(self.strangers())
        return +wrong

    def strangers(self) -> list[str]:
        """Visible files that are neither inputs nor outputs."""
        asked = {f"renders/{name}.mp4" for name in self.names()} | {"cutlist.yaml", "cutlist.lock"}
        names = [
            path.relative_to(self.root).as_posix()
            for path in self.root.rglob("*")
            if path.is_file()
        ]
        hidden = [name for name in names if any(part.startswith(".") for part in name.split("/"))]
        return sorted(
            set(names) - asked - set(hidden) - {name for name in names if name.startswith("specs/")}
        )

    def leftovers(self) -> list[str]:
        """Hidden temporary files that kills have left."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        return sorted(
            str(each.relative_to(self.root)) for each in found if each.suffix in (".tmp", ".part")
        )


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal text."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
