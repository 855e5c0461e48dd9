"""Cuts the sound of a clip out, as WAV. Runs in the worker's process.

The same clip gives the same bytes: 16-bit samples behind a header that says nothing else.
"""

from __future__ import annotations

import contextlib
import io
import wave
from typing import IO, Any

import av

from reconciler.system.probe.refusal import Refusal
from reconciler.system.probe.video import open_clip

_SAMPLE_BYTES = 2


def cut_sound(content: IO[bytes], most_bytes: int) -> bytes:
    """All that is heard of a clip, as mono or stereo, at the pace of its samples. Raises Refusal,
    also where that is more than `most_bytes`.
    """
    try:
        with open_clip(content) as container:
            return _write_wave(container, most_bytes)
    except (MemoryError, Refusal):
        raise
    except Exception:  # a decoder of strangers' bytes raises what it likes
        raise Refusal("it is nothing that a sound can be cut of") from None


def _write_wave(container: Any, most_bytes: int) -> bytes:
    stream = next(iter(container.streams.audio), None)
    if stream is None or stream.codec_context is None:
        raise Refusal("it has no sound")
    stream.codec_context.thread_count = 1
    channels = min(stream.codec_context.channels, 2)
    layout = "mono" if channels == 1 else "stereo"
    resampler = av.AudioResampler(format="s16", layout=layout, rate=stream.rate)
    out, length_bytes = io.BytesIO(), 0
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(_SAMPLE_BYTES)
        file.setframerate(stream.rate)
        for part in _resample(container.decode(stream), resampler):
            samples = bytes(part.planes[0])[: part.samples * channels * _SAMPLE_BYTES]
            length_bytes += len(samples)
            if length_bytes > most_bytes:
                raise Refusal(f"its sound has more than {most_bytes >> 20} MB as WAV")
            file.writeframesraw(samples)
    if not length_bytes:
        raise Refusal("it has no sound")
    return out.getvalue()


def _resample(frames: Any, resampler: Any) -> Any:
    for frame in frames:
        frame.pts = None
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def warm_up() -> None:
    """Cut the sounds of a mono and of a stereo clip, so that all that is ever needed is imported:
    the worker cannot open a file by then.
    """
    for layout in ("mono", "stereo"):
        clip = io.BytesIO()
        with av.open(clip, "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=44_100, layout=layout)
            samples = av.AudioFrame(format="fltp", layout=layout, samples=1024)
            for plane in samples.planes:
                plane.update(bytes(plane.buffer_size))
            samples.sample_rate = 44_100
            container.mux([*stream.encode(samples), *stream.encode()])
        clip.seek(0)
        with contextlib.suppress(Refusal):
            cut_sound(clip, 1 << 20)
