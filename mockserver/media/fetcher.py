"""Fetches media by http(s), as the service does.

It is off unless asked for, since a test should not depend on the internet. What cannot be had
fails the task with `Failed to download <url>` (measured by third parties). The download happens
before the POST is answered, where the service does it afterwards (assumption: nobody can tell the
difference).
"""

from __future__ import annotations

import aiohttp

from mockserver.errors import MediaError
from mockserver.media.storage import Storage

TIMEOUT_S = 10.0  # assumption: how long the service waits for an input is not documented
MOST_REDIRECTS = 5  # assumption
CHUNK_BYTES = 256 << 10
# Also what a URL that is none comes to: a port beyond all ports, a name that no resolver takes.
_FAILURES = (aiohttp.ClientError, OSError, ValueError, ArithmeticError)


class Fetcher:
    """Downloads inputs into the storage, at most `max_size_bytes` each."""

    def __init__(self, storage: Storage, max_size_bytes: int) -> None:
        self._storage, self._max_size_bytes = storage, max_size_bytes

    async def fetch(self, url: str) -> str:
        """Store the bytes behind a URL and return their SHA-256. Raises MediaError."""
        incoming = self._storage.receive()
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                    headers={"Accept-Encoding": "identity"},
                    auto_decompress=False,  # what is small on the way must not be large here
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.get(url, max_redirects=MOST_REDIRECTS) as response,
            ):
                response.raise_for_status()
                promised_bytes = response.content_length or 0
                if promised_bytes > self._max_size_bytes:
                    raise _build_too_large()
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    incoming.write(chunk)
                    if incoming.size_bytes > self._max_size_bytes:
                        raise _build_too_large()
            return self._storage.keep(incoming)
        except _FAILURES as error:
            raise MediaError("InvalidParameter", f"Failed to download {url}") from error
        finally:
            incoming.discard()


def _build_too_large() -> MediaError:
    return MediaError("InvalidFile.Size", "The file is too large")
