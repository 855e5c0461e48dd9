"""Waits for a reason to run a pass. An event only says "look": what counts is what is seen."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from reconciler.apply.events import RunBlocking
from reconciler.config import STATE_DIR
from reconciler.system.clock import Clock, Jumps
from reconciler.watch.ears import Ears
from reconciler.watch.quiet import QUIET_S, Quiet
from reconciler.watch.sight import Eyes, Sight

Cause = Literal["start", "saved", "woke", "again"]
_FIRST_LOOKS = 3  # what was written just before the watch began is let grow old
_MOST_DOZE_S = 5.0  # then it is asked whether this machine slept
_UNHEARD = (STATE_DIR, ".git")


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a pass runs. `paths` are what changed, relative to the project; `woke`: this machine
    slept, or its clock was set; `again`: the last pass could not begin.
    """

    cause: Cause
    paths: tuple[str, ...] = ()


class Lookout:
    """Looks at what a project names whenever something is heard, and now and then."""

    def __init__(
        self, root: Path, eyes: Eyes, clock: Clock, block: RunBlocking, tell: Callable[[str], None]
    ) -> None:
        self._root = root
        self._eyes = eyes
        self._clock = clock
        self._block = block
        self._tell = tell
        self._ears = Ears(root)
        self._jumps = Jumps(clock)
        self._quiet = Quiet()
        self._base = self._seen = Sight()
        self._during_pass = False
        self._woke = False
        self._is_free: Callable[[], bool] | None = None
        self._put_aside: set[str] = set()
        self._heard: set[str] = set()  # what is named and has changed since the look that counts

    async def open(self) -> None:
        """Begin to listen, then look for the first time: nothing can be missed in between."""
        if trouble := await self._ears.open():
            self._tell(trouble)
        sight = await self._block(self._eyes.look)
        for _ in range(_FIRST_LOOKS):
            if sight.is_whole(sight.asked):
                break
            await self._hear(QUIET_S)
            sight = await self._block(self._eyes.look)
        self._base = self._seen = sight
        self._quiet.note_look(self._clock.monotonic())

    async def close(self) -> None:
        await self._ears.close()

    # -------------------------------------------------------------- passes

    def begin_pass(self) -> Occasion:
        """What has changed since the last pass began; the next one starts from what was seen."""
        paths = sorted({*self._list_changes(), *self._put_aside})
        cause: Cause = "saved" if paths else "woke" if self._woke else "again"
        self._put_aside.clear()
        self._base = self._seen
        self._woke, self._is_free = False, None
        return Occasion(cause, tuple(paths))

    def expect_writes(self) -> None:
        """From now until the end of the pass, outputs and lock file are written by the pass."""
        self._during_pass = True

    async def end_pass(self, written: Collection[str], *, superseded: bool) -> None:
        """Take for known what the pass itself wrote: `written` are the outputs."""
        later = await self._block(self._eyes.look)
        self._base = self._base.take_over(later, written)
        self._seen = replace(self._seen, made=self._base.made)
        self._during_pass = False
        if later.list_changes(self._base):  # it is looked at with care, as any other change
            self._quiet.note(self._clock.monotonic(), named=True)
        if superseded:
            self._quiet.note_superseded()
        else:
            self._quiet.note_end()

    def put_aside(self) -> tuple[str, ...]:
        """Take for known what people have changed; the paths. The pass that runs goes on."""
        paths = tuple(self._list_changes())
        self._base = replace(self._seen, made=self._base.made)
        self._put_aside |= set(paths)
        return paths

    def try_again_when(self, is_free: Callable[[], bool]) -> None:
        """The pass could not begin, through no fault of the project: another one is due as soon as
        what was in its way is gone.
        """
        self._is_free = is_free

    def has_changed(self) -> bool:
        """Whether anything is not as the running pass saw it; looks at once."""
        return bool(self._eyes.look().list_changes(self._base, during_pass=self._during_pass))

    def measure_quiet_s(self) -> float:
        """How long ago anything that is named was saved."""
        last_at = self._quiet.last_at
        return self._clock.monotonic() - last_at if last_at is not None else float("inf")

    # -------------------------------------------------------------- waiting

    async def wait(self) -> None:
        """Wait for a reason to run a pass. It may be cancelled, and is then as before."""
        while not self._has_reason():
            await self._wait_until_due()
            now = self._clock.monotonic()
            sight = await self._look()
            changes = sight.list_changes(self._base, during_pass=self._during_pass)
            if changes and not sight.is_whole(changes) and self._quiet.wait_until_whole(now):
                continue
            self._seen = sight
            self._heard.clear()
            self._quiet.note_look(now)

    async def _look(self) -> Sight:
        """Look at what was heard of where that is manifests and nothing else that is named. What
        was not heard is seen a second later, by the look that follows each that had a reason.
        """
        if self._heard and not self._woke and self._seen.named.manifests.issuperset(self._heard):
            return await self._block(self._eyes.look_at, self._heard)
        return await self._block(self._eyes.look)

    def _has_reason(self) -> bool:
        if not self._quiet.is_over:  # what is being saved just now is waited for
            return False
        return self._woke or self._is_due_again() or bool(self._list_changes())

    def _is_due_again(self) -> bool:
        return self._is_free is not None and self._is_free()

    def _list_changes(self) -> list[str]:
        return self._seen.list_changes(self._base, during_pass=self._during_pass)

    async def _wait_until_due(self) -> None:
        """Listen until a look is due."""
        while True:
            often = self._ears.is_deaf or self._is_free is not None
            due = self._quiet.find_due(often=often)
            wait_s = due - self._clock.monotonic()
            if wait_s <= 0:
                return
            paths = await self._hear(min(wait_s, _MOST_DOZE_S))
            if self._jumps.measure():
                self._woke = True
                return
            for path in paths:
                self._note(path)

    async def _hear(self, timeout_s: float) -> Collection[str]:
        """What changed, as absolute paths; nothing where so much time went by first."""
        paths, trouble = await self._ears.hear(timeout_s)
        if trouble:
            self._tell(trouble)
        return paths

    def _note(self, path: str) -> None:
        """Take in that something at an absolute path has changed."""
        try:
            inside = Path(path).relative_to(self._root).as_posix()
        except ValueError:
            inside = path
        if any(part in _UNHEARD for part in inside.split("/")):
            return
        named = self._seen.named.concerns(inside)
        if named:
            self._heard.add(inside)
        self._quiet.note(self._clock.monotonic(), named=named)
