"""Listens for HTTP requests, within bounds, and gives them to the pages.

A connection carries one request and has only so long for it; there are only so many at once, and
then the oldest has to go. So who sends a request byte by byte hangs nobody else. Imported by who
listens only: aiohttp is slow to load.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from reconciler.controller.pages import (
    HOOKS,
    PageAnswer,
    PageRequest,
    Pages,
    answer_fault,
    answer_refused,
    answer_words,
)
from reconciler.controller.webhooks import MOST_BODY_BYTES, WebhookRefused, refuse_body
from reconciler.errors import CutlistError

LIFE_S = 10.0  # of a connection, from its beginning to the end of its answer
MOST_CONNECTIONS = 64
STOP_S = 0.5  # for requests that are being answered when it stops
_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_LINGER_S = 1.0  # for a body that is not wanted, so that its sender reads why
_SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "cutlist",  # in the place of the library's name and version
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Listener:
    """The pages on a port. `tell_fault` hears of a page that could not be made.

    `port` 0 takes a free one; once started, `port` is the one that was taken.
    """

    def __init__(
        self,
        pages: Pages,
        tell_fault: Callable[[Exception], None],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        life_s: float = LIFE_S,
        most: int = MOST_CONNECTIONS,
    ) -> None:
        self._pages, self._tell_fault = pages, tell_fault
        self.host, self.port = host, port
        self._life_s, self._most = life_s, most
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Listen. Raises CutlistError where the address cannot be taken."""
        server = _Server(self._answer, self._life_s, self._most)
        runner = web.ServerRunner(server, shutdown_timeout=STOP_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
        except OSError as error:
            await runner.cleanup()
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise CutlistError(
                f"cannot listen on {self.host} port {self.port}: {reason}",
                hint="Name another address or a free port; port 0 takes any.",
            ) from error
        self._runner, self.port = runner, runner.addresses[0][1]

    async def stop(self) -> None:
        """Take no more requests; those that are here whole are answered, the others cut."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _answer(self, incoming: web.BaseRequest) -> web.StreamResponse:
        try:
            answer = self._pages.answer(await _read_request(incoming))
        except WebhookRefused as error:
            answer = answer_refused(error)
        except Exception as error:  # a fault of ours ends one request, and is told
            self._tell_fault(error)
            answer = answer_fault()
        return _build_response(answer)


async def _read_request(incoming: web.BaseRequest) -> PageRequest:
    peer = incoming.transport.get_extra_info("peername") if incoming.transport else None
    return PageRequest(
        incoming.method,
        incoming.path,
        str(peer[0]) if peer else "",
        {name.lower(): value for name, value in incoming.headers.items()},
        await _read_body(incoming) if incoming.path.startswith(HOOKS) else b"",
    )


async def _read_body(incoming: web.BaseRequest) -> bytes:
    """The bytes of a body. Raises WebhookRefused as soon as they are too many."""
    body = bytearray()
    if (incoming.content_length or 0) > MOST_BODY_BYTES:
        raise refuse_body()
    async for piece in incoming.content.iter_any():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise refuse_body()
    return bytes(body)


def _build_response(answer: PageAnswer) -> web.Response:
    response = web.Response(
        status=answer.status,
        body=answer.body,
        headers={**_SAFE, "Content-Type": answer.content_type, **answer.headers},
    )
    response.force_close()
    return response


class _Server(web.Server):
    """Connections, no more than `most` of them at once."""

    def __init__(self, handler: _Handler, life_s: float, most: int) -> None:
        super().__init__(handler)
        self.life_s, self._most = life_s, most
        self._open: dict[web.RequestHandler, asyncio.Transport] = {}

    def __call__(self) -> web.RequestHandler:
        return _Connection(self)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._open[handler] = transport
        if len(self._open) > self._most:
            self._open.pop(next(iter(self._open))).abort()

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        super().connection_lost(handler, exc)
        self._open.pop(handler, None)


class _Connection(web.RequestHandler):
    """One connection, which is cut when its time is over."""

    __slots__ = ("_end", "_life_s")

    def __init__(self, server: _Server) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            auto_decompress=False,  # a signature is that of the bytes as they came
            lingering_time=_LINGER_S,
        )
        self._life_s = server.life_s
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        self._end = asyncio.get_running_loop().call_later(self._life_s, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002  # the library's signature
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """The answer to what is no HTTP. It is nobody's fault here, so nothing is told of it."""
        if request.writer.output_size > 0:
            raise ConnectionError("half of an answer is sent already")
        words = "This is not HTTP as it should be."
        return _build_response(answer_words(HTTPStatus(status), words))
