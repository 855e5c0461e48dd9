"""Local media: which file is meant, its digest, what is in it, and whether the service will take
it.

A file is opened only when its digest was never seen; PyAV and Pillow are loaded only then.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from reconciler.cache import Cache
from reconciler.desired.job import Facts, Input
from reconciler.desired.manifest import Edit, Medium
from reconciler.desired.models import MediaLimits
from reconciler.desired.references import data_bytes, data_format
from reconciler.desired.tree import Tree, Unusable
from reconciler.digest import sha256_hex
from reconciler.errors import Fault

_PROBE_VERSION = "2"
_MOV_BRANDS = {"mov", "mp4"}

Opener = Callable[[], AbstractContextManager[IO[bytes]]]


class Unreadable(ValueError):
    """The file is no picture or video that can be opened; the message says what it seems to be."""


class MediaDesk:
    """Looks at the media of edits, remembering what it saw."""

    def __init__(self, tree: Tree, cache: Cache) -> None:
        self._tree = tree
        self._cache = cache

    def look(self, edit: Edit, medium: Medium, limits: MediaLimits) -> tuple[Input, list[Fault]]:
        """The input behind a media reference, and what is wrong with it."""
        reference = medium.reference
        if reference.kind == "local":
            return self._local(edit, medium, limits)
        # the manifest refuses a video as a data URI
        if reference.kind != "data" or limits.kind == "video":
            return Input(medium, reference.identity), []
        raw = data_bytes(reference.value)
        digest = sha256_hex(raw)
        try:
            facts = self._facts(digest, limits.kind, lambda: io.BytesIO(raw), len(raw))
        except Unreadable as error:
            return Input(medium, f"sha256:{digest}"), [
                Fault(edit.place(medium.at), f"the data URI: {error}")
            ]
        faults = [
            Fault(edit.place(medium.at), f"the data URI {each}")
            for each in broken_limits(facts, limits)
        ]
        claimed = data_format(reference.value)
        if facts.format != claimed:
            faults.append(
                Fault(
                    edit.place(medium.at),
                    f"the data URI says {claimed} and holds {facts.format}; they must match",
                )
            )
        return Input(medium, f"sha256:{digest}", facts), faults

    def _local(self, edit: Edit, medium: Medium, limits: MediaLimits) -> tuple[Input, list[Fault]]:
        shown, place = f"the file {medium.reference.value}", edit.place(medium.at)
        try:
            file = self._tree.file(medium.reference.value)
            # not worth reading
            if limits.size_bytes is not None and file.size_bytes > limits.size_bytes:
                return Input(medium, None), [
                    Fault(place, f"{shown} {_too_large(file.size_bytes, limits.size_bytes)}")
                ]
            digest = file.digest()
            facts = self._facts(digest, limits.kind, file.open, file.size_bytes)
        except Unreadable as error:
            return Input(medium, None), [Fault(place, f"{shown}: {error}")]
        except Unusable as error:
            return Input(medium, None), [Fault(place, f"{shown} {error}")]
        faults = [Fault(place, f"{shown} {each}") for each in broken_limits(facts, limits)]
        return Input(medium, f"sha256:{digest}", facts, file.path), faults

    def _facts(self, digest: str, kind: str, opened: Opener, size_bytes: int) -> Facts:
        key = f"{_PROBE_VERSION}:{kind}:{digest}"
        known = self._cache.get("facts", key)
        if known is None:
            with opened() as file:
                known = asdict(probe(file, kind, size_bytes))
            self._cache.put("facts", key, json.loads(json.dumps(known)))
        return Facts(**known)


def probe(file: IO[bytes], kind: str, size_bytes: int) -> Facts:
    """Open a picture or a video and tell what it is. Raises Unreadable."""
    return _probe_image(file, size_bytes) if kind == "image" else probe_video(file, size_bytes)


def _probe_image(file: IO[bytes], size_bytes: int) -> Facts:
    from PIL import Image, UnidentifiedImageError  # lazy: start-up time

    try:
        with Image.open(file) as image:
            alpha = "A" in image.getbands() or "transparency" in image.info
            return Facts(
                "image",
                str(image.format).lower(),
                size_bytes,
                image.width,
                image.height,
                None,
                alpha,
            )
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise Unreadable("it is no picture that can be opened") from None


def probe_video(file: IO[bytes] | Path, size_bytes: int) -> Facts:
    """Container, sides and length of a video. Raises Unreadable."""
    import av  # lazy: start-up time

    try:
        with av.open(str(file) if isinstance(file, Path) else file, mode="r") as container:
            if not container.streams.video:
                raise Unreadable("it has no video track")
            stream = container.streams.video[0]
            if stream.duration is not None and stream.time_base is not None:
                duration = float(stream.duration * stream.time_base)
            else:
                duration = (container.duration or 0) / 1_000_000
            names = set(container.format.name.split(","))
            if stream.duration is None and container.duration is None:
                raise Unreadable("it has no length; a video is wanted here, not a picture")
            container_name = (
                _brand(container.metadata)
                if _MOV_BRANDS & names
                else container.format.name.replace(",", "/")
            )
            return Facts(
                "video", container_name, size_bytes, stream.width, stream.height, round(duration, 3)
            )
    except (av.error.FFmpegError, OSError, ValueError, UnicodeDecodeError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("it is no video that can be opened") from None


def _brand(metadata: Mapping[str, Any]) -> str:
    """MP4 and MOV are one family to the demuxer; the file's major brand tells them apart."""
    return "mov" if str(metadata.get("major_brand", "")).strip() == "qt" else "mp4"


def broken_limits(facts: Facts, limits: MediaLimits) -> Iterator[str]:
    """Each limit of the service that a medium breaks, as the end of a sentence about it."""
    if facts.format not in limits.formats:
        legal = ", ".join(each.upper() for each in limits.formats)
        yield (
            f"is {facts.format.upper()}; legal {'is' if len(limits.formats) == 1 else 'are'}"
            f" {legal}."
        )
    if limits.size_bytes is not None and facts.size_bytes > limits.size_bytes:
        yield _too_large(facts.size_bytes, limits.size_bytes)
    if limits.duration_s is not None and facts.duration_s is not None:
        low, high = limits.duration_s
        if not low - 0.05 <= facts.duration_s <= high + 0.05:
            legal = f"{low:g} to {high:g} s are" if low else f"at most {high:g} s is"
            cut = (
                " Cut it first; no parameter shortens an input." if facts.duration_s > high else ""
            )
            yield f"lasts {facts.duration_s:.1f} s; {legal} legal.{cut}"
    if limits.side_px is not None:
        low_px, high_px = limits.side_px
        if not (low_px <= facts.width <= high_px and low_px <= facts.height <= high_px):
            yield (
                f"is {facts.width}x{facts.height}; sides of {low_px} to {high_px} pixels are legal."
            )
    if limits.aspect is not None and facts.height and facts.width:
        low_ratio, high_ratio = limits.aspect
        if not low_ratio <= facts.width / facts.height <= high_ratio:
            legal = f"1:{1 / low_ratio:g} to {high_ratio:g}:1"
            yield f"is {facts.width}x{facts.height}; an aspect ratio of {legal} is legal."
    if limits.alpha is False and facts.alpha:
        yield "has an alpha channel, which the service refuses; save it without transparency."


def _too_large(size_bytes: int, most_bytes: int) -> str:
    return f"has {size_bytes / 2**20:.1f} MB; at most {most_bytes / 2**20:.0f} MB are legal."
