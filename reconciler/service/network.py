"""Requests to hosts and their answers, over httpx, which only `proxying.py` beside it uses too.
No policy, no retry; nothing here knows what an answer means.

Every call ends: an answer is at most so large and takes at most so long, however its bytes drip;
what comes compressed is opened bit by bit. No cookie is kept, no redirect followed, and nothing of
the environment is read: proxies and certificates come as Routes.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TypedDict, Unpack

import httpx

from reconciler.errors import NotReached, OutcomeUnknown, UnfitAnswer
from reconciler.formats.untrusted import make_plain_line
from reconciler.service.answers import Reply
from reconciler.service.proxying import RoutedTransport, list_socks_errors
from reconciler.service.routes import Routes

# httpcore asks for this package a dozen times in each request, and Python forgets what it did not
# find: looking for it takes longer than the rest of the request's own work
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

# its INFO lines print whole URLs, signatures included
logging.getLogger("httpx").setLevel(logging.WARNING)

MOST_ANSWER_BYTES = 8 << 20  # of an answer, opened; a page of the list has 60 KiB
CONNECT_S = 10.0  # for each of: a free connection, TCP, TLS
GRACE_S = 60.0  # a file on its way may stand still for so long in all, whatever its pace
LEAST_BYTES_PER_S = 16 << 10  # below this pace the grace is used up
_CHUNK_BYTES = 64 << 10
_CLOSING_S = 1.0
_PACKINGS = ("gzip", "x-gzip", "deflate")
_UNREACHED = "Check the network and the endpoint in cutlist.yaml, then run apply again."
_CONNECTING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
    httpx.InvalidURL,
)
_BROKEN = (
    httpx.TransportError,
    httpx.DecodingError,
    httpx.StreamError,
    OSError,
    ValueError,
    ArithmeticError,
)


def allow_time(size_bytes: int) -> float:
    """Seconds that a file of this size may take on its way."""
    return GRACE_S + size_bytes / LEAST_BYTES_PER_S


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file on its way. `size_bytes` is what the server promises, None when it does not say."""

    status: int
    size_bytes: int | None
    chunks: AsyncIterator[bytes]


Transport = httpx.AsyncBaseTransport  # what takes the place of connections in tests


class Content(TypedDict, total=False):
    """What a request carries besides its address, as httpx.Request takes it."""

    headers: Mapping[str, str]
    params: Mapping[str, str | int]
    content: bytes
    data: Mapping[str, str]
    files: Mapping[str, tuple[str, IO[bytes] | bytes]]


class Network:
    """Connections to one kind of host, which errors call `named`; none of its answers is read
    beyond `most_bytes`. `transport` takes their place in tests.
    """

    def __init__(
        self,
        routes: Routes,
        *,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        named: str = "the service",
        most_bytes: int = MOST_ANSWER_BYTES,
    ) -> None:
        self._named = named
        self._most_bytes = most_bytes
        self._headers = {"User-Agent": "cutlist", "Accept-Encoding": "identity", **(headers or {})}
        self._routes = routes
        self._transport = transport or RoutedTransport(routes)

    def _describe_way(self, request: httpx.Request) -> str:
        """Words for the proxy that a request goes through; empty where it goes straight."""
        proxy = self._routes.proxy(request.url.scheme, request.url.host, request.url.port)
        return f" through {proxy.address}, the proxy of {proxy.variable}" if proxy else ""

    async def close(self) -> None:
        await self._transport.aclose()

    async def ask(
        self, method: str, url: str, *, within_s: float, **content: Unpack[Content]
    ) -> Reply:
        """Send a request once, and read its answer, both within `within_s` seconds. `content` is
        what httpx.Request takes.

        Raises NotReached when no byte of it left this machine, OutcomeUnknown when no answer came;
        of one that did come, Reply says whether it is whole.
        """
        request = self._build_request(method, url, within_s, content)
        response: httpx.Response | None = None
        taken = _Taken(self._most_bytes)
        try:
            async with asyncio.timeout(within_s):
                with _translate_errors(self._describe_way(request), self._named):
                    response = await self._transport.handle_async_request(request)
                with _translate_errors(named=self._named):
                    async for piece in _unpack(response):
                        taken.add(piece)
        except TimeoutError:
            if response is None:
                late = f"{self._named} did not answer within {within_s:g} s."
                raise OutcomeUnknown(late) from None
            taken.cut = f"was not whole after {within_s:g} s"
        except UnfitAnswer as error:
            taken.cut = error.message
        except OutcomeUnknown as error:
            if response is None:
                raise
            taken.cut = f"broke off ({error.message.rstrip('.')})"
        finally:
            await _let_go(response)
        assert response is not None
        is_copy = "Age" in response.headers  # its Date is then an old one
        date = "" if is_copy else response.headers.get("Date", "")
        return Reply(
            response.status_code,
            bytes(taken.body),
            taken.cut,
            date,
            is_copy,
            {name.lower(): value for name, value in response.headers.items()},
        )

    @asynccontextmanager
    async def open(
        self, url: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Incoming]:
        """A file, piece by piece, asked for with more `headers`. The chunks raise OutcomeUnknown
        when they break off or fall behind `allow_time`.
        """
        request = self._build_request("GET", url, GRACE_S, {"headers": headers or {}})
        response: httpx.Response | None = None
        try:
            try:
                async with asyncio.timeout(GRACE_S):
                    with _translate_errors(self._describe_way(request)):
                        response = await self._transport.handle_async_request(request)
            except TimeoutError:
                raise OutcomeUnknown(f"no answer came within {GRACE_S:g} s.") from None
            length = response.headers.get("Content-Length", "")
            told = length.isascii() and length.isdecimal() and len(length) < 16
            whole = _read_encoding(response) == ""
            size_bytes = int(length) if told and whole else None
            yield Incoming(response.status_code, size_bytes, _bound_waiting(_unpack(response)))
        finally:
            await _let_go(response)

    def _build_request(
        self, method: str, url: str, within_s: float, content: Content
    ) -> httpx.Request:
        connect_s = min(CONNECT_S, within_s)
        waits = {"connect": connect_s, "read": within_s, "write": within_s, "pool": connect_s}
        own = content.get("headers", {})
        try:
            return httpx.Request(
                method,
                url,
                headers={**self._headers, **own},
                params=content.get("params"),
                content=content.get("content"),
                data=content.get("data"),
                files=content.get("files"),
                extensions={"timeout": waits},
            )
        except (httpx.InvalidURL, ValueError, ArithmeticError) as error:
            raise NotReached("the address is no URL that can be asked.") from error


class _Taken:
    """The bytes of an answer, as far as they were taken, and why no more."""

    def __init__(self, most_bytes: int) -> None:
        self.body = bytearray()
        self.cut = ""
        self._most_bytes = most_bytes

    def add(self, piece: bytes) -> None:
        room = self._most_bytes - len(self.body)
        self.body += piece[:room]
        if len(piece) > room:
            raise UnfitAnswer(f"is larger than {self._most_bytes >> 20} MiB")


# ------------------------------------------------------------------ bytes


def _read_encoding(response: httpx.Response) -> str:
    """How the body is packed; empty for not at all, which is what was asked for."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


async def _unpack(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body, in pieces of no more than 64 KiB, unpacked bit by bit: whatever was promised about
    it, no more is held than that.

    What is not packed as it says, or in a way that is not known, comes as it is, and then
    UnfitAnswer: an id may stand in it all the same.
    """
    packing, lie = "" if response.is_stream_consumed else _read_encoding(response), ""
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32) if packing in _PACKINGS else None
    if packing and unpack is None:
        lie = f'came packed as "{make_plain_line(packing)}", which was not asked for'
    async for chunk in _read_chunks(response):
        rest = chunk
        while rest:
            if unpack is not None and not unpack.eof:
                try:
                    piece, rest = unpack.decompress(rest, _CHUNK_BYTES), unpack.unconsumed_tail
                except zlib.error:
                    unpack, lie = None, f"is not packed as {packing}, as it says"
                    continue
            elif unpack is None:
                piece, rest = rest[:_CHUNK_BYTES], rest[_CHUNK_BYTES:]
            else:
                return
            yield piece
    if unpack is not None and not unpack.eof:
        lie = "broke off"
    if lie:
        raise UnfitAnswer(lie)


async def _read_chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    if response.is_stream_consumed:  # a transport of tests has looked into it
        yield response.content
        return
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:
        yield chunk


async def _bound_waiting(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks. Only the waiting for them counts, not what is done with them. Raises
    OutcomeUnknown.
    """
    loop, waited_s, arrived_bytes = asyncio.get_running_loop(), 0.0, 0
    while True:
        begun = loop.time()
        try:
            async with asyncio.timeout(max(0.0, allow_time(arrived_bytes) - waited_s)):
                with _translate_errors():
                    chunk = await anext(chunks, None)
        except TimeoutError:
            raise OutcomeUnknown(
                f"the file came too slowly: {arrived_bytes:,} bytes in {waited_s:.0f} s and"
                f" {GRACE_S:.0f} s of patience."
            ) from None
        except UnfitAnswer as error:
            raise OutcomeUnknown(f"what came {error.message}.") from None
        if chunk is None:
            return
        waited_s += loop.time() - begun
        arrived_bytes += len(chunk)
        yield chunk


async def _let_go(response: httpx.Response | None) -> None:
    if response is not None:
        with suppress(*_BROKEN):
            async with asyncio.timeout(_CLOSING_S):
                await response.aclose()


@contextmanager
def _translate_errors(way: str = "", named: str = "the service") -> Iterator[None]:
    """httpx's errors in our words; their messages name no URL, so no signature can leak. `way` says
    through which proxy a connection to `named` was sought.
    """
    try:
        yield
    except TimeoutError:
        raise
    except _CONNECTING as error:
        raise NotReached(
            f"{named} cannot be reached{way} ({_describe_error(error)}).", hint=_UNREACHED
        ) from error
    except httpx.TimeoutException as error:
        raise OutcomeUnknown(f"{named} did not answer in time.") from error
    except UnicodeError as error:  # the name of a host that no resolver takes
        raise NotReached(f"{named} cannot be reached (no name of a host).") from error
    except Exception as error:
        if not isinstance(error, (*_BROKEN, *list_socks_errors())):
            raise
        raise OutcomeUnknown(f"the connection broke ({_describe_error(error)}).") from error


def _describe_error(error: Exception) -> str:
    text = make_plain_line(str(error).strip(), 200)
    if text == "All connection attempts failed":
        return "no connection"
    return text if text and "://" not in text else type(error).__name__
