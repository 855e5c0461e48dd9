"""What is behind one port: the room of one project, or one for each Sync of a controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from reconciler.web.api import PageApi
from reconciler.web.feed import Feed
from reconciler.web.media import MediaRoom


@dataclass(frozen=True, slots=True)
class PageRoom:
    """All that one project's page answers from."""

    api: PageApi
    feed: Feed
    media: MediaRoom


class Lobby(Protocol):
    """What a page of several rooms says at its beginning."""

    feed: Feed

    def read_syncs(self, who: str) -> Mapping[str, Any]:
        """The rooms that there are, for whoever asks."""

    def order(self, name: str, order: str, who: str) -> Mapping[str, Any]:
        """Have something done with a room of that name; how it is then. Raises Refused."""


class PageHouse(Protocol):
    """The rooms behind one port: that of one project, or one for each Sync of a controller.
    `prefix` is how the addresses of a room begin.
    """

    prefix: str

    def find(self, parts: Mapping[str, str], environment: str = "") -> PageRoom:
        """The room that is asked for, in an environment; empty: its own. Raises Refused."""

    def find_feed(self, parts: Mapping[str, str], environment: str) -> Feed:
        """What changes in an environment; `*`: in all that were asked for. Raises Refused."""

    @property
    def lobby(self) -> Lobby | None:
        """What is before all rooms; None where there is only one."""
