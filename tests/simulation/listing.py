"""What the service's list shows of the account's tasks: late, bent, or not at all for once."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.simulation.distortions import FROZEN, PAGE_BENDS, ROW_BENDS
from tests.simulation.kinds import Kind

Counted = Callable[[str], None]


WINDOW_S = 300.0  # for which a list keeps a manner: longer than it is asked about one request


class ListView:
    """Bends the answers to list requests as the kind of the world says. A row that is garbled stays
    so, and a list contradicts itself for a while: trouble that is over with the next look hides
    nothing.
    """

    def __init__(self, kind: Kind, seed: int, counted: Counted) -> None:
        self._kind, self._seed, self._counted = kind, seed, counted
        self._rng = random.Random(seed + 2)
        self._hidden: set[str] = set()  # tasks that one whole list has left out; none does again
        self.bends = True  # False: what is shown is late, but true

    def bend(self, page: dict[str, Any], now: float, accepted: str) -> None:
        """Change the page that the service would answer with. `now` is its time; `accepted` is the
        newest task that the asking life was told of, empty when there is none.
        """
        self._hold_back(page, now)
        if not self.bends or not page["data"]:
            return
        manner = self._drawn(f"window {now // WINDOW_S}")
        if manner.random() < self._kind.list_rate:
            self._twist(page, manner.choice(self._kind.list_bends), accepted)
        elif self._rng.random() < self._kind.hide_rate:
            self._hide(page)
        for row in page["data"] if isinstance(page["data"], list) else ():
            self._garble(row)

    def _twist(self, page: dict[str, Any], name: str, accepted: str) -> None:
        if name != FROZEN:
            PAGE_BENDS[name](page, self._rng)
            self._counted(name)
            return
        since = [row["gmt_create"] for row in page["data"] if row["task_id"] == accepted]
        if since and page["total_page"] == 1:
            shown = [row for row in page["data"] if row["gmt_create"] < since[0]]
            _shorten(page, len(page["data"]) - len(shown))
            page["data"] = shown
            self._counted(name)

    def _drawn(self, what: str) -> random.Random:
        """Chance that is the same for the same thing, whenever it is asked."""
        return random.Random(f"{self._seed}:{what}")

    def _garble(self, row: dict[str, Any]) -> None:
        drawn = self._drawn(f"row {row['task_id']}")
        if drawn.random() < self._kind.row_rate:
            name = drawn.choice(self._kind.row_bends)
            ROW_BENDS[name](row)
            self._counted(name)

    def _hold_back(self, page: dict[str, Any], now: float) -> None:
        """A task shows some time after it was made, each at its own."""
        shown = [
            row
            for row in page["data"]
            if now >= row["gmt_create"] / 1000 + self._lag_s(row["task_id"])
        ]
        if len(shown) < len(page["data"]):
            _shorten(page, len(page["data"]) - len(shown))
            page["data"] = shown
            self._counted("list: late")

    def _lag_s(self, task_id: str) -> float:
        """Two tasks of three are as late as any may be."""
        share = self._drawn(f"lag of {task_id}").uniform(0.0, 3.0)
        return min(share, 1.0) * self._kind.lag_s

    def _hide(self, page: dict[str, Any]) -> None:
        """Leave out the newest row and its place in the total: nothing tells, but the next list
        does.
        """
        row = max(page["data"], key=lambda row: (row["gmt_create"], row["task_id"]))
        if page["total_page"] > 1 or row["task_id"] in self._hidden:
            return
        self._hidden.add(row["task_id"])
        page["data"].remove(row)
        _shorten(page, 1)
        self._counted("list: hidden once")


def _shorten(page: dict[str, Any], rows: int) -> None:
    page["total"] -= rows
    page["total_page"] = -(-page["total"] // page["page_size"])
