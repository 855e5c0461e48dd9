"""Answers that are long: media in pieces or parts of them, and events without an end."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from typing import IO

import orjson
from aiohttp import web

from reconciler.apply.events import RunBlocking
from reconciler.web.feed import Feed, FeedEvent

PIECE_BYTES = 128 << 10
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_PULSE_S = 15.0  # so long nothing may happen before a word is sent that keeps the connection
_AGAIN_MS = 1_000  # after which a browser connects again
_NEVER_OTHER = "private, max-age=31536000, immutable"  # bytes of a digest never change


async def send_medium(
    request: web.Request,
    digest: str,
    opening: AbstractContextManager[IO[bytes]],
    block: RunBlocking,
) -> web.StreamResponse:
    """A medium, or the part of it that is asked for, piece by piece. Raises NoMedium."""
    etag = f'"{digest}"'
    with ExitStack() as stack:
        file = await block(stack.enter_context, opening)
        size_bytes = await block(file.seek, 0, os.SEEK_END)
        content_type = _detect_type(await block(_read_head, file))
        headers = {
            "Accept-Ranges": "bytes",
            "Cache-Control": _NEVER_OTHER,
            "Content-Type": content_type,
            "ETag": etag,
        }
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        part = None
        if request.headers.get("If-Range", etag) == etag:
            part = find_part(request.headers.get("Range", ""), size_bytes)
        if part == (0, 0):
            headers["Content-Range"] = f"bytes */{size_bytes}"
            return web.Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
        begin, end = part or (0, size_bytes)
        if part is not None:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size_bytes}"
        response = web.StreamResponse(
            status=HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT, headers=headers
        )
        response.content_length = end - begin
        await response.prepare(request)
        if request.method != "HEAD":
            await _send_pieces(response, file, begin, end, block)
        await response.write_eof()
        return response


def send_still(request: web.Request, name: str, made: bytes, content_type: str) -> web.Response:
    """A small one of a medium, or the part of it that is asked for."""
    etag = f'"{name}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": _NEVER_OTHER,
        "Content-Type": content_type,
        "ETag": etag,
    }
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    part = find_part(request.headers.get("Range", ""), len(made))
    if part is None:
        return web.Response(body=made, headers=headers)
    begin, end = part
    if part == (0, 0):
        headers["Content-Range"] = f"bytes */{len(made)}"
        return web.Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(made)}"
    return web.Response(status=HTTPStatus.PARTIAL_CONTENT, body=made[begin:end], headers=headers)


async def _send_pieces(
    response: web.StreamResponse, file: IO[bytes], begin: int, end: int, block: RunBlocking
) -> None:
    """The bytes from `begin` to before `end`; each piece is away before the next is read."""
    await block(file.seek, begin)
    while begin < end:
        piece = await block(file.read, min(PIECE_BYTES, end - begin))
        if not piece:
            raise ConnectionError("the medium has become shorter while it was sent")
        await response.write(piece)
        begin += len(piece)


def find_part(text: str, size_bytes: int) -> tuple[int, int] | None:
    """Begin and end of the part that a Range header asks for; None: the whole, (0, 0): a part that
    there is not.
    """
    found = _RANGE.fullmatch(text.replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size_bytes)
        return (size_bytes - length, size_bytes) if length else (0, 0)
    begin = int(first)
    end = min(int(last) + 1, size_bytes) if last else size_bytes
    return (begin, end) if begin < end else (0, 0)


def _read_head(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(16)


def _detect_type(head: bytes) -> str:
    """The type of a medium by its first bytes; only what a browser shows as picture or film."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    for beginning, name in ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"BM", "bmp")):
        if head.startswith(beginning):
            return f"image/{name}"
    return "image/webp" if head[8:12] == b"WEBP" else "application/octet-stream"


async def send_events(request: web.Request, feed: Feed) -> web.StreamResponse:
    """Events as they happen, until either side ends it."""
    headers = {"Cache-Control": "no-store", "Content-Type": "text/event-stream"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(f"retry: {_AGAIN_MS}\n\n".encode())
    events = feed.read(request.headers.get("Last-Event-ID"))
    following = asyncio.ensure_future(anext(events))
    try:
        while True:
            done, _ = await asyncio.wait([following], timeout=_PULSE_S)
            if not done:
                await response.write(b": still here\n\n")
                continue
            await response.write(_format_event(following.result()))
            following = asyncio.ensure_future(anext(events))
    except (StopAsyncIteration, ConnectionError):
        return response
    finally:
        following.cancel()
        await asyncio.wait([following])
        await events.aclose()


def _format_event(event: FeedEvent) -> bytes:
    data = orjson.dumps(event.data)
    return f"id: {event.id}\nevent: {event.kind}\n".encode() + b"data: " + data + b"\n\n"
