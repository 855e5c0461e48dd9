"""Lets faults happen on a connection: it is cut, held back, slowed down, or sent wrong bytes.

This is done below HTTP, because aiohttp would mend wrong lengths and encodings.
"""

from __future__ import annotations

import asyncio
import http
import socket
import struct

from aiohttp import hdrs, web

from mockserver.orders.faults import Fault

NOT_JSON = (
    b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)
CHUNK_BYTES = 64 << 10


class NoConnection(Exception):
    """A fault needs a connection, and there is none because the application runs without sockets.

    It reaches whoever called the application.
    """


def cut_connection(request: web.Request) -> web.Response:
    """Cut the connection with a reset (RST), as a failing network does."""
    transport = request.transport
    if transport is None:
        raise NoConnection("reset by an ordered fault")
    plain = transport.get_extra_info("socket")
    if plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return build_unsent_response()


def build_unsent_response() -> web.Response:
    """What a handler returns when nothing more is to be sent.

    The connection is closed by then, so aiohttp drops it.
    """
    return web.Response(status=499)


async def hold_back(fault: Fault, stopping: asyncio.Event) -> None:
    """Wait for the fault's `seconds`, or for ever, but not beyond the end of the server."""
    try:
        async with asyncio.timeout(fault.seconds):
            await stopping.wait()
    except TimeoutError:
        pass


async def read_body(response: web.StreamResponse) -> bytes:
    """All the bytes that a response would send."""
    body = response.body if isinstance(response, web.Response) else None
    if body is None or isinstance(body, bytes | bytearray | memoryview):
        return bytes(body or b"")
    collector = _Collector()
    await body.write(collector)  # type: ignore[arg-type]
    return bytes(collector.data)


class _Collector:
    """Takes the place of a connection and keeps what is written to it."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def write(self, chunk: bytes) -> None:
        self.data += chunk


async def send_spoiled(
    request: web.Request, response: web.StreamResponse, fault: Fault
) -> web.Response:
    """Send a response as the fault wants it: slowly, cut short, or with a wrong body or length."""
    data = await read_body(response)
    body, length = data, len(data)
    if fault.kind == "truncate":
        body = data[: int(len(data) * fault.keep)]
    elif fault.kind == "corrupt":
        body = break_bytes(data)
    if fault.kind == "wrong_length" or fault.length == "wrong":
        length = max(0, length + fault.off_by)
    if request.method == "HEAD":
        body = b""
    head = _build_head(response, None if fault.length == "none" else length)
    step, pause_s = CHUNK_BYTES, 0.0
    if fault.kind == "slow":
        step, pause_s = fault.chunk_bytes, fault.pause_s
    await _send(request, head, body, step, pause_s)
    return build_unsent_response()


def _build_head(response: web.StreamResponse, length: int | None) -> bytes:
    """Status line and headers of a response; without a Content-Length when `length` is None."""
    headers = {
        name: value for name, value in response.headers.items() if name != hdrs.CONTENT_LENGTH
    }
    if length is not None:
        headers[hdrs.CONTENT_LENGTH] = str(length)
    lines = [f"HTTP/1.1 {response.status} {get_reason(response.status)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


async def _send(request: web.Request, head: bytes, body: bytes, step: int, pause_s: float) -> None:
    """Write to the connection past aiohttp, `step` bytes at a time, and close it."""
    transport = request.transport
    if transport is None:
        raise NoConnection("an ordered fault needs a connection to show on")
    transport.write(head)
    for start in range(0, len(body), step):
        if transport.is_closing():
            return
        transport.write(body[start : start + step])
        await asyncio.sleep(pause_s)
    transport.close()


def break_bytes(data: bytes) -> bytes:
    """The same number of bytes, with every bit of the middle half turned over."""
    quarter = max(1, len(data) // 4)
    middle = bytes(byte ^ 0xFF for byte in data[quarter:-quarter])
    if not middle:
        return bytes(byte ^ 0xFF for byte in data)
    return data[:quarter] + middle + data[len(data) - quarter :]


def get_reason(status: int) -> str:
    """The reason phrase of a status."""
    if status in set(http.HTTPStatus):
        return http.HTTPStatus(status).phrase
    return "Unknown"
