"""Connections of the page, within bounds: a request has only so long to arrive, and there are only
so many connections at once. So who sends a request byte by byte hangs nobody else.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

ARRIVES_WITHIN_S = 10.0  # a request, from its first byte to its last
MOST_CONNECTIONS = 256


class PageConnections:
    """All connections of one server. Where there are too many, the oldest of those goes that nobody
    was let in by; else the oldest.
    """

    def __init__(self, within_s: float = ARRIVES_WITHIN_S, most: int = MOST_CONNECTIONS) -> None:
        self.within_s, self._most = within_s, most
        self._open: dict[PageConnection, asyncio.Transport] = {}

    def make(self, server: web.Server) -> PageConnection:
        """A connection for whoever comes."""
        return PageConnection(server, self)

    def enter(self, connection: PageConnection, transport: asyncio.Transport) -> None:
        """One more; another one may have to go."""
        self._open[connection] = transport
        if len(self._open) > self._most:
            strangers = (one for one in self._open if not one.is_admitted)
            oldest = next(strangers, None) or next(iter(self._open))
            self._open.pop(oldest).abort()

    def leave(self, connection: PageConnection) -> None:
        """One less."""
        self._open.pop(connection, None)

    def abort(self) -> None:
        """Cut all of them."""
        for transport in list(self._open.values()):
            transport.abort()


class PageConnection(web.RequestHandler):
    """One connection. `is_admitted`: a request of it was let in."""

    __slots__ = ("_all", "_end", "_is_answering", "is_admitted")

    def __init__(self, server: web.Server, connections: PageConnections) -> None:
        super().__init__(server, loop=asyncio.get_running_loop())
        self._all = connections
        self._end: asyncio.TimerHandle | None = None
        self._is_answering = False
        self.is_admitted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        self._all.enter(self, transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        if self._end is None and not self._is_answering:
            self._await_request()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_time()
        self._all.leave(self)
        super().connection_lost(exc)

    def begin_answer(self) -> None:
        """The request is here whole: its answer may take as long as it takes."""
        self._is_answering = True
        self._forget_time()

    def end_answer(self) -> None:
        """Whatever comes now is another request."""
        self._is_answering = False

    def _await_request(self) -> None:
        self._end = asyncio.get_running_loop().call_later(self._all.within_s, self._cut)

    def _cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _forget_time(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
