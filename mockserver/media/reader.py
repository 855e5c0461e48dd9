"""Reads the media of a request: finds their bytes, probes them, and holds them to the limits."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mockserver.catalogue import Doc, Model
from mockserver.digest import compute_sha256
from mockserver.errors import URL_FAILURE, Failure, MediaError
from mockserver.media.limits import check_limits
from mockserver.media.plan import Source
from mockserver.media.references import MediaReference, is_http, read_data_uri
from mockserver.media.renderer import Probe, Renderer, RunBlocking
from mockserver.media.storage import Storage

# Stores the bytes behind a URL, and gives their SHA-256.
Fetch = Callable[[str], Awaitable[str]]

MADE_UP_SIZE = (1280, 720)  # of a medium that was not fetched
MADE_UP_S = 5.0  # its length when it is a video; shorter where the model takes less
MIME_FORMATS = {
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/png": "png",
    "image/bmp": "bmp",
    "image/webp": "webp",
}


@dataclass
class MediaReading:
    """What the media of a request came to.

    `digests` holds, by the text that was given, the digest of each medium whose bytes are here.
    """

    sources: list[Source] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


class MediaReader:
    """Finds the bytes behind media references and probes them.

    A medium by http is fetched with `fetch`; without `fetch` it is made up.
    """

    def __init__(
        self,
        storage: Storage,
        renderer: Renderer,
        run_blocking: RunBlocking,
        fetch: Fetch | None = None,
    ) -> None:
        self._storage, self._renderer = storage, renderer
        self._run_blocking, self._fetch = run_blocking, fetch

    async def read(
        self,
        model: Model,
        model_name: str,
        account: str,
        references: Iterable[MediaReference],
        resolve_oss: bool,
    ) -> MediaReading:
        """Read every medium of a request; what is wrong with one is among the failures.

        `resolve_oss` is whether the request carried X-DashScope-OssResourceResolve: enable.
        Without it an oss:// reference is an unusable URL (assumption; the page only says that
        leaving it out "causes errors").
        """
        reading = MediaReading()
        for reference in references:
            limits = model.media[reference.limits]
            try:
                if self._fetch is None and is_http(reference.url):
                    reading.sources.append(make_up_source(reference, limits))
                    continue
                if reference.url.startswith("oss://") and not resolve_oss:
                    raise MediaError(*URL_FAILURE)
                sha256 = await self._find_bytes(reference.url, limits, account, model_name)
                # A job is told apart by the URL, whatever lies there today.
                if not is_http(reference.url):
                    reading.digests[reference.url] = f"sha256:{sha256}"
                if not limits.get("opened", True):
                    reading.sources.append(make_up_source(reference._replace(url=sha256), limits))
                    continue
                probe = await self._probe(sha256, limits["kind"])
                check_limits(reference.role, limits, probe)
                reading.sources.append(_build_source(reference, limits, sha256, probe))
            except MediaError as error:
                reading.failures.append(error.failure)
        return reading

    async def _find_bytes(self, url: str, limits: Doc, account: str, model_name: str) -> str:
        """The SHA-256 of the bytes behind a reference, which are stored then.

        Raises MediaError for what cannot be had.
        """
        if url.startswith("oss://"):
            sha256 = self._storage.find_upload(url.removeprefix("oss://"), account, model_name)
            if sha256 is None:
                raise MediaError("InvalidParameter", f"Failed to download {url}")
            return sha256
        if url[:5].lower() == "data:":
            if not limits["data_uri"]:
                raise MediaError(*URL_FAILURE)
            store = self._store_inline if limits.get("opened", True) else self._store_unopened
            stored: str = await self._run_blocking(store, url)
            return stored
        if not is_http(url):
            raise MediaError(*URL_FAILURE)
        assert self._fetch is not None  # else it is made up, and nobody looks for its bytes
        return await self._fetch(url)

    def _store_inline(self, url: str) -> str:
        """Store the image in a data URI, whose MIME type must be true, and give its SHA-256."""
        mime, data = read_data_uri(url)
        if not data:
            raise MediaError(*URL_FAILURE)
        sha256 = self._storage.keep_bytes(data)
        probe = self._renderer.probe(self._storage.get_medium(sha256), "image")
        if MIME_FORMATS.get(mime) != probe.format:
            raise MediaError(
                "InvalidFile.Format", f"The data is {probe.format}, but its MIME type says {mime}"
            )
        return sha256

    def _store_unopened(self, url: str) -> str:
        """Store the bytes of a data URI, whatever they are, and give their SHA-256."""
        _, data = read_data_uri(url)
        if not data:
            raise MediaError(*URL_FAILURE)
        return self._storage.keep_bytes(data)

    async def _probe(self, sha256: str, kind: str) -> Probe:
        path = self._storage.get_medium(sha256)
        probe: Probe = await self._run_blocking(self._renderer.probe, path, kind)
        return probe


def _build_source(reference: MediaReference, limits: Doc, sha256: str, probe: Probe) -> Source:
    return Source(
        role=reference.role,
        kind=limits["kind"],
        digest=f"sha256:{sha256}",
        width=probe.width,
        height=probe.height,
        duration_s=probe.duration_s,
        audio=probe.audio,
        turn=probe.turn,
    )


def make_up_source(reference: MediaReference, limits: Doc) -> Source:
    """The clip or image that stands for a URL that was not fetched.

    What it shows is decided by the URL without its query.
    """
    longest_s = limits.get("duration_s", [0, MADE_UP_S])[1]
    duration_s = 0.0 if limits["kind"] == "image" else min(MADE_UP_S, longest_s)
    return _build_made_up_source(reference.role, limits["kind"], reference.url, duration_s)


@functools.lru_cache(maxsize=256)
def _build_made_up_source(role: str, kind: str, url: str, duration_s: float) -> Source:
    parts = urlsplit(url)
    digest = compute_sha256(f"{parts.scheme}://{parts.netloc}{parts.path}".encode())
    return Source(role, kind, f"url:{digest}", *MADE_UP_SIZE, duration_s)
