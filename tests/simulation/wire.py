"""Requests straight into the server's application, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from aiohttp import streams, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from mockserver.orders.wire import read_body


class _Protocol:
    """What a request without a connection needs of one."""

    _reading_paused = False
    max_field_size, max_headers = 8190, 128  # of a part of a form
    transport = ssl_context = peername = sockname = None
    writer = None

    def pause_reading(self, *_: Any, **__: Any) -> None: ...

    def resume_reading(self, *_: Any, **__: Any) -> None: ...


async def dispatch(
    app: web.Application, request: httpx.Request
) -> tuple[int, dict[str, str], bytes]:
    """One request through the application, as aiohttp would after parsing."""
    protocol: Any = _Protocol()
    loop = asyncio.get_running_loop()
    payload = streams.StreamReader(protocol, 2**20, loop=loop)
    payload.feed_data(request.content)
    payload.feed_eof()
    pairs = CIMultiDict(request.headers.items())
    raw = tuple((name.encode(), value.encode()) for name, value in pairs.items())
    path = request.url.raw_path.decode()
    message = RawRequestMessage(
        request.method,
        path,
        HttpVersion11,
        CIMultiDictProxy(pairs),
        raw,
        False,
        None,
        False,
        False,
        URL(path, encoded=True),
    )
    task: Any = asyncio.current_task()
    response: Any = await app._handle(web.Request(message, payload, protocol, protocol, task, loop))
    return response.status, dict(response.headers), await read_body(response)


class Body(httpx.AsyncByteStream):
    """A download, perhaps one that breaks off."""

    def __init__(self, data: bytes, breaks: bool) -> None:
        self._data = data
        self._breaks = breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._data
        if self._breaks:
            raise httpx.ReadError("the peer closed the connection")
