"""Trouble put into effect on a connection: cut, held, dripped, broken bytes. Below HTTP, where
aiohttp is too tidy.
"""

from __future__ import annotations

import asyncio
import http
import socket
import struct

from aiohttp import hdrs, web

from mockserver.orders.faults import Trouble

NOT_JSON = (
    b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)
CHUNK = 64 << 10


class NoWire(Exception):
    """The connection was cut on order; without a connection (no sockets) this reaches whoever
    called.
    """


def cut(request: web.Request) -> web.Response:
    """Cut the connection with a reset (RST), as a failing network does."""
    transport = request.transport
    if transport is None:
        raise NoWire("reset by an ordered fault")
    plain = transport.get_extra_info("socket")
    if plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return unsent()


def unsent() -> web.Response:
    """What a handler returns when nothing is to be sent any more; aiohttp drops it on the closed
    connection.
    """
    return web.Response(status=499)


async def hold(trouble: Trouble, stopping: asyncio.Event) -> None:
    """Wait for the trouble's `seconds`, or for ever; not beyond the server's own end."""
    try:
        async with asyncio.timeout(trouble.seconds):
            await stopping.wait()
    except TimeoutError:
        pass


async def body_of(response: web.StreamResponse) -> bytes:
    """All the bytes that a response would send."""
    body = response.body if isinstance(response, web.Response) else None
    if body is None or isinstance(body, bytes | bytearray | memoryview):
        return bytes(body or b"")
    collected = _Collected()
    await body.write(collected)  # type: ignore[arg-type]
    return bytes(collected.data)


class _Collected:
    def __init__(self) -> None:
        self.data = bytearray()

    async def write(self, chunk: bytes) -> None:
        self.data += chunk


async def spoilt(
    request: web.Request, response: web.StreamResponse, trouble: Trouble
) -> web.Response:
    """Send a response as the trouble wants it: dripped, cut short, with wrong bytes or under a
    wrong length.
    """
    data = await body_of(response)
    sent, length = data, len(data)
    if trouble.kind == "truncate":
        sent = data[: int(len(data) * trouble.keep)]
    elif trouble.kind == "corrupt":
        sent = corrupted(data)
    if trouble.kind == "wrong_length" or trouble.length == "wrong":
        length = max(0, length + trouble.off_by)
    headers = {
        name: value for name, value in response.headers.items() if name != hdrs.CONTENT_LENGTH
    }
    if trouble.length != "none":
        headers[hdrs.CONTENT_LENGTH] = str(length)
    head = f"HTTP/1.1 {response.status} {reason(response.status)}\r\n"
    head += (
        "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        + "Connection: close\r\n\r\n"
    )
    pause_s, step = (
        (trouble.pause_s, trouble.chunk_bytes) if trouble.kind == "slow" else (0.0, CHUNK)
    )
    await _send(
        request,
        head.encode("latin-1", "replace"),
        b"" if request.method == "HEAD" else sent,
        step,
        pause_s,
    )
    return unsent()


async def _send(request: web.Request, head: bytes, body: bytes, step: int, pause_s: float) -> None:
    """Write past aiohttp, which would mend lengths and encodings, and close."""
    transport = request.transport
    if transport is None:
        raise NoWire("an ordered fault needs a connection to show on")
    transport.write(head)
    for start in range(0, len(body), step):
        if transport.is_closing():
            return
        transport.write(body[start : start + step])
        await asyncio.sleep(pause_s)
    transport.close()


def corrupted(data: bytes) -> bytes:
    """The same number of bytes, with every one in the middle half turned over."""
    quarter = max(1, len(data) // 4)
    middle = bytes(byte ^ 0xFF for byte in data[quarter:-quarter])
    return (
        data[:quarter] + middle + data[len(data) - quarter :]
        if middle
        else bytes(byte ^ 0xFF for byte in data)
    )


def reason(status: int) -> str:
    """The reason phrase of a status."""
    return http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else "Unknown"
