"""Whoever looks on while a controller works, such as its page. Nothing of it holds up a pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from reconciler.apply.events import Event
from reconciler.controller.conditions import SyncStatus
from reconciler.controller.controller import Controller

# a verb of `cutlist sync`, its arguments, and the name of the person
Ask = Callable[[str, Mapping[str, str], str], object]


class Onlooker(Protocol):
    """Called in the controller's loop, and comes back at once."""

    async def start(
        self, controller: Controller, ask: Ask, tell_fault: Callable[[Exception], None]
    ) -> None:
        """Begin to look. `ask` has the controller do something, in a person's name, and may raise
        UsageError. `tell_fault` hears of what goes wrong later. Raises CutlistError where it cannot
        begin.
        """

    async def stop(self) -> None:
        """End."""

    def hear_status(self, status: SyncStatus) -> None:
        """How a Sync is from now on."""

    def hear_event(self, name: str, event: Event) -> None:
        """What happens to an edit of a Sync."""

    def hear_words(self, name: str, words: str) -> None:
        """What a pass over a Sync has told."""


class Bystander:
    """Passes on what is heard to an onlooker; a fault of that is told, and is nobody else's."""

    def __init__(self, onlooker: Onlooker | None, tell_fault: Callable[[Exception], None]) -> None:
        self._onlooker = onlooker
        self._tell_fault = tell_fault

    async def start(self, controller: Controller, ask: Ask) -> None:
        """Begin to look, where there is somebody. Raises CutlistError."""
        if self._onlooker is not None:
            await self._onlooker.start(controller, ask, self._tell_fault)

    async def stop(self) -> None:
        """End."""
        if self._onlooker is not None:
            try:
                await self._onlooker.stop()
            except Exception as error:
                self._tell_fault(error)

    def hear_status(self, status: SyncStatus) -> None:
        """How a Sync is from now on."""
        if self._onlooker is not None:
            self._pass_on(self._onlooker.hear_status, status)

    def hear_event(self, name: str, event: Event) -> None:
        """What happens to an edit of a Sync."""
        if self._onlooker is not None:
            self._pass_on(self._onlooker.hear_event, name, event)

    def hear_words(self, name: str, words: str) -> None:
        """What a pass over a Sync has told."""
        if self._onlooker is not None:
            self._pass_on(self._onlooker.hear_words, name, words)

    def _pass_on(self, hear: Callable[..., None], *about: object) -> None:
        try:
            hear(*about)
        except Exception as error:
            self._tell_fault(error)
