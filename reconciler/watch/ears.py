"""Hears that something below a folder has changed: the only one who asks the system for that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

_STEP_MS = 15  # a batch of events ends when nothing new came for so long
_MOST_MS = 30  # and after so long at the latest
_LIMIT = (
    "warning: this system watches no more folders (fs.inotify.max_user_watches is reached; raise"
    " it with `sysctl`). The project is looked at twice a second instead."
)
_MANY = (
    "warning: too many programs watch folders here (fs.inotify.max_user_instances is reached; raise"
    " it with `sysctl`). The project is looked at twice a second instead."
)
_OTHERWISE = (
    "warning: this system does not tell of changes here ({error}). The project is looked at twice a"
    " second instead."
)


class Ears:
    """Hears of changes below one folder, from `open` to `close`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._notify: RustNotify | None = None
        self._thread = ThreadPoolExecutor(1, "cutlist-watch")
        self._closing = threading.Event()
        self._batch: asyncio.Future[Any] | None = None

    @property
    def is_deaf(self) -> bool:
        """Whether nothing will be heard: then somebody has to look every now and then."""
        return self._notify is None

    async def open(self) -> str:
        """Begin to listen. Where the system refuses, a sentence that says why."""
        loop = asyncio.get_running_loop()
        try:
            self._notify = await loop.run_in_executor(self._thread, self._begin)
        except (OSError, RuntimeError) as error:
            return _describe(error)
        return ""

    def _begin(self) -> RustNotify:
        from watchfiles._rust_notify import RustNotify  # lazy: start-up time

        # With the last argument true, it would also be silent about the limit of the system.
        try:
            return RustNotify([str(self._root)], False, False, 0, True, False)
        except PermissionError:
            return RustNotify([str(self._root)], False, False, 0, True, True)

    async def hear(self, timeout_s: float) -> tuple[Collection[str], str]:
        """What changed, as absolute paths; nothing when so much time went by first. Nothing is
        lost when the caller is cancelled. The second is a sentence, once the system refuses to
        tell any more.
        """
        if self._notify is None:
            # real time: there is nothing that could wake it
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=timeout_s)
            return (), ""
        if self._batch is None:
            loop = asyncio.get_running_loop()
            self._batch = loop.run_in_executor(self._thread, self._wait)
        await asyncio.wait([self._batch], timeout=timeout_s)
        if not self._batch.done():
            return (), ""
        batch, self._batch = self._batch, None
        try:
            found = batch.result()
        except RuntimeError as error:
            self._notify = None
            return (), _describe(error)
        return ({path for _, path in found} if isinstance(found, set) else ()), ""

    def _wait(self) -> Any:
        assert self._notify is not None
        return self._notify.watch(_MOST_MS, _STEP_MS, 0, self._closing)

    async def close(self) -> None:
        """End listening; the thread is gone then."""
        self._closing.set()
        if self._batch is not None:
            await asyncio.wait([self._batch])
        if self._notify is not None:
            self._notify.close()
        self._thread.shutdown()


def _describe(error: Exception) -> str:
    words = str(error)
    if "limit reached" in words or "No space left" in words:
        return _LIMIT
    if "Too many open files" in words:
        return _MANY
    return _OTHERWISE.format(error=words.partition(" (Error")[0].rstrip("."))
