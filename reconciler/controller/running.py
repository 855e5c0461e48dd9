"""A pass that is at work, as the controller sees it: it can be asked to end, and is superseded by a
newer commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from reconciler.apply.outcome import SUPERSEDED, Stop
from reconciler.controller.documents import Sync
from reconciler.controller.memory import SyncMemory
from reconciler.controller.passes import OUT_OF_TIME, PassSettings, SyncPass
from reconciler.controller.places import SyncPlaces
from reconciler.errors import CutlistError
from reconciler.system.clock import Clock

# runs the coroutine function of a pass to its end, in a loop where it may hold up others
RunPass = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class RunningPass:
    """One pass at work. Made and followed in the controller's loop."""

    def __init__(
        self,
        sync: Sync,
        places: SyncPlaces,
        memory: SyncMemory,
        settings: PassSettings,
        clock: Clock,
        reasons: Collection[str],
    ) -> None:
        self.reasons = reasons
        self._sync = sync
        self._places = places
        self._settings = settings
        self._clock = clock
        self._pass = SyncPass(sync, places, memory, settings)
        self._stop = Stop()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._glance = asyncio.Event()

    def request_stop(self, reason: str) -> None:
        """Ask the pass to end; the first reason counts. From any thread."""
        self._stop.reason = self._stop.reason or reason
        if self._loop is not None:
            with suppress(RuntimeError):  # its loop has ended: so has the pass
                self._loop.call_soon_threadsafe(self._stop.request, self._stop.reason)

    def hint_at_task(self, task_id: str) -> None:
        """Have whoever waits for a task look at it now."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._pass.hints.tell, task_id)

    def ask_for_glance(self) -> None:
        """Look whether there is a newer commit than the one that is worked on."""
        self._glance.set()

    async def follow(self, run_pass: RunPass) -> bool:
        """Run the pass to its end, and end it when its time is over or a newer commit is there.
        Whether it was superseded.
        """
        work = asyncio.ensure_future(run_pass(self._run))
        watch = asyncio.ensure_future(self._watch())
        try:
            await work
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        return self._stop.reason == SUPERSEDED

    async def _run(self) -> None:
        """The pass itself, in its own loop."""
        self._loop = asyncio.get_running_loop()
        if self._stop.reason:
            self._stop.request(self._stop.reason)
        await self._pass.run(self._stop)

    async def _watch(self) -> None:
        """Glance at the repository at every interval, and whenever somebody asks; end what takes
        too long.
        """
        clock, sync = self._clock, self._sync
        deadline = clock.monotonic() + sync.timeout_s
        while not self._stop.reason:
            left_s = deadline - clock.monotonic()
            if left_s <= 0:
                self.request_stop(OUT_OF_TIME)
                return
            await self._wait_for_glance(min(sync.interval_s, left_s))
            if await self._settings.block(self._is_superseded):
                self.request_stop(SUPERSEDED)

    async def _wait_for_glance(self, most_s: float) -> None:
        waits = [
            asyncio.ensure_future(self._glance.wait()),
            asyncio.ensure_future(self._clock.sleep(most_s)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._glance.clear()

    def _is_superseded(self) -> bool:
        """Whether the ref names another commit now. Nobody who can be asked says no."""
        mirror, commit = self._pass.mirror, self._pass.commit
        if mirror is None or not commit:
            return False
        try:
            return mirror.find_ref(self._sync.repository.ref)[1] != commit
        except CutlistError:
            return False


class PassThreads:
    """Runs each pass in a thread of its own."""

    def __init__(self, most: int) -> None:
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="pass")

    async def run(self, start: Callable[[], Awaitable[None]]) -> None:
        """Run a pass to its end, in a loop of its own."""

        async def run_pass() -> None:
            await start()

        await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: asyncio.run(run_pass())
        )

    def close(self) -> None:
        """End the threads; no pass runs any more."""
        self._threads.shutdown()
