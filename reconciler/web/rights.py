"""Where a page is served, and what may be done on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

PageMode = Literal["local", "sync", "export"]


@dataclass(frozen=True, slots=True)
class PageRights:
    """Where a page is served, and what may be done on it by whoever is let in."""

    mode: PageMode
    may_pick: bool = False
    may_apply: bool = False  # carry out a plan that was made on the page
    may_say_yes: bool = False  # to a plan that waits for a person
    may_stop: bool = False
    sync: Mapping[str, Any] | None = None  # of a controller's page, how the Sync is

    def to_json(self) -> dict[str, bool]:
        """What may be done, for programs."""
        return {
            "pick": self.may_pick,
            "apply": self.may_apply,
            "say_yes": self.may_say_yes,
            "stop": self.may_stop,
        }
