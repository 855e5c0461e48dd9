"""What a watch does when a video is there: a command, the opener, a notification."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.apply.events import Event, Phase
from reconciler.cli import screen
from reconciler.errors import UsageError
from reconciler.system.programs import (
    build_notification,
    find_opener,
    place_path,
    run_program,
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted. `command` is what a person typed, in parts; empty: nothing is run."""

    command: tuple[str, ...] = ()
    open: bool = False
    notify: bool = False

    @classmethod
    def of(cls, command: str | None, *, open_it: bool, notify: bool) -> Wishes:
        """The options of the command line. Raises UsageError for a command that cannot be read."""
        try:
            parts = tuple(shlex.split(command or ""))
        except ValueError as error:
            raise UsageError(
                f"--exec {command}: {error}.", hint="Quote it as a shell wants it."
            ) from error
        return cls(parts, open_it, notify)


class Afterwards:
    """Does what is wanted for one video after the other, while the watch goes on."""

    def __init__(self, wishes: Wishes, root: Path) -> None:
        self._wishes = wishes
        self._root = root
        self._videos: asyncio.Queue[Event] = asyncio.Queue()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Do it for the length of a block; what is under way then is left to itself."""
        worker = asyncio.ensure_future(self._work())
        try:
            yield
        finally:
            worker.cancel()
            await asyncio.wait([worker])

    def observe(self, event: Event) -> None:
        """Hear of what happens in a pass."""
        if event.phase is Phase.WRITTEN and event.output:
            self._videos.put_nowait(event)

    async def _work(self) -> None:
        while True:
            event = await self._videos.get()
            path = self._root / event.output
            if self._wishes.notify:
                await self._notify(event)
            if self._wishes.open:
                await self._open(path)
            if self._wishes.command:
                await _run(place_path(self._wishes.command, path))

    async def _notify(self, event: Event) -> None:
        command = build_notification("cutlist", f"{event.name} is rendered: {event.output}")
        if command is not None:
            await run_program(command, quiet=True)  # whatever becomes of it

    async def _open(self, path: Path) -> None:
        opener = find_opener()
        if opener is None:
            screen.note("! This system has no program that opens files; --open does nothing.")
            return
        if await run_program([*opener, str(path)], quiet=True):  # it has words of its own
            screen.note(f"! No program of this machine opens {path}: open it by hand.")


async def _run(arguments: Sequence[str]) -> None:
    """Run a command; where it fails, say so, and go on."""
    trouble = await run_program(arguments)
    if trouble:
        screen.note(f"! `{shlex.join(arguments)}` {trouble}.")
