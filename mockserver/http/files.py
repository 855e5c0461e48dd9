"""Files as bodies of answers: which part of a file is asked for, and sending it in chunks."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from mockserver.media.renderer import RunBlocking

CHUNK_BYTES = 256 << 10


class FileBody(Payload):
    """A part of a file as a response body, read a chunk at a time."""

    def __init__(self, path: Path, offset: int, size_bytes: int, run_blocking: RunBlocking) -> None:
        super().__init__(path, content_type="video/mp4")
        self.path, self.offset, self.size_bytes = path, offset, size_bytes
        self._run_blocking = run_blocking

    @property
    def size(self) -> int:
        """Bytes that will be sent."""
        return self.size_bytes

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Raise TypeError, since a video is no text."""
        raise TypeError(f"a video cannot be decoded as {encoding} text ({errors})")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send everything."""
        await self.write_with_length(writer, None)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Send at most so many bytes."""
        left = self.size_bytes
        if content_length is not None:
            left = min(content_length, left)
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while left > 0:
                chunk = await self._run_blocking(file.read, min(CHUNK_BYTES, left))
                if not chunk:
                    break
                await writer.write(chunk)
                left -= len(chunk)


def read_range(request: web.Request, size_bytes: int) -> tuple[int, int]:
    """First and last byte that a request asks for.

    An unusable Range is ignored, as object storage does.
    """
    try:
        span = request.http_range
    except ValueError:
        return 0, size_bytes - 1
    if span.start is None and span.stop is None:
        return 0, size_bytes - 1
    first, stop, _ = span.indices(size_bytes)
    if first >= stop:
        return 0, size_bytes - 1
    return first, stop - 1
