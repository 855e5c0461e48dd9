"""A repository that is pushed to, a controller in a process of its own, and the judge of what they
came to.
"""

from __future__ import annotations

import itertools
import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler import Project
from reconciler.apply.outcome import Stop
from reconciler.config import Variables
from reconciler.controller.checkout import Checkout
from reconciler.controller.documents import Sync
from reconciler.controller.loading import load_syncs
from reconciler.controller.places import SyncPlaces
from reconciler.controller.remote import open_mirror
from reconciler.formats.secret import Secret
from reconciler.state import lockfile
from reconciler.state.observed import OPEN
from reconciler.system.clock import SystemClock
from reconciler.system.files import hash_file
from tests.cli.processes import MAIN, PATIENCE_S, environment
from tests.crash.scene import Server
from tests.e2e.bench import write_video
from tests.nursery import Child, get_nursery
from tests.repository import Repository

NAME, LOCK = "films", "cutlist.lock"
TRIES = 5  # of a push, beside a controller that pushes too


class SyncScene:
    """One repository, and the state folder of one controller."""

    def __init__(self, folder: Path, server: Server, **sync: str) -> None:
        """`sync` are fields of the document besides those that it always has."""
        (folder / "work").mkdir(parents=True)
        self._folder, self._server = folder, server
        self._bare = folder / "films.git"
        self._numbers = itertools.count(1)
        self.work = Repository(folder / "work")
        self.work.git("init", "--quiet", "--bare", "--template=", str(self._bare))
        with (self._bare / "config").open("a") as file:
            file.write("[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n")
        self._write_documents(sync)
        get_nursery().load("reconciler.controller")

    def _write_documents(self, fields: Mapping[str, str]) -> None:
        parameters = {"resolution": "720P", "duration": 2}
        project = {
            "defaults": {"model": "wan2.7-videoedit", "parameters": parameters},
            "limits": {"settle_s": 1, "poll_interval_s": 0.1},
            "prune": {"enabled": True},
        }
        sync = {
            "repository": {"url": f"file://{self._bare}", "ref": "main"},
            "interval": "1s",
            "endpoint": self._server.url,
            "realm": "live",
            "account": "studio",
            "writeBack": {"lock": True},
            **fields,
        }
        for path, kind, spec in (("work/cutlist", "Project", project), ("sync", "Sync", sync)):
            document = {"apiVersion": "cutlist/v1", "kind": kind, "spec": spec}
            if kind == "Sync":
                document["metadata"] = {"name": NAME}
            (self._folder / f"{path}.yaml").write_text(json.dumps(document))

    # -------------------------------------------------------------- what is pushed

    def add_edit(self) -> None:
        """Add an edit, and push it."""
        self._write_edit(f"edit-{next(self._numbers):03}", random.Random(0))
        self.work.commit()
        self._push(force=False)

    def push_something(self, rng: random.Random) -> None:
        """Add, change, remove or put back an edit, and push; now and then by force."""
        names = sorted((self.work.root / "specs").glob("*.yaml"))
        what = rng.choice(("add", "add", "change", "remove", "revert"))
        if what == "change" and names:
            self._write_edit(rng.choice(names).stem, rng)
        elif what == "remove" and len(names) > 1:
            rng.choice(names).unlink()
        elif what == "revert" and names:
            self.work.git("checkout", "--quiet", f"HEAD~{rng.randint(0, 1)}", "--", "specs")
        else:
            self._write_edit(f"edit-{next(self._numbers):03}", rng)
        self.work.commit()
        self._push(force=rng.random() < 0.1)

    def _write_edit(self, name: str, rng: random.Random) -> None:
        """One edit with a prompt of its own; of a clip beside it, or of one elsewhere."""
        number = next(self._numbers)
        url = "https://clips.example/a.mp4"
        specs = self.work.root / "specs"
        specs.mkdir(exist_ok=True)
        if rng.random() < 0.4:
            url = "clip.mp4"
            if not (specs / url).exists():
                write_video(specs / url, 2.0)
        asked = {"prompt": f"prompt {number}", "media": [{"type": "video", "url": url}]}
        document = {
            "apiVersion": "cutlist/v1",
            "kind": "Edit",
            "metadata": {"name": name},
            "spec": {"input": asked},
        }
        (specs / f"{name}.yaml").write_text(json.dumps(document))

    def _push(self, *, force: bool) -> None:
        """Push what is committed, on top of the lock files that came back meanwhile, or over
        them.
        """
        git, where = self.work.git, str(self._bare)
        if force:
            git("push", "--quiet", "--force", where, "HEAD:refs/heads/main")
            return
        for attempt in range(1, TRIES + 1):
            if self.tip:
                git("fetch", "--quiet", where, "main")
                git("rebase", "--quiet", "FETCH_HEAD")
            try:
                git("push", "--quiet", where, "HEAD:refs/heads/main")
            except subprocess.CalledProcessError:
                if attempt == TRIES:
                    raise
            else:
                return

    @property
    def tip(self) -> str:
        """The commit of the branch; empty before the first push."""
        refs = self.work.git("ls-remote", str(self._bare), "refs/heads/main")
        return refs.partition("\t")[0]

    # -------------------------------------------------------------- the controller

    def start(self, *arguments: str) -> Child:
        """Start the controller and go on."""
        files = ["-f", str(self._folder / "sync.yaml"), "--state", str(self._folder / "state")]
        env = environment(DASHSCOPE_API_KEY="sk-mock")
        return get_nursery().start(MAIN, ["sync", *files, *arguments], env=env)

    def run_once(self) -> tuple[int, str]:
        """One pass to its end: the exit code, and what was said."""
        with self.start("--once") as process:
            try:
                out, err = process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return process.returncode, out + err

    # -------------------------------------------------------------- what came of it

    def count_own_commits(self) -> int:
        """How many commits of the lock file the branch has."""
        git = self.work.git
        git("fetch", "--quiet", str(self._bare), "main")
        return len(git("log", "--format=%h", "--author=cutlist", "FETCH_HEAD").split())

    def _open(self) -> tuple[Sync, SyncPlaces, Project]:
        """The project of the last commit, for looking at it in this process."""
        (sync,) = load_syncs([self._folder / "sync.yaml"])
        places = SyncPlaces.of(self._folder / "state", sync)
        variables, clock = Variables(Secret("sk-mock")), SystemClock()
        mirror = open_mirror(sync, places, Stop())
        commit = mirror.fetch_revision("refs/heads/main").id
        guarded = Checkout(mirror, sync, places, clock, variables).prepare(commit)
        return sync, places, Project(guarded.config, clock)

    def find_broken(self) -> Counter[str]:
        """The promises that were not kept, counted; empty when all were. For when all is quiet."""
        _, places, project = self._open()
        current = project.run_pass(whole=True)
        bill = self._server.billed()
        billed = Counter(task["job_sha256"] for task in bill)
        attempts = [
            (key, each) for key, all_ in current.observed.history.items() for each in all_.attempts
        ]
        known = {each.task_id for _, each in attempts}
        wrong: Counter[str] = Counter()
        wrong["paid twice"] = sum(count - 1 for count in billed.values())
        wrong["lost"] = sum(1 for task in bill if task["task_id"] not in known)
        wrong["left open"] = sum(
            each.state in OPEN and not current.observed.results.get(key) for key, each in attempts
        )
        wrong["left to do"] = int(current.plan.changes)
        for what in self._list_differences(places, project):
            wrong[what] += 1
        return +wrong

    def _list_differences(self, places: SyncPlaces, project: Project) -> Iterator[str]:
        """What of outputs, pins and the lock file of the branch is not the last commit's."""
        pins = lockfile.read(project.config.lock_dir).get("default", {})
        outputs = set()
        for name, each in project.run_pass().resolved.items():
            output = places.outputs / each.wanted.edit.output
            outputs.add(output)
            digest = None if each.result is None else each.result.digest
            if digest is None or not output.is_file() or hash_file(output) != digest:
                yield "wrong output"
            if name not in pins or pins[name].digest != digest:
                yield "wrong pin"
        if set((places.outputs / "renders").glob("*.mp4")) - outputs:
            yield "output that nobody asks for"
        self.work.git("fetch", "--quiet", str(self._bare), "main")
        raw = self.work.git("show", f"FETCH_HEAD:{LOCK}").encode() + b"\n"
        if dict(lockfile.parse_pins(raw).get("default", {})) != dict(pins):
            yield "wrong lock file in the branch"
