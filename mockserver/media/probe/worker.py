"""The process in which the server's media are opened and decoded, one at a time.

While a file is open the kernel gives this process no other file and no socket; computing time and
address space are limited. A decoder that breaks down ends this process, and not the server.
"""

from __future__ import annotations

import io
import json
import resource
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import av
from av.stream import Disposition
from PIL import Image

IDLE_S = 120.0
CPU_S, BYTES_PER_CPU_S = 20.0, 1 << 20  # a film is decoded whole here
ROOM_BYTES = 1 << 30  # of address space; a picture of 8000*8000 pixels takes a quarter of it
LARGEST_SIDE = 16_384
SOUNDS = ("wav", "mp3")
MOST_FPS = 1_000
# Pixels beyond which a picture is not decoded, only measured by its header, as Pillow advises.
GUARD_PX = 89_478_485
OPTIONS = {"enable_drefs": "0", "use_absolute_path": "0", "protocol_whitelist": "file"}


class Refused(Exception):
    """A medium cannot be opened, in words for the message of InvalidFile.Openerror."""


def serve() -> None:
    """Answer what comes through standard input, a socket, until it is closed or nothing comes."""
    _warm_up()
    for name in ("RLIMIT_CORE", "RLIMIT_FSIZE"):
        resource.setrlimit(getattr(resource, name), (0, 0))
    space_bytes = _measure_space()
    if space_bytes:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (space_bytes + ROOM_BYTES,) * 2)
    with socket.socket(fileno=0) as line:
        line.settimeout(IDLE_S)
        while True:
            _allow_files(64)
            try:
                message, files, _, _ = socket.recv_fds(line, 4096, 1)
            except TimeoutError:
                return
            if not message or not files:
                return
            question = json.loads(message)
            line.sendall(b"ready\n")  # whatever ends the process from here on, the medium did
            line.sendall(json.dumps(_answer(question, files[0])).encode() + b"\n")


def _answer(question: dict[str, Any], descriptor: int) -> dict[str, Any]:
    form, size_bytes = question["form"], question["size_bytes"]
    signal.setitimer(signal.ITIMER_PROF, CPU_S + size_bytes / BYTES_PER_CPU_S)  # ends the process
    with open(descriptor, "rb") as file:
        _allow_files(descriptor + 1)
        try:
            if form == "mp4":
                return read_film(file, size_bytes)
            if form in SOUNDS:
                return read_sound(file, form)
            return read_image(file, form)
        except Refused as error:
            return {"refused": str(error)}
        except (Exception, MemoryError):  # decoders may raise anything over bytes of strangers
            what = {"mp4": "video", **dict.fromkeys(SOUNDS, "audio")}.get(form, "image")
            return {"refused": f"The {what} file cannot be opened"}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def read_film(file: IO[bytes], size_bytes: int) -> dict[str, Any]:
    """The facts of a film, every packet of which is read and decoded.

    Raises Refused, or whatever the decoder raises.
    """
    with av.open(file, "r", format="mov", options=OPTIONS, io_open=_refuse) as container:
        streams = (stream for stream in container.streams.video if not _is_cover(stream))
        stream = next(streams, None)
        if stream is None or stream.codec_context is None:
            raise Refused("The file has no video")
        if max(stream.width, stream.height) > LARGEST_SIDE:
            raise Refused("The sides of the video cannot be true")
        for track in container.streams:
            if track.codec_context is not None:
                track.codec_context.thread_count = 1
            entries = track.index_entries
            ends = (entries[i].pos + entries[i].size for i in range(len(entries)))
            if any(end > size_bytes for end in ends):
                raise Refused("The video file is cut short")
        first, span_s, count = _decode(container, stream)
        if stream.duration is not None and stream.time_base is not None:
            length_s = float(stream.duration * stream.time_base)
        else:
            length_s = (container.duration or 0) / av.time_base
        if abs(length_s - span_s) > max(0.5, span_s / 10) or count > max(1, length_s * MOST_FPS):
            raise Refused("The length of the video cannot be true")
        # phones store upright films lying down, with a note to turn them
        turn = -first.rotation % 360 // 90 * 90
        sides = (first.width, first.height)
        return {
            "format": _detect_brand(container.metadata),
            "size": sides if turn in (0, 180) else sides[::-1],
            "duration_s": round(length_s, 3),
            "audio": bool(container.streams.audio),
            "turn": turn,
        }


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _decode(
    container: av.container.InputContainer, main: av.VideoStream
) -> tuple[av.VideoFrame, float, int]:
    """The first frame, the span of the packets that are shown in seconds, and their number."""
    first: av.VideoFrame | None = None
    begin, end, count = float("inf"), float("-inf"), 0
    for packet in container.demux():
        if packet.is_corrupt:
            raise Refused("The video file is cut short")
        if packet.stream.index == main.index and packet.pts is not None and not packet.is_discard:
            at, length = packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base
            begin, end, count = min(begin, float(at)), max(end, float(at + length)), count + 1
        with suppress(av.FFmpegError):  # players go on after a damaged frame
            for frame in packet.decode() if packet.stream.codec_context is not None else ():
                if first is None and isinstance(frame, av.VideoFrame):
                    first = frame
    if first is None or not count:
        raise Refused("The file has no video that can be decoded")
    return first, end - begin, count


def _detect_brand(metadata: dict[str, str]) -> str:
    """MP4 and MOV are one demuxer; the brand tells them apart, and what has none is MOV."""
    return "mov" if metadata.get("major_brand", "qt").strip() == "qt" else "mp4"


def _refuse(*_: object) -> Any:
    raise PermissionError("a film may not open anything else")


def read_sound(file: IO[bytes], form: str) -> dict[str, Any]:
    """The facts of a sound, every packet of which is decoded.

    Raises Refused, or whatever the decoder raises.
    """
    head = file.read(1 << 16)
    tells = form == "wav" or any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))
    file.seek(0)
    options = {"protocol_whitelist": "file"}
    with av.open(file, "r", format=form, options=options, io_open=_refuse) as container:
        length_s, failed = 0.0, 0
        for packet in container.demux(audio=0):
            if packet.is_corrupt:
                raise Refused("The audio file is cut short")
            try:
                length_s += sum(frame.samples / frame.sample_rate for frame in packet.decode())
            except av.FFmpegError:
                failed += 1
        told_s = (container.duration or 0) / av.time_base
    if not length_s or failed > 1:
        raise Refused("The file has no sound that can be decoded")
    if tells and told_s > length_s * 1.05 + 0.1:
        raise Refused("The audio file is cut short")
    return {"format": form, "size": (0, 0), "duration_s": round(length_s, 3), "audio": True}


def read_image(file: IO[bytes], form: str) -> dict[str, Any]:
    """The facts of a picture, which is decoded whole. Raises whatever the decoder raises."""
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(file, formats=(form.upper(),)) as image:
        alpha = "A" in image.getbands() or "a" in image.mode or "transparency" in image.info
        size = image.size
        if not all(size):
            raise Refused("The image has no pixels")
        if size[0] * size[1] <= GUARD_PX:
            image.load()
    return {"format": form, "size": size, "alpha": alpha}


def _allow_files(most: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _measure_space() -> int:
    """Bytes of address space that this process has; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def _warm_up() -> None:
    """Open one medium of every form.

    PyAV and Pillow import parts of themselves at their first use, and could not do so later, while
    a file is open and no other may be opened.
    """
    for form, mode in (
        ("JPEG", "RGB"),
        ("MPO", "RGB"),
        ("PNG", "P"),
        ("WEBP", "RGBA"),
        ("BMP", "1"),
    ):
        content, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = 1
        more = (
            {"append_images": [Image.new(mode, (8, 8))], "save_all": True} if form == "MPO" else {}
        )
        Image.new(mode, (8, 8)).save(content, form, exif=exif, **more)
        content.seek(0)
        read_image(content, "jpeg" if form == "MPO" else form.lower())
    for form, codec, layout in (("wav", "pcm_s16le", "s16"), ("mp3", "mp3", "s16p")):
        content = io.BytesIO()
        with av.open(content, "w", format=form) as container:
            tone: Any = container.add_stream(codec, rate=44_100, layout="mono")
            silence = av.AudioFrame(format=layout, layout="mono", samples=1152)
            silence.sample_rate = 44_100
            container.mux([*tone.encode(silence), *tone.encode()])
        content.seek(0)
        read_sound(content, form)
        with suppress(av.FFmpegError, Refused):
            read_sound(io.BytesIO(b"RIFF\0\0\0\0WAVE"), form)
    film = io.BytesIO()
    with av.open(film, "w", format="mov") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 16, 16, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        container.mux(video.encode(av.VideoFrame(16, 16, "yuv420p")))
        samples = av.AudioFrame(format="s16", layout="mono", samples=320)
        samples.sample_rate = 8000
        container.mux(sound.encode(samples))
        container.mux([*video.encode(), *sound.encode()])
    read_film(film, len(film.getvalue()))
    with suppress(av.FFmpegError, Refused):
        read_film(io.BytesIO(b"\0\0\0\x08moov"), 8)
