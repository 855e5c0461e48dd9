"""Rendering in the background: at most two films at once, started early, waited for when a client
asks.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from mockserver.errors import Fault, MediaError
from mockserver.media.reader import RunBlocking
from mockserver.media.render import Renderer
from mockserver.media.storage import Storage
from mockserver.tasks.outcome import Plan

AT_ONCE = 2  # films rendered at the same time
EARLY = 16  # films begun before somebody asks; with more under way they wait for the first fetch

log = logging.getLogger("mockserver")


class Films:
    """The films of a server, rendered once each; equal plans share one file."""

    def __init__(self, storage: Storage, renderer: Renderer, run_blocking: RunBlocking) -> None:
        self._storage, self._renderer, self._run_blocking = storage, renderer, run_blocking
        self._places = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def begin(self, name: str, plan: str) -> None:
        """Render a film by its plan (JSON) ahead of the first question for it, unless many are
        under way.
        """
        if len(self._under_way) < EARLY:
            self._task(name, plan)

    async def ready(self, name: str, plan: str) -> Fault | None:
        """Wait for a film, rendering it if need be by its plan (JSON). What its task fails with
        when that fails; the cause is logged.
        """
        if self._storage.film(name).exists():
            return None
        try:
            await asyncio.shield(self._task(name, plan))
        except MediaError as error:
            log.warning("a film could not be rendered: %s", error)
            return error.fault
        except Exception:
            log.exception("a film could not be rendered")
            return Fault("InternalError.Algo", "The video could not be made.")
        return None

    async def close(self) -> None:
        """Begin no more films and wait for those that are being rendered."""
        self._closed = True
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _task(self, name: str, plan: str) -> asyncio.Task[None]:
        if name not in self._under_way:
            task = asyncio.get_running_loop().create_task(
                self._render(name, plan), name=f"film {name[:8]}"
            )
            self._under_way[name] = task
            task.add_done_callback(lambda done: self._done(name, done))
        return self._under_way[name]

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            task.exception()  # seen: whoever waits for the film logs it

    async def _render(self, name: str, plan: str) -> None:
        async with self._places:
            target = self._storage.film(name)
            if not self._closed and not target.exists():
                await self._run_blocking(self._make, Plan.from_text(plan), target)

    def _make(self, plan: Plan, target: Path) -> None:
        """The film appears under its name when it is complete, never before."""
        part = target.with_suffix(".part")
        try:
            self._renderer.render(plan, self._storage.medium, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
