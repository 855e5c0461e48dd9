"""Words from outside that a task may have ended: whoever waits for it looks now, and believes only
what the service says.
"""

from __future__ import annotations

from collections.abc import Callable


class TaskHints:
    """Passes words about tasks on to the apply that listens. Used in its event loop."""

    def __init__(self) -> None:
        self._listener: Callable[[str], None] | None = None

    def listen(self, listener: Callable[[str], None]) -> None:
        """Let `listener` hear of every task from now on."""
        self._listener = listener

    def tell(self, task_id: str) -> None:
        """A task may have ended. Nothing happens where nobody listens, or waits for it."""
        if self._listener is not None:
            self._listener(task_id)
