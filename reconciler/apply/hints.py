"""Words from outside that a task may have ended: whoever waits for it looks now, and believes only
what the service says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


class TaskHints:
    """Wakes who waits for a task. Used in the event loop of an apply."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Event] = {}

    def tell(self, task_id: str) -> None:
        """A task may have ended. Nothing happens where nobody waits for it."""
        if task_id in self._waiting:
            self._waiting[task_id].set()

    async def wait(self, task_id: str, pause: Awaitable[None]) -> None:
        """Wait for `pause` to be over, or for a word about the task."""
        event = self._waiting.setdefault(task_id, asyncio.Event())
        waits = [asyncio.ensure_future(pause), asyncio.ensure_future(event.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            if self._waiting.get(task_id) is event:
                del self._waiting[task_id]
