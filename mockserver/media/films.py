"""Renders films in the background: two at a time, begun early, awaited when a client asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from mockserver.errors import Failure, MediaError
from mockserver.media.plan import FilmPlan
from mockserver.media.renderer import Renderer, RunBlocking
from mockserver.media.storage import Storage

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
        """Render a film by its plan (JSON) before anybody asks, unless many are under way."""
        if len(self._under_way) < EARLY:
            self._start(name, plan)

    async def finish(self, name: str, get_plan: Callable[[], str]) -> Failure | None:
        """Wait for a film, which is rendered by its plan (JSON) if it is not yet there.

        Returns what its task fails with when the film cannot be made; the cause is logged.
        """
        if self._storage.get_film(name).exists():
            return None
        try:
            await asyncio.shield(self._start(name, get_plan()))
        except MediaError as error:
            log.warning("a film could not be rendered: %s", error)
            return error.failure
        except Exception:
            log.exception("a film could not be rendered")
            return Failure("InternalError.Algo", "The video could not be made.")
        return None

    async def close(self) -> None:
        """Begin no more films and wait for those that are being rendered."""
        self._closed = True
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _start(self, name: str, plan: str) -> asyncio.Task[None]:
        """The task that renders a film: the one that is under way, or a new one."""
        if name not in self._under_way:
            task = asyncio.get_running_loop().create_task(
                self._render(name, plan), name=f"film {name[:8]}"
            )
            self._under_way[name] = task
            task.add_done_callback(lambda task: self._forget(name, task))
        return self._under_way[name]

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            task.exception()  # counts as retrieved; whoever waits for the film logs it

    async def _render(self, name: str, plan: str) -> None:
        async with self._places:
            target = self._storage.get_film(name)
            if not self._closed and not target.exists():
                await self._run_blocking(self._write, FilmPlan.from_text(plan), target)

    def _write(self, plan: FilmPlan, target: Path) -> None:
        """Write a film, which appears under its name when it is complete, never before."""
        part = target.with_suffix(".part")
        try:
            self._renderer.render(plan, self._storage.get_medium, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
