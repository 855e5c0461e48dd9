"""A team that pushes: edits come, change, go back and go; branches are forced, deleted and broken;
and webhooks tell of it once, twice, late or never.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from reconciler.controller.webhooks import LookAtBranch
from tests.simulation.clocks import elapsed_s
from tests.simulation.sync.mirror import BRANCH
from tests.simulation.sync.repository import Files
from tests.simulation.sync.world import INTERVAL_S, MODEL, SyncWorld

LOCK = "cutlist.lock"
PROJECT = "cutlist.yaml"
AUTHOR = "Ada <ada@example.com> 0 +0000"
PRICES = {"currency": "USD", "models": {MODEL: 0.0001}}  # as a commit would have them


class Team:
    """Who pushes to the repository of a run."""

    def __init__(self, world: SyncWorld, clip: Callable[[int], bytes]) -> None:
        self._world, self._clip = world, clip
        self._plot = world.plot
        self._numbers = 0
        self._spec: dict[str, Any] = {}
        self._edits: dict[str, dict[str, Any]] = {}  # specs, by name
        self._before: list[dict[str, dict[str, Any]]] = []
        self._is_broken = False
        self.tips: list[tuple[float, str]] = []  # since when the branch names which commit of ours
        self._hints: list[asyncio.Task[None]] = []
        self._begin()

    def _begin(self) -> None:
        plot = self._plot
        self._spec = {
            "defaults": {"model": MODEL, "parameters": {"resolution": "720P", "duration": 2}},
            "limits": {"settle_s": 120, "running_tasks": plot.choice((1, 1, 1, 5))},
            "prune": {"enabled": plot.random() < 0.5},
            "budget": {"per_apply": 1000, "per_day": 1000},
            "prices": PRICES,
            "account": plot.choice(("studio", "another")),
        }
        for _ in range(plot.randint(2, 6)):
            self._add()
        self._push()

    # -------------------------------------------------------------- what is asked for

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the next commit, but for the lock file."""
        project = {"apiVersion": "cutlist/v1", "kind": "Project", "spec": self._spec}
        files = {PROJECT: json.dumps(project).encode()}
        for name, spec in self._edits.items():
            document = {
                "apiVersion": "cutlist/v1",
                "kind": "Edit",
                "metadata": {"name": name},
                "spec": {**spec, "take": "three"} if self._is_broken else spec,
            }
            files[f"specs/{name}.yaml"] = json.dumps(document).encode()
            url = spec["input"]["media"][0]["url"]
            if url.startswith("./"):
                files[f"specs/{url[2:]}"] = self._clip(int(url[7:-4]))
        return files

    def list_prompts(self, commit: str, *, chained: bool = True) -> frozenset[str]:
        """What a commit asks for; with or without what builds on other edits, which is another
        request as soon as those are changed.
        """
        files = self._world.remote.repository.read_files(commit)
        specs = [json.loads(raw) for name, raw in files.items() if name.endswith(".yaml")]
        edits = [one["spec"] for one in specs if one["kind"] == "Edit"]
        return frozenset(
            edit["input"]["prompt"]
            for edit in edits
            if chained or not edit["input"]["media"][0]["url"].startswith("edit://")
        )

    def read_prompts(self, commit: str) -> dict[str, str]:
        """The prompt of each edit of a commit."""
        files = self._world.remote.repository.read_files(commit)
        return {
            name[6:-5]: json.loads(raw)["spec"]["input"]["prompt"]
            for name, raw in files.items()
            if name.startswith("specs/") and name.endswith(".yaml")
        }

    def _add(self) -> None:
        self._numbers += 1
        number, plot = self._numbers, self._plot
        kind = plot.choice(("remote", "local", "local", "chain"))
        url = f"https://clips.example/{number}.mp4"
        if kind == "local":
            url = f"./clip-{number}.mp4"
        elif kind == "chain" and self._edits:
            url = f"edit://{plot.choice(sorted(self._edits))}"
        media = [{"type": "video", "url": url}]
        prompt = "the same" if plot.random() < 0.05 else f"prompt {number}"
        self._edits[f"edit-{number}"] = {"input": {"prompt": prompt, "media": media}}

    def _choose(self, names: list[str]) -> str:
        """An edit to be altered: rather one that was not sent yet, if its pass is still to come."""
        sent = {each.prompt for each in self._world.seen.sent}
        unsent = [name for name in names if self._edits[name]["input"]["prompt"] not in sent]
        return self._plot.choice(unsent if unsent and self._plot.random() < 0.7 else names)

    def _change(self) -> None:
        name = self._choose(sorted(self._edits))
        self._numbers += 1
        spec = self._edits[name]
        asked = {**spec["input"], "prompt": f"prompt {self._numbers}"}
        self._edits[name] = {**spec, "input": asked}

    def _remove(self) -> None:
        used = {spec["input"]["media"][0]["url"] for spec in self._edits.values()}
        free = [name for name in sorted(self._edits) if f"edit://{name}" not in used]
        if len(self._edits) > 1:
            del self._edits[self._choose(free)]

    def _revert(self) -> None:
        self._edits = self._plot.choice(self._before)

    # -------------------------------------------------------------- pushing

    def _push(self, *, force: bool = False) -> None:
        """Commit what is asked for now and make the branch name it."""
        repository, tip = self._world.remote.repository, self._world.remote.tip
        files: dict[str, bytes] = self.files
        pushed = [commit for _, commit in self.tips]
        parent = tip or (pushed[-1] if pushed else "")
        if force and pushed:
            parent = self._plot.choice(pushed)
        elif tip:
            files |= _take_lock(repository.read_files(tip))
        message = f"change {len(self.tips)}\n"
        commit = repository.commit(files, (parent,) if parent else (), AUTHOR, message)
        repository.refs[BRANCH] = commit
        self.tips.append((elapsed_s(), commit))
        self._before.append(dict(self._edits))
        self._world.say("team pushes", commit[:7], sorted(self.list_prompts(commit)))
        self._tell(commit)

    def _tell(self, commit: str) -> None:
        """Webhooks: none, one, two, or a late one."""
        plot = self._plot
        chance = plot.random()
        delays = [plot.uniform(0.2, 5.0)] if chance > 0.3 else []
        if chance > 0.7:
            delays.append(plot.uniform(0.2, 900.0))
        ref = BRANCH if plot.random() < 0.9 else "refs/heads/other"
        for delay_s in delays:
            self._hints.append(asyncio.ensure_future(self._hint(delay_s, ref, commit)))

    async def _hint(self, delay_s: float, ref: str, commit: str) -> None:
        await asyncio.sleep(delay_s)
        self._world.take_hint(LookAtBranch(ref), commit)

    def push_one_more(self) -> None:
        """One more edit, and a webhook that tells of it."""
        self._add()
        self._push()

    # -------------------------------------------------------------- what goes on

    async def work(self) -> None:
        """Push some times, and in the end something whole."""
        for _ in range(self._plot.randint(4, 7)):
            await asyncio.sleep(self._plot.uniform(5, 500))
            await self._act()
        self._is_broken = False
        self._push()
        await asyncio.sleep(self._plot.uniform(1, 200))

    async def _act(self) -> None:
        plot, world = self._plot, self._world
        self._is_broken = False
        what = plot.choice(
            ("add", "change", "change", "change", "remove", "remove", "revert", "force", "delete",
             "break", "down", "drift")
        )  # fmt: skip
        world.counters[f"team: {what}"] += 1
        if what == "down":
            world.remote.down_until = elapsed_s() + plot.uniform(10, 300)
        elif what == "drift":
            self._lose_an_output()
        elif what == "delete":
            world.remote.repository.refs.pop(BRANCH, None)
            await asyncio.sleep(plot.uniform(1, 3 * INTERVAL_S))
            self.tips.pop()
            self._push()
        else:
            self._is_broken = what == "break"
            alter = {"change": self._change, "remove": self._remove, "revert": self._revert}
            alter.get(what, self._add)()
            push = lambda: self._push(force=what == "force")  # noqa: E731
            if plot.random() < 0.3:
                world.meanwhile = push
                await asyncio.sleep(plot.uniform(1, 2 * INTERVAL_S))
                if world.meanwhile is None:
                    return
                world.meanwhile = None
            push()

    def _lose_an_output(self) -> None:
        """Somebody deletes a video."""
        outputs = sorted((self._world.places.outputs / "renders").glob("*.mp4"))
        if outputs:
            self._plot.choice(outputs).unlink()


def _take_lock(files: Files) -> dict[str, bytes]:
    return {LOCK: files[LOCK]} if LOCK in files else {}
