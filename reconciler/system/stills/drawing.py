"""Makes posters, small films and filmstrips. Runs in the worker's process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

import av
from PIL import Image

from reconciler.system.probe.frames import fit_frame, open_picture
from reconciler.system.probe.refusal import Refusal
from reconciler.system.probe.video import open_clip
from reconciler.system.stills.kinds import (
    POSTER_SIDE_PX,
    PREVIEW_SIDE_PX,
    STRIP_HEIGHT_PX,
    STRIP_TILES,
    StillKind,
)

_POSTER_AT = 0.5  # of the length of a film
_LONGEST_S = 60.0  # of a film; more of it is left out
_PREVIEW_FPS = 30
_PREVIEW_OPTIONS = {"crf": "30", "preset": "veryfast"}
_from_image: Any = av.VideoFrame.from_image  # which has no types
_SOUND = "aac"  # which is taken over as it is; other sound is left out


def draw(kind: str, content: IO[bytes], form: str) -> bytes:
    """The bytes of a small one of a medium. Raises Refusal."""
    try:
        made: bytes = _DRAWERS[StillKind(kind)](content, form)
        return made
    except (MemoryError, Refusal):
        raise
    except Exception as error:  # a decoder of strangers' bytes raises what it likes
        raise Refusal("it is nothing that a picture can be made of") from error


def _draw_poster(content: IO[bytes], form: str) -> bytes:
    return _encode_picture(_find_picture(content, form))


def _find_picture(content: IO[bytes], form: str) -> Image.Image:
    """The picture that stands for a medium."""
    if form != "mp4":
        return open_picture(content, form, (POSTER_SIDE_PX, POSTER_SIDE_PX))
    with open_clip(content) as container:
        stream = _find_stream(container)
        length_s = _measure_length_s(container, stream)
        if length_s and stream.time_base:
            begin = stream.start_time or 0
            container.seek(begin + int(length_s * _POSTER_AT / stream.time_base), stream=stream)
        frame = None
        for frame in container.decode(stream):
            if frame.time is None or frame.time >= length_s * _POSTER_AT:
                break
        if frame is None:
            raise Refusal("it has no pictures")
        return fit_frame(frame, (POSTER_SIDE_PX, POSTER_SIDE_PX))


def _draw_filmstrip(content: IO[bytes], form: str) -> bytes:
    with open_clip(_require_clip(content, form)) as container:
        stream = _find_stream(container)
        length_s = min(_measure_length_s(container, stream), _LONGEST_S)
        tiles = list(_pick_tiles(container, stream, length_s))
    if not tiles:
        raise Refusal("it has no pictures")
    tiles += [tiles[-1]] * (STRIP_TILES - len(tiles))
    width = tiles[0].width
    strip = Image.new("RGB", (width * STRIP_TILES, STRIP_HEIGHT_PX))
    for number, tile in enumerate(tiles):
        strip.paste(tile.resize((width, STRIP_HEIGHT_PX)), (number * width, 0))
    return _encode_picture(strip)


def _pick_tiles(
    container: av.container.InputContainer, stream: av.VideoStream, length_s: float
) -> Iterator[Image.Image]:
    """The pictures in the middle of as many equal parts of a film."""
    number = 0
    for frame in container.decode(stream):
        at_s = frame.time or 0.0
        due = (number + 0.5) * length_s / STRIP_TILES
        if number < STRIP_TILES and at_s >= due:
            side = (
                STRIP_HEIGHT_PX * max(frame.width, frame.height) // min(frame.width, frame.height)
            )
            yield fit_frame(frame, (side, side))
            number += 1
        if number == STRIP_TILES:
            return


def _draw_preview(content: IO[bytes], form: str) -> bytes:
    out = io.BytesIO()
    with (
        open_clip(_require_clip(content, form)) as container,
        av.open(out, "w", format="mp4") as film,
    ):
        stream = _find_stream(container)
        _write_film(container, stream, film)
    return out.getvalue()


def _write_film(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    film: av.container.OutputContainer,
) -> None:
    rate = min(stream.average_rate or _PREVIEW_FPS, _PREVIEW_FPS)
    target = film.add_stream("libx264", rate=rate, options=_PREVIEW_OPTIONS)
    target.codec_context.thread_count = 1
    target.pix_fmt = "yuv420p"
    sound = next((one for one in container.streams.audio if one.name == _SOUND), None)
    heard = None if sound is None else film.add_stream_from_template(sound)
    next_at_s, is_sized, held = 0.0, False, []  # sound that comes before the size is known
    for packet in container.demux([one for one in (stream, sound) if one is not None]):
        if heard is not None and packet.stream is sound:
            if packet.dts is not None:
                packet.stream = heard
                held.append(packet)
        else:
            for frame in packet.decode():
                if not isinstance(frame, av.VideoFrame):
                    continue
                at_s = frame.time or 0.0
                if next_at_s - 1e-3 <= at_s <= _LONGEST_S:
                    next_at_s = max(next_at_s, at_s) + 0.9 / float(rate)
                    drawn = _draw_frame(frame)
                    if not is_sized:
                        target.width, target.height, is_sized = drawn.width, drawn.height, True
                    film.mux(target.encode(drawn))
        if is_sized:
            film.mux(held)
            held = []
    if not is_sized:
        raise Refusal("it has no pictures")
    film.mux(target.encode(None))


def _draw_frame(frame: av.VideoFrame) -> Any:
    """A frame for the small film, upright, at the moment of its own."""
    drawn: Any = _from_image(fit_frame(frame, (PREVIEW_SIDE_PX, PREVIEW_SIDE_PX), step=2))
    drawn.pts, drawn.time_base = frame.pts, frame.time_base
    return drawn


def _require_clip(content: IO[bytes], form: str) -> IO[bytes]:
    if form != "mp4":
        raise Refusal("it is a picture: there is no film of it")
    return content


def _find_stream(container: av.container.InputContainer) -> av.VideoStream:
    stream = next(iter(container.streams.video), None)
    if stream is None or stream.codec_context is None:
        raise Refusal("it has no pictures")
    stream.codec_context.thread_count = 1
    return stream


def _measure_length_s(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return max(0.0, float(stream.duration * stream.time_base))
    return max(0.0, (container.duration or 0) / av.time_base)


def _encode_picture(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=78, method=4)
    return out.getvalue()


def warm_up() -> None:
    """Make one of each, so that all that is ever needed is imported: the worker cannot open a file
    by then.
    """
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    for kind in StillKind:
        content.seek(0)
        draw(kind.value, content, "mp4")


_DRAWERS: dict[StillKind, Any] = {
    StillKind.POSTER: _draw_poster,
    StillKind.PREVIEW: _draw_preview,
    StillKind.FILMSTRIP: _draw_filmstrip,
}
