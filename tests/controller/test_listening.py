"""The pages on a real port, with real requests, and with clients that are no friends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from reconciler.controller.hooks import Doors
from reconciler.controller.listening import Listener
from reconciler.controller.pages import Pages, Sources
from reconciler.controller.webhooks import MOST_BODY_BYTES, Hint, LookAtBranch
from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret
from tests.clock import FakeClock
from tests.controller.deliveries import PUSH, SECRET, send_github, sign

WITHIN_S = 5.0
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Controller:
    """What a listener stands before, and what it was told."""

    def __init__(self) -> None:
        self.hints: list[tuple[str, Hint]] = []
        self.faults: list[Exception] = []
        self.read_status: Callable[[], dict[str, object]] = lambda: {"syncs": []}

    @asynccontextmanager
    async def listen(self, **settings: float) -> AsyncIterator[Listener]:
        """A listener on a free port."""
        sources = Sources(
            lambda: self.read_status(),
            lambda: True,
            lambda name, hint: self.hints.append((name, hint)),
            lambda: b"",
        )
        doors = Doors({"spring": Secret(SECRET)}, FakeClock())
        pages = Pages(sources, doors, token=Secret(""))
        listener = Listener(pages, self.faults.append, **settings)  # type: ignore[arg-type]
        await listener.start()
        try:
            yield listener
        finally:
            await listener.stop()


async def write(listener: Listener, text: bytes) -> tuple[asyncio.StreamReader, Callable[[], None]]:
    """Open a connection and send some bytes; the answer's reader, and what closes it."""
    reader, writer = await asyncio.open_connection(listener.host, listener.port)
    writer.write(text)
    await writer.drain()
    return reader, writer.close


async def within(what: Awaitable[bytes]) -> bytes:
    """What comes, or an error when it does not come in time. A cut connection gives nothing."""
    async with asyncio.timeout(WITHIN_S):
        try:
            return await what
        except ConnectionError:
            return b""


async def ask(listener: Listener, text: bytes = HEALTH) -> bytes:
    """The answer to some bytes, which comes in one piece."""
    reader, close = await write(listener, text)
    try:
        return await within(reader.read(10_000))
    finally:
        close()


async def test_answers_carry_what_keeps_them_safe() -> None:
    """One request a connection; nothing of the library; nothing that a browser may use."""
    async with Controller().listen() as listener, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{listener.port}/status"
        async with session.get(url) as answer:
            assert (answer.status, await answer.json()) == (200, {"version": 1, "syncs": []})
            assert "aiohttp" not in str(answer.headers).lower()
            assert "python" not in str(answer.headers).lower()
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert answer.headers["Connection"] == "close"
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with session.head(url) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with session.get(url, headers={"Host": "evil.example"}) as answer:
            assert answer.status == 421
        async with session.get(url, headers={"X-Real-IP": "10.0.0.9"}) as answer:
            assert answer.status == 403


async def test_webhooks_come_in() -> None:
    """Signed over the bytes as they came; too large a body is not read to its end."""
    controller = Controller()
    async with controller.listen() as listener, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{listener.port}/hooks/spring"
        headers, body = send_github("push", PUSH)
        async with session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 202
        assert controller.hints == [("spring", LookAtBranch("refs/heads/main"))]
        async with session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 409
        async with session.post(url, data=body + b" ", headers=headers) as answer:
            assert answer.status == 401
        # what says that it is packed is not opened: what is signed are the bytes as they come
        headers, body = send_github("push", PUSH, "another")
        body = body.replace(b"main", b"next")
        headers["X-Hub-Signature-256"] = f"sha256={sign(body)}"
        headers["Content-Encoding"] = "deflate"
        async with session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 202
        promised = b"POST /hooks/spring HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        assert b" 413 " in await ask(listener, promised % (MOST_BODY_BYTES + 1))
        chunk = b"%x\r\n%b\r\n" % (MOST_BODY_BYTES, b" " * MOST_BODY_BYTES)
        head = b"POST /hooks/spring HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert b" 413 " in await ask(listener, head + chunk + b"1\r\n \r\n")
        assert len(controller.hints) == 2


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
    ],
    ids=["tls", "header", "line", "headers"],
)
async def test_what_is_no_http(text: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """It is answered, or cut; it is nobody's fault, and no log says more of it."""
    controller = Controller()
    async with controller.listen() as listener:
        answer = await ask(listener, text)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")), answer
        assert b"aiohttp" not in answer
        assert b" 200 " in await ask(listener)
    assert controller.faults == []
    assert caplog.records == []


async def test_slow_clients_hang_nobody() -> None:
    """Half a request, and a body that does not come: they are cut; others are answered meanwhile,
    and the newest always get in.
    """
    async with Controller().listen(life_s=0.3, most=10) as listener:
        slow = [await write(listener, b"GET /heal") for _ in range(30)]
        head = b"POST /hooks/spring HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
        slow += [await write(listener, head) for _ in range(5)]
        assert b" 200 " in await ask(listener)
        for reader, close in slow:
            assert await within(reader.read()) == b""
            close()
        assert b" 200 " in await ask(listener)


async def test_of_too_many_connections_the_oldest_goes() -> None:
    """Whoever came last is served, and those that stay are not cut with the others."""
    async with Controller().listen(most=3) as listener:
        slow = [await write(listener, b"GET /heal") for _ in range(5)]
        assert b" 200 " in await ask(listener)  # the sixth: now two of the five are left
        for reader, _ in slow[:3]:
            assert await within(reader.read()) == b""
        assert not any(reader.at_eof() for reader, _ in slow[3:])
        for _, close in slow:
            close()


async def test_a_fault_of_a_page_is_told_and_ends_one_request() -> None:
    """The reader is told nothing of it but that."""
    controller = Controller()

    def break_down() -> dict[str, object]:
        raise ValueError(f"the token is {SECRET}")

    controller.read_status = break_down
    async with controller.listen() as listener:
        request = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer = await ask(listener, request)
        assert b" 500 " in answer
        assert SECRET.encode() not in answer
        assert [type(fault) for fault in controller.faults] == [ValueError]
        assert b" 200 " in await ask(listener)


async def test_stopping_is_graceful() -> None:
    """Whoever has sent half a request is let go, within moments, and the port is free again. Who
    sends a webhook sends it again, or it is looked for anyway.
    """
    controller = Controller()
    head = b"POST /hooks/spring HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12"
    async with controller.listen() as listener:
        halves = [await write(listener, half) for half in (b"GET /heal", head)]
        port = listener.port
        async with asyncio.timeout(WITHIN_S):
            await asyncio.gather(listener.stop(), listener.stop())
    for reader, close in halves:
        assert await within(reader.read()) == b""
        close()
    async with controller.listen(port=port) as listener:
        assert b" 200 " in await ask(listener)
        with pytest.raises(CutlistError, match=f"cannot listen on 127.0.0.1 port {port}: Address"):
            async with controller.listen(port=port):
                pass
    await listener.stop()  # a second time
