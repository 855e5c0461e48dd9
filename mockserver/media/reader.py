"""The media of a request: which they are, where their bytes come from, and whether they keep the
model's limits.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from mockserver.catalogue import Doc, Model, Variant
from mockserver.digest import canonical, sha256
from mockserver.errors import URL_FAULT, Fault, MediaError
from mockserver.media.storage import Storage
from mockserver.tasks.outcome import Source

RunBlocking = Callable[..., Awaitable[Any]]
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


@dataclass(frozen=True)
class Probe:
    """What is known of a stored medium. `format` is mp4, mov, jpeg, png, bmp, webp or another name."""

    kind: str  # video or image
    format: str
    width: int
    height: int
    duration_s: float = 0.0
    audio: bool = False
    alpha: bool = False
    size_bytes: int = 0
    # degrees that a player turns a video clockwise; width and height are those it then has
    turn: int = 0


class Prober(Protocol):
    """Reads what a stored file is."""

    def probe(self, path: Any, kind: str) -> Probe:
        """Look into a file that should be a video or an image. Raises MediaError when it is not."""


@dataclass(frozen=True)
class Medium:
    """A media reference of a request: its role, the kind of limits it is held to, and the text that
    was given.
    """

    role: str
    limits: str
    url: str


def media_of(variant: Variant, inputs: Doc) -> Iterator[Medium]:
    """Every media reference of an `input` whose fields are in order, as the model file marks them
    (x-media).
    """
    for name, field in variant.input["properties"].items():
        value = inputs.get(name)
        if value is None:
            continue
        if "x-media" in field:
            yield Medium(name, field["x-media"], value)
        elif field["type"] == "array" and "x-media" in field["items"]:
            most = field.get("maxItems", len(value))  # of more, the first ones are used
            yield from (Medium(name, field["items"]["x-media"], url) for url in value[:most])
        elif field["type"] == "array" and "x-media-by" in field["items"].get("properties", {}).get(
            "url", {}
        ):
            yield from (Medium(item["type"], item["type"], item["url"]) for item in value)


def job_sha256(request: Doc, request_sha256: str, digests: dict[str, str]) -> str:
    """Digest of a request in which each medium named in `digests` stands as the digest of its
    bytes.
    """
    if not digests:
        return request_sha256

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replaced(item) for key, item in value.items()}
        if isinstance(value, list):
            return [replaced(item) for item in value]
        return digests.get(value, value) if isinstance(value, str) else value

    return sha256(canonical({**request, "input": replaced(request.get("input"))}))


class MediaReader:
    """Finds the bytes behind media references and probes them.

    A medium by http is fetched with `fetch`, which stores it and gives its SHA-256; without, it is
    made up.
    """

    def __init__(
        self,
        storage: Storage,
        prober: Prober,
        run_blocking: RunBlocking,
        fetch: Fetch | None = None,
    ) -> None:
        self._storage, self._prober, self._run_blocking, self._fetch = (
            storage,
            prober,
            run_blocking,
            fetch,
        )

    async def read(
        self,
        model: Model,
        model_name: str,
        account: str,
        media: Iterable[Medium],
        resolve_oss: bool,
    ) -> tuple[list[Source], dict[str, str], list[Fault]]:
        """The sources of a request, the digests of those whose bytes are here (by given text),
        and the faults.

        `resolve_oss` is whether the request carried X-DashScope-OssResourceResolve: enable. Without it an oss://
        reference is an unusable URL (assumption; the page only says that leaving it out "causes
        errors").
        """
        sources: list[Source] = []
        digests: dict[str, str] = {}
        faults: list[Fault] = []
        for medium in media:
            limits = model.media[medium.limits]
            try:
                if medium.url.startswith("oss://") and not resolve_oss:
                    raise MediaError(*URL_FAULT)
                digest = await self._digest(medium, limits, account, model_name)
                if digest is None:
                    sources.append(made_up(medium, limits))
                    continue
                # a job is told apart by the URL, whatever lies there today
                if not _is_http(medium.url):
                    digests[medium.url] = digest
                probe = await self._probe(digest, limits["kind"])
                check_limits(medium, limits, probe)
                size = (probe.width, probe.height)
                source = Source(
                    medium.role,
                    limits["kind"],
                    digest,
                    *size,
                    probe.duration_s,
                    probe.audio,
                    probe.turn,
                )
                sources.append(source)
            except MediaError as error:
                faults.append(error.fault)
        return sources, digests, faults

    async def _digest(
        self, medium: Medium, limits: Doc, account: str, model_name: str
    ) -> str | None:
        url = medium.url
        if url.startswith("oss://"):
            stored = self._storage.uploaded(url.removeprefix("oss://"), account, model_name)
            if stored is None:
                raise MediaError("InvalidParameter", f"Failed to download {url}")
            return f"sha256:{stored}"
        if url[:5].lower() == "data:":
            if not limits["data_uri"]:
                raise MediaError(*URL_FAULT)
            stored = await self._run_blocking(self._store_inlined, url)
            return f"sha256:{stored}"
        if not _is_http(url):
            raise MediaError(*URL_FAULT)
        return f"sha256:{await self._fetch(url)}" if self._fetch is not None else None

    def _store_inlined(self, url: str) -> str:
        mime, data = read_data_uri(url)
        if not data:
            raise MediaError(*URL_FAULT)
        name = self._storage.keep_bytes(data)
        form = self._prober.probe(self._storage.medium(name), "image").format
        if MIME_FORMATS.get(mime) != form:
            raise MediaError(
                "InvalidFile.Format", f"The data is {form}, but its MIME type says {mime}"
            )
        return name

    async def _probe(self, digest: str, kind: str) -> Probe:
        probe: Probe = await self._run_blocking(
            self._prober.probe, self._storage.medium(digest[7:]), kind
        )
        return probe


def read_data_uri(url: str) -> tuple[str, bytes]:
    """The MIME type of a data URI in small letters, and its bytes; none where it cannot be read.

    RFC 2397: case does not matter, parameters may stand before `base64`, the data may be
    percent-encoded, and line ends in Base64 count for nothing. Whether the service takes all of it
    is not documented (assumption).
    """
    head, comma, text = url[5:].partition(",")
    mime, *parameters = [part.strip().lower() for part in head.split(";")]
    try:
        data = unquote_to_bytes(text.encode("ascii"))
        if parameters and parameters[-1] == "base64":
            data = base64.b64decode(b"".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return mime, b""
    return mime, data if comma else b""


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def made_up(medium: Medium, limits: Doc) -> Source:
    """The clip or image that stands for a URL that was not fetched: decided by the URL without its
    query.
    """
    digest = _url_digest(medium.url)
    longest = limits.get("duration_s", [0, MADE_UP_S])[1]
    duration_s = min(MADE_UP_S, longest) if limits["kind"] == "video" else 0.0
    return Source(medium.role, limits["kind"], digest, *MADE_UP_SIZE, duration_s)


@functools.lru_cache(maxsize=256)
def _url_digest(url: str) -> str:
    parts = urlsplit(url)
    return "url:" + sha256(f"{parts.scheme}://{parts.netloc}{parts.path}".encode())


def check_limits(medium: Medium, limits: Doc, probe: Probe) -> None:
    """Raise MediaError with the InvalidFile code of the first limit of the model file that a medium
    breaks.
    """
    low, high = limits.get("duration_s", (0, float("inf")))
    sides, aspects = limits.get("side_px", (1, 1 << 30)), limits.get("aspect", (0, float("inf")))
    aspect = probe.width / probe.height
    what = medium.role
    if probe.format not in limits["formats"]:
        raise MediaError(
            "InvalidFile.Format",
            f"{what}: the format should be one of {', '.join(limits['formats'])}",
        )
    if probe.alpha and limits.get("alpha") is False:
        raise MediaError("InvalidFile.Format", f"{what}: an alpha channel is not supported")
    if probe.size_bytes > limits.get("size_bytes", 1 << 62):
        raise MediaError(
            "InvalidFile.Size",
            f"{what}: the file should not be larger than {limits['size_bytes']} bytes",
        )
    if probe.kind == "video" and not low - 0.05 <= probe.duration_s <= high + 0.05:
        raise MediaError(
            "InvalidFile.Duration", f"{what}: Duration should be between {low} and {high}"
        )
    if not all(sides[0] <= side <= sides[1] for side in (probe.width, probe.height)):
        raise MediaError(
            "InvalidFile.Resolution", f"{what}: each side should be {sides[0]} to {sides[1]} pixels"
        )
    if not aspects[0] <= aspect <= aspects[1]:
        raise MediaError(
            "InvalidFile.AspectRatio", f"{what}: the aspect ratio should be 1:8 to 8:1"
        )
