"""What happens, as numbered events for whoever looks: each sees all of them in their order, and can
go on where a connection broke off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

_MOST_KEPT = 300  # events that can be asked for again
_MOST_BEHIND = 500  # events that a slow reader may be behind


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event. `id` is of this feed, and tells also which one it is; `kind` says what `data` is
    about.
    """

    id: str
    kind: str
    data: Mapping[str, Any]


class Feed:
    """Events of one page. Used in its event loop only. What is told here is told in the feed
    `onward` as well.
    """

    def __init__(self, name: str, onward: Feed | None = None) -> None:
        self._name, self._onward = name, onward
        self._count = 0
        self._kept: deque[FeedEvent] = deque(maxlen=_MOST_KEPT)
        self._boards: dict[str, str] = {}
        self._readers: set[asyncio.Queue[FeedEvent | None]] = set()

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tell everybody who looks."""
        if self._onward is not None:
            self._onward.publish(kind, data)
        self._count += 1
        event = FeedEvent(f"{self._name}-{self._count}", kind, data)
        self._kept.append(event)
        for queue in self._readers:
            if queue.qsize() < _MOST_BEHIND:
                queue.put_nowait(event)
            else:
                self._cut(queue)

    def note_board(self, environment: str, etag: str) -> None:
        """The board of an environment as it is from now on. Whoever comes is told first: by it a
        page knows whether what it has read is of before something that it was not told.
        """
        if self._onward is not None:
            self._onward.note_board(environment, etag)
        self._boards[environment] = etag

    @property
    def has_readers(self) -> bool:
        """Whether somebody is told."""
        return bool(self._readers) or (self._onward is not None and self._onward.has_readers)

    def close(self) -> None:
        """End every reader."""
        for queue in self._readers:
            self._cut(queue)

    async def read(self, last_id: str | None = None) -> AsyncGenerator[FeedEvent, None]:
        """The events after `last_id`, or from now on, until the feed closes or the reader is too
        far behind. Where those in between are not kept any more, `reset` comes first: what is known
        has to be asked for anew.
        """
        queue: asyncio.Queue[FeedEvent | None] = asyncio.Queue()
        first = self._welcome(last_id)
        self._readers.add(queue)
        try:
            for event in first:
                yield event
            while (event_or_end := await queue.get()) is not None:
                yield event_or_end
        finally:
            self._readers.discard(queue)

    def _welcome(self, last_id: str | None) -> list[FeedEvent]:
        """What a reader gets at first: a word of where it stands, and what it has missed."""
        number = None if last_id is None else self._find_number(last_id)
        if last_id is None or number is None:
            kind = "hello" if last_id is None else "reset"
            data = {"boards": dict(self._boards)} if last_id is None else {}
            return [FeedEvent(f"{self._name}-{self._count}", kind, data)]
        missed = list(self._kept)[number - self._count :] if number < self._count else []
        return [FeedEvent(last_id, "hello", {}), *missed]

    def _find_number(self, event_id: str) -> int | None:
        """The number of an event after which all are kept; None for any other."""
        name, _, text = event_id.rpartition("-")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
        kept_from = self._count - len(self._kept)
        return number if name == self._name and kept_from <= number <= self._count else None

    @staticmethod
    def _cut(queue: asyncio.Queue[FeedEvent | None]) -> None:
        """Give a reader the end, in place of what waits for it."""
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
