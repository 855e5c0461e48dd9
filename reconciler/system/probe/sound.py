"""Tells what a sound is, by the demuxer of its own form and no other. Runs in the worker's process.

The sound is read and decoded to its last packet; its length is what was decoded, since headers of
MP3 files only guess.
"""

from __future__ import annotations

import contextlib
import io
from typing import IO, Any

import av

from reconciler.system.probe.refusal import Refusal

LONGEST_S = 24 * 3600
_OPTIONS = {"protocol_whitelist": "file"}
_HEAD_BYTES = 1 << 16  # in which an MP3 file has its first frame, after its tags
_MOST_MISSING = 0.05  # of what a header promises: more, and the file was cut


def read_sound(file: IO[bytes], form: str, size_bytes: int) -> dict[str, Any]:
    """The facts of a sound whose first bytes say that it has this form ("wav", "mp3").

    Raises Refusal.
    """
    # a WAV file tells its length; an MP3 file does where its first frame is one of these
    head = file.read(_HEAD_BYTES)
    tells = form == "wav" or any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))
    file.seek(0)
    try:
        with av.open(file, "r", format=form, options=_OPTIONS, io_open=_refuse) as container:
            length_s = _decode(container, tells=tells)
    except (Refusal, MemoryError):
        raise
    except Exception:  # a demuxer of strangers' bytes raises what it likes
        raise Refusal("it is no sound that can be opened") from None
    return {
        "kind": "audio",
        "format": form,
        "size_bytes": size_bytes,
        "width": 0,
        "height": 0,
        "duration_s": round(length_s, 3),
    }


def _refuse(*_: object) -> Any:
    raise PermissionError("a sound may not open anything else")


def _decode(container: av.container.InputContainer, *, tells: bool) -> float:
    """The length in seconds of what can be heard."""
    stream = next(iter(container.streams.audio), None)
    if stream is None or stream.codec_context is None:
        raise Refusal("it has no sound that can be decoded")
    stream.codec_context.thread_count = 1
    length_s, failed = 0.0, 0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise Refusal(f"it is cut short or damaged after {length_s:.1f} s")
        try:
            frames = packet.decode()
        except (av.FFmpegError, EOFError):
            failed += 1
            continue
        for frame in frames:
            length_s += frame.samples / frame.sample_rate if frame.sample_rate else 0.0
    if not length_s:
        raise Refusal("it has no sound that can be decoded")
    if failed > 1:  # the last packet of many recordings is not whole
        raise Refusal(f"it is damaged: {failed} of its parts cannot be decoded")
    if tells:
        told_s = (container.duration or 0) / av.time_base
        if told_s > length_s * (1 + _MOST_MISSING) + 0.1:
            raise Refusal(
                f"it is cut short or damaged: its header says {told_s:,.1f} s, and it has"
                f" {length_s:,.1f} s"
            )
    if length_s > LONGEST_S:
        raise Refusal(f"it lasts {length_s:,.0f} s, which no sound here does")
    return length_s


def warm_up() -> None:
    """Write and read sounds of each form, so that PyAV has imported all that it ever needs."""
    for form, codec, layout in (("wav", "pcm_s16le", "s16"), ("mp3", "mp3", "s16p")):
        content = io.BytesIO()
        with av.open(content, "w", format=form) as container:
            stream: Any = container.add_stream(codec, rate=44_100, layout="mono")
            samples = av.AudioFrame(format=layout, layout="mono", samples=1152)
            samples.sample_rate = 44_100
            container.mux([*stream.encode(samples), *stream.encode()])
        content.seek(0)
        read_sound(content, form, len(content.getvalue()))
        with contextlib.suppress(Refusal):
            read_sound(io.BytesIO(b"RIFF\0\0\0\0WAVE"), form, 12)
