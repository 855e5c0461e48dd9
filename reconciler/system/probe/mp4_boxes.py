"""Reads what the boxes of an MP4 or MOV file say, without a decoder.

They tell the brand, the lengths and sides of the headers, and whether the file is as long as its
boxes.

FFmpeg puts wrong headers right in silence; a player or the service may not. What they say is held
against what the frames say in `video`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

_MOST_BOXES = 10_000  # of a sane file it is a few hundred
_DEEPEST = 6
_HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_TIMES = {0: 12, 1: 20}  # where scale and length stand in mvhd and mdhd, by their version
_LENGTH, _SIDES = {0: 20, 1: 28}, {0: 76, 1: 88}  # the same of tkhd
_UNKNOWN_32, _UNKNOWN_64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its type, where its content begins, and where it ends, in bytes of the file."""

    type: bytes
    start: int
    end: int


@dataclass(slots=True)
class Track:
    """What the headers of one track say; 0 where they say nothing."""

    handler: bytes = b""
    lengths_s: list[float] = field(default_factory=list)  # of tkhd, and of mdhd
    sides: list[tuple[float, float]] = field(default_factory=list)  # of tkhd, and of stsd


@dataclass(slots=True)
class Headers:
    """What the boxes of a file say."""

    brand: bytes | None = None  # of ftyp; None where there is none, as in old QuickTime files
    length_s: float = 0.0  # of the whole film
    scale: int = 0  # units of a second, in the headers of the film and of its tracks
    tracks: list[Track] = field(default_factory=list)
    types: set[bytes] = field(default_factory=set)  # of the boxes at the top
    broken: Box | None = None  # a box at the top that is longer than the file

    @property
    def form(self) -> str:
        """MP4 or MOV: the brand tells, and what has no brand is MOV."""
        return "mov" if self.brand is None or self.brand == b"qt  " else "mp4"


def read_headers(file: IO[bytes], size_bytes: int) -> Headers:
    """The headers of a file of `size_bytes`. Never fails: what cannot be read says nothing."""
    headers = Headers()
    for count, (depth, box) in enumerate(_walk(file, 0, size_bytes, 0)):
        if count > _MOST_BOXES:
            break
        if depth == 0:
            headers.types.add(box.type)
            if box.end > size_bytes:
                headers.broken = box
        _take(headers, file, box)
    return headers


def _walk(file: IO[bytes], start: int, end: int, depth: int) -> Iterator[tuple[int, Box]]:
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head[:8])
        begin = start + 8
        if length == 1 and len(head) == 16:
            length, begin = struct.unpack(">Q", head[8:])[0], start + 16
        elif length == 0:  # to the end
            length = end - start
        if length < begin - start:
            return
        box = Box(kind, begin, start + length)
        yield depth, box
        if kind in _HOLDERS and depth < _DEEPEST:
            yield from _walk(file, begin, min(box.end, end), depth + 1)
        start += length


def _take(headers: Headers, file: IO[bytes], box: Box) -> None:
    track = headers.tracks[-1] if headers.tracks else Track()
    if box.type == b"trak":
        headers.tracks.append(Track())
        return
    if box.type not in (b"ftyp", b"mvhd", b"mdhd", b"hdlr", b"tkhd", b"stsd"):
        return
    file.seek(box.start)
    data = file.read(min(128, box.end - box.start))
    try:
        match box.type:
            case b"ftyp" if headers.brand is None:
                headers.brand = data[:4]
            case b"mvhd":
                headers.scale, length = _read_scale_and_length(data)
                headers.length_s = _convert_to_seconds(length, headers.scale)
            case b"mdhd":
                scale, length = _read_scale_and_length(data)
                track.lengths_s.append(_convert_to_seconds(length, scale))
            case b"hdlr" if not track.handler:
                track.handler = data[8:12]
            case b"tkhd":
                (length,) = struct.unpack_from(
                    ">Q" if data[0] == 1 else ">I", data, _LENGTH[data[0]]
                )
                track.lengths_s.append(_convert_to_seconds(length, headers.scale))
                wide, high = struct.unpack_from(">II", data, _SIDES[data[0]])
                track.sides.append((wide / 65536, high / 65536))
            case b"stsd" if track.handler == b"vide":
                wide, high = struct.unpack_from(">HH", data, 40)
                track.sides.append((float(wide), float(high)))
    except (struct.error, IndexError, KeyError):  # shorter than it may be: it says nothing
        return


def _read_scale_and_length(data: bytes) -> tuple[int, int]:
    """Units of a second, and the length in such units, of an mvhd or mdhd box."""
    scale, length = struct.unpack_from(">IQ" if data[0] == 1 else ">II", data, _TIMES[data[0]])
    return int(scale), int(length)


def _convert_to_seconds(length: int, scale: int) -> float:
    """A length in seconds; 0 where it is left open."""
    return 0.0 if length in (_UNKNOWN_32, _UNKNOWN_64) or not scale else length / scale
