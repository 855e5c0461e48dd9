"""Small servers on loopback that answer as no service should, and proxies that count."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

TLS = Path(__file__).parent / "tls"  # a certificate for api.example, signed by itself
Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
JSON = b"Content-Type: application/json\r\n"
TASK = b'{"output":{"task_id":"t-1","task_status":"PENDING"},"request_id":"r"'


@asynccontextmanager
async def served(act: Streams, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that does `act` with every connection."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await act(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in filter(None, tasks):
            task.cancel()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)


async def asked(reader: asyncio.StreamReader) -> bytes:
    """The head of a request; its body is read too, where its length is told."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    return head


def answers(*pieces: bytes, head: bytes = b"", status: bytes = b"200 OK") -> Streams:
    """The same answer to every request, then the end of the connection."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 " + status + b"\r\n" + head + b"\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return act


def repeats(
    piece: bytes, *, first: bytes = b"", head: bytes = b"", pause_s: float = 0.0
) -> Streams:
    """An answer that never ends."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + first)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return act


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request, and says nothing."""
    await asked(reader)
    await asyncio.sleep(3600)


async def drips_its_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A header, byte by byte, for ever."""
    await asked(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.02)


async def only_continues(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Informational answers, and never the answer itself."""
    await asked(reader)
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


def bomb(megabytes: int) -> bytes:
    """Zeros, some hundred times smaller on the way."""
    pack, block = zlib.compressobj(1, wbits=31), bytes(1 << 20)
    return b"".join(pack.compress(block) for _ in range(megabytes)) + pack.flush()


def make_worst() -> dict[str, Streams]:
    """The worst answers, by name; to pack the bombs takes a second."""
    return {
        "bomb": answers(bomb(300), head=b"Content-Encoding: gzip\r\n"),
        "bomb_of_bombs": answers(bomb(40) * 8, head=b"Content-Encoding: gzip\r\n"),
        "deflated_bomb": answers(bomb(40), head=b"Content-Encoding: deflate\r\n"),
        "endless": repeats(b"x" * 65536),
        "endless_chunks": repeats(
            b"10000\r\n" + b"[" * 65536 + b"\r\n", head=b"Transfer-Encoding: chunked\r\n"
        ),
        "a_length_that_lies": repeats(b"y" * 65536, head=b"Content-Length: 9999999999999\r\n"),
        "deep": answers(b"[" * (8 << 20), head=JSON),
        "many_empty_objects": answers(b"[" + b"{}," * (2 << 20) + b"{}]", head=JSON),
        "many_lists_in_lists": answers(b"[" + b"[[]]," * (1 << 20) + b"0]", head=JSON),
        "one_wide_text": answers(
            b'{"message":"' + "\U0001f600".encode() + b"a" * (7 << 20) + b'"}', head=JSON
        ),
        "many_digits": answers(b'{"total":' + b"9" * (7 << 20) + b"}", head=JSON),
        "endless_head": repeats(b"X: " + b"a" * 60000 + b"\r\n"),
    }  # fmt: skip


def tls_server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    return context


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def joined(
    port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: bytes
) -> None:
    """Both ways between a client and the server at `port`, whichever name the client asked for."""
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(greeting)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    finally:
        far_writer.transport.abort()


def http_proxy(port: int, heads: list[bytes]) -> Streams:
    """A proxy that takes every CONNECT to the server at `port`; `heads` is what it was asked."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await joined(port, reader, writer, b"HTTP/1.1 200 Connection established\r\n\r\n")

    return act


def socks_proxy(port: int, names: list[bytes]) -> Streams:
    """SOCKS 5 without a password, by name; `names` is where it was asked to go."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        *_, length = await reader.readexactly(5)
        names.append(await reader.readexactly(length))
        await reader.readexactly(2)
        await joined(port, reader, writer, b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")

    return act
