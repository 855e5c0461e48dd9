"""A project that is planned again and again, with a cache and without one."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import IO, Any

import pytest

from reconciler import Project
from reconciler.cli.main import run
from reconciler.desired import media
from reconciler.desired.job import Facts
from reconciler.errors import CutlistError
from reconciler.operations import saved_plan
from reconciler.plan.decide import PlanOptions
from reconciler.project import base
from reconciler.system import cache as cache_module
from reconciler.system.probe.refusal import Unreadable
from tests.clock import FakeClock
from tests.remembered.disk import TickingDisk, mount
from tests.remembered.leavings import Leavings
from tests.remembered.project import Written, write_project

SETTLED_S = 10.0  # after it no file is of just now


@dataclass(frozen=True)
class Answer:
    """All that a plan says: as JSON, to people, in exit codes, and as what a saved plan binds."""

    json: tuple[int, str, str]
    text: tuple[int, str, str]
    saved: str
    other: tuple[int, str, str]  # what another command says


@dataclass
class Stage:
    """One project, its disk, and the things that hold something in memory between passes."""

    chance: Random
    written: Written
    disk: TickingDisk
    environment: str = ""
    held: dict[tuple[str, bytes], Project] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)  # what happened
    question: tuple[str, ...] = ("validate",)  # a command beside `plan`
    revisions: tuple[tuple[str, ...], ...] = ()  # commands about commits, asked before any other
    target: Path | None = None  # of what happens once more, as if nothing were

    @property
    def root(self) -> Path:
        return self.written.root

    @property
    def cache(self) -> Path:
        """The folder of the cache."""
        return self.root / ".cutlist/cache"

    def open(self) -> Project:
        """The project, as a new process finds it. Raises CutlistError."""
        return Project.open(self.root, environment=self.environment or None, clock=self.disk.clock)

    def hold(self) -> Project:
        """The project, as a watch holds it until the project file changes."""
        at = self.environment, (self.root / "cutlist.yaml").read_bytes()
        if at not in self.held:
            self.held[at] = there = self.open()
            there._work_with(cache_module.HeldCache(there.config.cache_dir))
        return self.held[at]

    # -------------------------------------------------------------- what is said

    def look(self) -> Answer:
        """What new processes say, one after the other."""
        as_json = self._run("plan", "--json", "--detailed-exitcode")
        return Answer(as_json, self._run("plan"), bind(self.open), self._run(*self.question))

    def look_without_cache(self) -> Answer:
        """What they say as if nothing were remembered."""
        with self._forget():
            return self.look()

    @contextmanager
    def _forget(self) -> Iterator[None]:
        """For the length of a block nothing is known of earlier runs: there is no cache, none can
        be kept, or what is asked of it is never there.
        """
        aside = self.cache.with_name("aside")
        there = os.path.lexists(self.cache)
        if there:
            self.cache.rename(aside)
        with pytest.MonkeyPatch.context() as patch:
            kind = self.chance.randrange(4)
            if kind == 0:
                patch.setattr(cache_module, "read_machine_key", lambda: None)
            elif kind > 1:
                for name in ("get", "fetch"):
                    patch.setattr(cache_module.Cache, name, lambda self, table, key: None)
            yield
        remove(self.cache)
        if there:
            aside.rename(self.cache)

    def _run(self, command: str, *flags: str) -> tuple[int, str, str]:
        environment = ["--env", self.environment] if self.environment else []
        return run_command(self.disk.clock, "-C", str(self.root), command, *environment, *flags)

    def warm_up(self) -> None:
        """Plan until everything is remembered that can be."""
        self.disk.tick(SETTLED_S)
        for _ in range(2):
            self._run("plan", "--json")
            bind(self.hold)

    # -------------------------------------------------------------- what must be the same

    def compare(self) -> None:
        """The cache changes nothing: not this plan, not the next, not one in the same process, and
        neither now nor when all that is there has settled.
        """
        for _ in range(2):
            self.question = self.draw_question()
            expected = self.look_without_cache()
            assert self.look() == expected
            assert bind(self.hold) == expected.saved
            assert self._run("plan", "--json", "--detailed-exitcode") == expected.json
            self.disk.tick(SETTLED_S)

    def compare_briefly(self) -> None:
        """The same for one plan by each."""
        with self._forget():
            expected = bind(self.open)
        assert bind(self.open) == expected
        assert bind(self.hold) == expected

    def draw_question(self) -> tuple[str, ...]:
        """A command that looks at edits otherwise than a plan does."""
        if self.revisions:
            return self.chance.choice(self.revisions)
        name = self.chance.choice(self.written.names or ["none"])
        cell = f"{name}[look=rain,resolution=720P]"
        questions = (
            ("validate",),
            ("status",),
            ("graph",),
            ("cost",),
            ("log",),
            ("show", name),
            ("show", cell),
            ("explain", name),
            ("explain", cell),
            ("plan", "--markdown"),
            ("plan", "--target", f"{name}*"),
            ("plan", "--verify"),
            ("plan", "--force"),
            ("plan", "--repay"),
        )
        return self.chance.choice(questions)


def bind(opened: Any) -> str:
    """What a saved plan is bound to, and the whole plan; or the error in words."""
    try:
        there: Project = opened()
        options = PlanOptions()
        current = there.run_pass(options)
        document = saved_plan.bind_plan(there.config, current, options, "plan")
        steps = [str(step) for step in current.plan.steps]
        return json.dumps([document, current.plan.to_json(), steps], sort_keys=True)
    except (CutlistError, OSError) as error:
        return f"{type(error).__name__}: {error}"


def run_command(clock: FakeClock, *arguments: str) -> tuple[int, str, str]:
    """The command line, on a clock: its exit code, output and error output."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(base, "SystemClock", lambda: clock)
        code = run(list(arguments))
    assert code != 70 and "Traceback" not in err.getvalue(), err.getvalue()
    return code, out.getvalue(), err.getvalue()


def remove(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# ------------------------------------------------------------------ setting up


@contextmanager
def set_stage(
    chance: Random, folder: Path, pool: Path, spoil: Callable[[pytest.MonkeyPatch], None]
) -> Iterator[Stage]:
    """A project in a new folder, with all that applies left behind, and a warm cache. `spoil`
    changes the program for the length of the block.
    """
    clock = FakeClock()
    disk = TickingDisk(clock, folder / "scrap")
    with mount(disk), quick_machine(), pytest.MonkeyPatch.context() as patch:
        spoil(patch)
        written = write_project(chance, folder / "film", pool)
        stage = Stage(chance, written, disk, chance.choice(("", "", "draft", "final")))
        try:
            stage.open()
        except CutlistError:
            pass
        else:
            Leavings(stage.open(), chance).leave()
        stage.warm_up()
        yield stage


@contextmanager
def quick_machine() -> Iterator[None]:
    """Nothing is made durable, and what a file is, is asked of the probe once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        patch.setattr(media, "probe_media", probe_once)
        yield


def probe_once(file: IO[bytes], kind: str, size_bytes: int, *, mask: bool = False) -> Facts:
    """As `probe_media`."""
    content = file.read()
    answer = _probe(content, kind, mask)
    if isinstance(answer, Unreadable):
        raise answer
    return answer


@cache
def _probe(content: bytes, kind: str, mask: bool) -> Facts | Unreadable:
    try:
        return _probe_media(io.BytesIO(content), kind, len(content), mask=mask)
    except Unreadable as error:
        return error


_probe_media = media.probe_media
