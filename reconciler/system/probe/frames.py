"""Reads single frames of a medium, small and upright. Runs in the worker's process."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import IO, Any

import av
from PIL import Image

from reconciler.system.probe.image import DRAFT_PX, WHOLE_PX
from reconciler.system.probe.refusal import Refusal
from reconciler.system.probe.video import open_clip

_AHEAD_S = 0.02  # less than a frame: the one that is shown at a moment may begin a little later

_ROUNDING_S = 1e-4  # a moment is written in thousandths of a second, a frame's time in other parts
_ANY_BOX = (1 << 15, 1 << 15)


def read_frames(
    content: IO[bytes], form: str, moments_s: Sequence[float], box: Sequence[int]
) -> list[dict[str, Any]]:
    """What is shown at some moments, the earliest first; after the end what was shown last. Of a
    picture it is the picture, once. Each fits into `box` (width, height). Raises Refusal.
    """
    try:
        if form != "mp4":
            return [_describe(open_picture(content, form, box))]
        with open_clip(content) as container:
            frames = _find_frames(container, moments_s)
            found = [_describe(fit_frame(one, box, enlarge=True)) for one in frames]
    except (MemoryError, Refusal):
        raise
    except Exception:  # a decoder of strangers' bytes raises what it likes
        raise Refusal("it is nothing that frames can be read of") from None
    if not found:
        raise Refusal("it has no frames")
    return found


def _find_frames(container: Any, moments_s: Sequence[float]) -> Iterator[Any]:
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    due, last = list(moments_s), None
    for frame in container.decode(stream):
        while due and last is not None and (frame.time or 0.0) > due[0] + _AHEAD_S:
            yield last
            due.pop(0)
        last = frame
        if not due:
            return
    for _ in due if last is not None else ():
        yield last


def cut_frame(content: IO[bytes], moment_s: float | None) -> bytes:
    """The frame that a video shows at a moment, counted from its first frame; None: its last one.
    As PNG, upright, of all its pixels. Raises Refusal.
    """
    try:
        with open_clip(content) as container:
            frame = _find_frame(container, moment_s)
            if frame is None:
                raise Refusal("it has no frames")
            out = io.BytesIO()
            fit_frame(frame, _ANY_BOX).save(out, "PNG")
            return out.getvalue()
    except (MemoryError, Refusal):
        raise
    except Exception:  # a decoder of strangers' bytes raises what it likes
        raise Refusal("it is nothing that a frame can be cut of") from None


def _find_frame(container: Any, moment_s: float | None) -> Any:
    """The last frame that begins at or before a moment; frames come in the order of time."""
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    begin_s, found = None, None
    for frame in container.decode(stream):
        at_s = frame.time or 0.0
        begin_s = at_s if begin_s is None else begin_s
        if found is not None and moment_s is not None and at_s - begin_s > moment_s + _ROUNDING_S:
            break
        found = frame
    return found


def fit_frame(
    frame: Any, box: Sequence[int], *, enlarge: bool = False, step: int = 1
) -> Image.Image:
    """A frame as a picture, upright, that fits into `box` (width, height) and has sides that are
    multiples of `step`.
    """
    turned = frame.rotation % 180 == 90  # phones store upright films lying down
    wide, high = (box[1], box[0]) if turned else (box[0], box[1])
    scale = min(wide / frame.width, high / frame.height)
    if not enlarge:
        scale = min(1.0, scale)
    width, height = (
        max(step, round(side * scale) // step * step) for side in (frame.width, frame.height)
    )
    small: Image.Image = frame.reformat(
        width=min(width, wide), height=min(height, high), format="rgb24"
    ).to_image()
    return small.rotate(frame.rotation, expand=True) if frame.rotation % 360 else small


def open_picture(content: IO[bytes], form: str, box: Sequence[int]) -> Image.Image:
    """A picture, small enough for `box`. Raises Refusal, and what a decoder raises."""
    Image.MAX_IMAGE_PIXELS = None  # the sides are looked at here
    with Image.open(content, formats=(form.upper(),)) as image:
        if form == "jpeg" and image.width * image.height > DRAFT_PX:
            image.draft("RGB", (image.width // 8, image.height // 8))
        if image.width * image.height > WHOLE_PX:
            raise Refusal("it is too large for a small picture of it")
        image.thumbnail((box[0], box[1]))
        return image.convert("RGB")


def _describe(image: Image.Image) -> dict[str, Any]:
    pixels = b64encode(image.tobytes()).decode()
    return {"width": image.width, "height": image.height, "rgb": pixels}


def warm_up() -> None:
    """Read frames of a clip and of a picture, so that all that is ever needed is imported: the
    worker cannot open a file by then.
    """
    clip, picture = io.BytesIO(), io.BytesIO()
    with av.open(clip, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    clip.seek(0)
    read_frames(clip, "mp4", [0.1, 0.3], (32, 32))
    clip.seek(0)
    cut_frame(clip, None)
    Image.new("RGBA", (64, 64)).save(picture, "PNG")
    read_frames(picture, "png", [0.0], (32, 32))
