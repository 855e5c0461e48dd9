"""Looking into media files: videos with PyAV, images with Pillow."""

from __future__ import annotations

import warnings
from pathlib import Path

import av
from PIL import Image

from mockserver.errors import MediaError
from mockserver.media import Probe


def probe(path: Path, kind: str) -> Probe:
    """What a file is. Raises MediaError InvalidFile.Openerror when it is no readable video or
    image.
    """
    return _video(path) if kind == "video" else _image(path)


def _video(path: Path) -> Probe:
    try:
        with av.open(str(path)) as container:
            stream = next(iter(container.streams.video), None)
            first = next(container.decode(stream), None) if stream is not None else None
            if stream is None or first is None or not stream.width or not stream.height:
                raise MediaError("InvalidFile.Openerror", "The file has no video")
            # phones store upright films lying down, with a note to turn them
            turn = -first.rotation % 360 // 90 * 90
            size = (
                (stream.width, stream.height) if turn in (0, 180) else (stream.height, stream.width)
            )
            if stream.duration is not None and stream.time_base is not None:
                duration_s = float(stream.duration * stream.time_base)
            else:
                duration_s = (container.duration or 0) / av.time_base
            return Probe(
                kind="video",
                format=_container_format(container.format.name, path),
                width=size[0],
                height=size[1],
                duration_s=round(duration_s, 3),
                audio=bool(container.streams.audio),
                size_bytes=path.stat().st_size,
                turn=turn,
            )
    except (av.FFmpegError, OSError) as error:
        raise MediaError("InvalidFile.Openerror", "The video file cannot be opened") from error


def _container_format(name: str, path: Path) -> str:
    """MP4 and MOV are one demuxer; the brand in the first box tells them apart."""
    if "mp4" not in name.split(","):
        return name
    with path.open("rb") as file:
        head = file.read(12)
    return "mov" if head[4:8] != b"ftyp" or head[8:12] == b"qt  " else "mp4"


def _image(path: Path) -> Probe:
    try:
        with warnings.catch_warnings():
            # only the header is read
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                alpha = (
                    image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
                )
                form = (image.format or "").lower()
                return Probe(
                    "image", form, *image.size, alpha=alpha, size_bytes=path.stat().st_size
                )
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError("InvalidFile.Openerror", "The image file cannot be opened") from error
