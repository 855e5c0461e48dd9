"""Tells what a clip is, by the demuxer of MP4 and MOV and no other. Runs in the worker's process.

The clip is read to its last packet; its first frame is decoded, and of a mask every frame. What
header, track and packets say must agree: the facts decide what is sent and what it costs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import av
from av.stream import Disposition

from reconciler.system.probe.mp4_boxes import Headers, read_headers
from reconciler.system.probe.refusal import Refusal

LARGEST_SIDE = 16_384  # pixels; the largest that H.264, HEVC and AV1 know
MOST_FPS = 1_000  # no camera that writes MP4 is faster
LONGEST_S = 24 * 3600
MOST_MASK_FRAMES = 300  # of a longer mask only its colours are told
_OPTIONS = {"enable_drefs": "0", "use_absolute_path": "0", "protocol_whitelist": "file"}


@dataclass(slots=True)
class _Run:
    """What the packets of the main track say."""

    count: int = 0
    begin_s: float = float("inf")
    end_s: float = float("-inf")

    @property
    def length_s(self) -> float:
        return max(0.0, self.end_s - self.begin_s)

    def take(self, packet: av.Packet[Any]) -> None:
        """Count a packet that is shown; what an edit list leaves out is not."""
        if packet.pts is None or packet.is_discard:
            return
        base = float(packet.time_base or 0)
        self.count += 1
        self.begin_s = min(self.begin_s, packet.pts * base)
        self.end_s = max(self.end_s, (packet.pts + (packet.duration or 0)) * base)


def read_clip(file: IO[bytes], size_bytes: int, *, mask: bool) -> dict[str, Any]:
    """The facts of a clip whose first bytes say that it is of the MP4 family. Raises Refusal."""
    headers = read_headers(file, size_bytes)
    file.seek(0)
    try:
        with open_clip(file) as container:
            return _read_facts(container, headers, size_bytes, mask=mask)
    except Refusal as error:
        is_known_damage = headers.broken is None or "cut short" in str(error)
        raise error if is_known_damage else Refusal(_explain_failure(headers, size_bytes)) from None
    except MemoryError:
        raise
    except Exception:  # a demuxer of strangers' bytes raises what it likes
        raise Refusal(_explain_failure(headers, size_bytes)) from None


def open_clip(file: IO[bytes]) -> av.container.InputContainer:
    """A clip for reading, by its own demuxer, which opens nothing else. Raises what that raises."""
    return av.open(file, "r", format="mov", options=_OPTIONS, io_open=_refuse)


def _refuse(*_: object) -> Any:
    """Clips that name other files or addresses get none."""
    raise PermissionError("a clip may not open anything else")


def _explain_failure(headers: Headers, size_bytes: int) -> str:
    if headers.broken is not None:
        name = "".join(chr(c) if 32 < c < 127 else "?" for c in headers.broken.type)
        return (
            f"it is cut short: its part `{name}` reaches to byte {headers.broken.end:,}, and the"
            f" file has {size_bytes:,}"
        )
    if not headers.types & {b"moov", b"moof"}:
        return "it has no index (`moov`): it was cut short, or its recording was never ended"
    return "it is no video that can be opened"


def _read_facts(
    container: av.container.InputContainer, headers: Headers, size_bytes: int, *, mask: bool
) -> dict[str, Any]:
    stream = next((stream for stream in container.streams.video if not _is_cover(stream)), None)
    if stream is None:
        raise Refusal("it has no video track")
    if stream.codec_context is None:
        raise Refusal("its video track has a codec that nobody knows")
    _check_sides(stream.width, stream.height)
    _check_whole(container, size_bytes)
    run, frame, tone = _read_packets(container, stream, mask=mask)
    if (frame.width, frame.height) != (stream.width, stream.height):
        raise Refusal(
            f"it contradicts itself: its track says {stream.width}x{stream.height}, and its frames"
            f" are {frame.width}x{frame.height}"
        )
    turned = frame.rotation % 180 == 90  # phones store upright films lying down
    wide, high = (frame.height, frame.width) if turned else (frame.width, frame.height)
    length_s = _measure_length_s(container, stream, run)
    _check_headers(headers, length_s, max(frame.width, frame.height))
    return {
        "kind": "video",
        "format": headers.form,
        "size_bytes": size_bytes,
        "width": wide,
        "height": high,
        "duration_s": round(length_s, 3),
        "tone": tone,
    }


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _check_sides(width: int, height: int) -> None:
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise Refusal(f"its track says {width}x{height}, which no video has")


def _check_whole(container: av.container.InputContainer, size_bytes: int) -> None:
    """Every packet that the index names must lie inside the file."""
    for stream in container.streams:
        entries = stream.index_entries
        for number in range(len(entries)):
            entry = entries[number]
            if entry.pos + entry.size > size_bytes:
                raise Refusal(
                    f"it is cut short or damaged: frame {number + 1} of {len(entries)} of its"
                    f" {stream.type} track reaches to byte {entry.pos + entry.size:,}, and the file"
                    f" has {size_bytes:,}"
                )


def _read_packets(
    container: av.container.InputContainer, stream: av.VideoStream, *, mask: bool
) -> tuple[_Run, av.VideoFrame, str | None]:
    """Every packet to the last; the first frame, and the tone of a mask."""
    run, first, tones = _Run(), None, _MaskTones()
    stream.codec_context.thread_count = 1
    try:
        for packet in container.demux():
            if packet.size == 0 and packet.dts is None:
                continue
            if packet.is_corrupt:
                raise Refusal(f"it is cut short or damaged after {max(0.0, run.end_s):.1f} s")
            if packet.stream.index != stream.index:
                continue
            run.take(packet)
            if first is None or (mask and run.count <= MOST_MASK_FRAMES):
                # what an edit list leaves out is decoded, and is no frame that anybody sees
                flush = first is None and not mask and not packet.is_discard
                for frame in _decode_packet(stream, packet, flush=flush):
                    first = first or frame
                    if mask:
                        tones.take(frame)
    except (av.FFmpegError, OSError):
        raise Refusal(f"it is cut short or damaged after {max(0.0, run.end_s):.1f} s") from None
    for frame in _decode_packet(stream, None, flush=False) if mask else ():
        first = first or frame
        tones.take(frame)
    if first is None:
        raise Refusal("its first frame cannot be decoded")
    return run, first, tones.verdict(run.count) if mask else None


def _decode_packet(
    stream: av.VideoStream, packet: av.Packet[Any] | None, *, flush: bool
) -> Iterator[av.VideoFrame]:
    """The frames of a packet; `flush` gives the only one of a first packet at once."""
    try:
        yield from stream.codec_context.decode(packet)
        if flush:
            yield from stream.codec_context.decode(None)
            stream.codec_context.flush_buffers()
    except (av.FFmpegError, EOFError):
        return


class _MaskTones:
    """The tone of a mask over its frames."""

    def __init__(self) -> None:
        self._low, self._high, self._coloured = 255, 0, False

    def take(self, frame: av.VideoFrame) -> None:
        from reconciler.system.probe.image import measure_tones  # Pillow, only of masks

        low, high, coloured = measure_tones(frame.to_image())  # type: ignore[no-untyped-call]
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._coloured = self._coloured or coloured

    def verdict(self, frames: int) -> str | None:
        from reconciler.system.probe.image import judge_tones

        tone = judge_tones(self._low, self._high, self._coloured)
        return tone if frames <= MOST_MASK_FRAMES or tone == "coloured" else None


def _measure_length_s(
    container: av.container.InputContainer, stream: av.VideoStream, run: _Run
) -> float:
    """How long the clip lasts: as its track says, when its packets say so too."""
    if not run.count:
        raise Refusal("its video track has no frames")
    if stream.duration is not None and stream.time_base is not None:
        told_s = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        told_s = container.duration / av.time_base
    else:
        raise Refusal("it has no length; a video is wanted here, not a picture")
    if abs(told_s - run.length_s) > max(0.5, 0.1 * run.length_s):
        raise Refusal(
            f"it contradicts itself: its track says {told_s:,.1f} s, and its frames last"
            f" {run.length_s:,.1f} s"
        )
    if not 0 < told_s <= LONGEST_S:
        raise Refusal(f"its track says {told_s:,.1f} s, which no clip lasts")
    if run.count > max(1.0, told_s * MOST_FPS):
        raise Refusal(
            f"its track says {run.count / told_s:,.0f} frames a second, which no clip has"
        )
    return told_s


def _check_headers(headers: Headers, length_s: float, side: int) -> None:
    """The headers may be old or rough, and may not be absurd beside the frames."""
    for told_s in [headers.length_s, *(s for track in headers.tracks for s in track.lengths_s)]:
        if told_s > max(length_s + 60, 10 * length_s):
            raise Refusal(
                f"it contradicts itself: its header says {told_s:,.1f} s, and its frames last"
                f" {length_s:,.1f} s"
            )
    for track in headers.tracks:
        for side_px in track.sides if track.handler == b"vide" else ():
            if max(side_px) > 4 * side:
                raise Refusal(
                    f"it contradicts itself: its header says {side_px[0]:,.0f}x{side_px[1]:,.0f}"
                    f" pixels, and the longer side of its frames has {side:,}"
                )


def warm_up() -> None:
    """Write and read a clip of one frame, so that PyAV has imported all that it ever needs.

    It imports its parts by name when it first needs them; the worker cannot open a file by then.
    """
    content = io.BytesIO()
    with av.open(content, "w", format="mov") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        container.mux(stream.encode())
    try:
        read_clip(content, len(content.getvalue()), mask=False)
        read_clip(io.BytesIO(b"\0\0\0\x08moov"), 8, mask=False)
    except Refusal:
        return
