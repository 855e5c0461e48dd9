"""The process in which media of strangers are opened.

It gets one open file at a time through its socket, and answers with facts or a refusal. While a
file is open, the kernel gives it no other: no file, no socket, no pipe. What takes too long or too
much memory ends the process, and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from reconciler.system.probe.file_types import SOUNDS
from reconciler.system.probe.refusal import MOST_MADE_BYTES, Refusal

MOST_ASKED_BYTES = 4096
READY = b"ready\n"
ROOM_BYTES = 256 << 20  # of address space, beside what the process has when a file arrives
MOST_RESIDENT_BYTES = 320 << 20  # where the kernel holds nobody to his address space (macOS)
IDLE_S = 120.0
CPU_S, BYTES_PER_CPU_S = 1.8, 8 << 20  # of computing time for a file: so much, and more for more
LONG_CPU_S = 30.0  # in the place of CPU_S, where frames are read or stills are made
_READS_FRAMES = {"moments_s", "cut_s"}  # what such a question says
_CUTS = {"cut_s", "cut_sound"}
_OPEN_FILES = 64  # while nothing of strangers is open
TOO_MUCH_MEMORY = 86  # exit code
_STATM = Path("/proc/self/statm")
_WARM: set[str] = set()  # modules that have done once what they do


def serve() -> None:
    """Answer what comes through standard input, a socket, until it is closed or nothing comes."""
    for name in ("RLIMIT_CORE", "RLIMIT_FSIZE"):
        resource.setrlimit(getattr(resource, name), (0, 0))
    if not _STATM.exists():
        threading.Thread(target=_watch_memory, args=(MOST_RESIDENT_BYTES,), daemon=True).start()
    with socket.socket(fileno=0) as line:
        line.settimeout(IDLE_S)
        while True:
            try:
                question, files, _, _ = socket.recv_fds(line, MOST_ASKED_BYTES, 1)
            except TimeoutError:
                return
            if not question or not files:
                return
            question = json.loads(question)
            _import_for(question)
            line.sendall(READY)  # whatever ends the process from here on, the medium did
            answer = _answer(question, files[0])
            made = answer.pop("made", b"")
            line.sendall(json.dumps({**answer, "made_bytes": len(made)}).encode() + b"\n" + made)


def _answer(question: dict[str, Any], file: int) -> dict[str, Any]:
    """Facts, or the bytes of what was to be made, or a refusal."""
    is_long = question["make"] or question.keys() & (_READS_FRAMES | _CUTS)
    cpu_s = LONG_CPU_S if is_long else CPU_S
    try:
        with _limit_process(file, cpu_s + question["size_bytes"] / BYTES_PER_CPU_S):
            if question["make"]:
                return {"made": _make(question, file)}
            if question.keys() & _CUTS:
                return {"made": _cut(question, file)}
            return {"facts": _read_facts(question, file)}
    except Refusal as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": f"opening it takes more than {ROOM_BYTES >> 20} MB of memory"}
    finally:
        with contextlib.suppress(OSError):
            os.close(file)


def _import_for(question: dict[str, Any]) -> None:
    """All that will be needed: nothing can be imported while a stranger's file is open."""
    if question.keys() & _READS_FRAMES:
        from reconciler.system.probe import frames

        _warm_up(frames)
    if "cut_sound" in question:
        from reconciler.system.probe import soundtrack

        _warm_up(soundtrack)
    if question["make"]:
        from reconciler.system.stills import drawing

        _warm_up(drawing)
    if question["form"] in SOUNDS:
        from reconciler.system.probe import sound

        _warm_up(sound)
    elif question["form"] != "mp4" or question["mask"]:
        from reconciler.system.probe import image

        _warm_up(image)
    if question["form"] == "mp4":
        from reconciler.system.probe import video

        _warm_up(video)


def _warm_up(module: Any) -> None:
    """Have a module do once what it will do. That another has imported it is not enough."""
    if module.__name__ not in _WARM:
        module.warm_up()
        _WARM.add(module.__name__)


@contextlib.contextmanager
def _limit_process(file: int, cpu_s: float) -> Any:
    """The limits of opening one file."""
    space_bytes = _measure_space_bytes()
    _limit_softly(resource.RLIMIT_NOFILE, file + 1)
    if space_bytes:
        _limit_softly(resource.RLIMIT_AS, space_bytes + ROOM_BYTES)
    # its default action ends the process, also in the middle of a decoder
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        _limit_softly(resource.RLIMIT_NOFILE, _OPEN_FILES)
        _limit_softly(resource.RLIMIT_AS, resource.RLIM_INFINITY)


def _limit_softly(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    soft = hard if most == resource.RLIM_INFINITY else most
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some
        resource.setrlimit(what, (soft, hard))


def _measure_space_bytes() -> int:
    """The address space of this process; 0 where the system does not tell."""
    try:
        return int(_STATM.read_bytes().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _watch_memory(most_bytes: int) -> None:
    pause = threading.Event()
    unit = 1 if sys.platform == "darwin" else 1024
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit <= most_bytes:
        pause.wait(0.02)
    os._exit(TOO_MUCH_MEMORY)


def _read_facts(question: dict[str, Any], file: int) -> dict[str, Any]:
    with open(file, "rb", closefd=False) as content:
        if "moments_s" in question:
            from reconciler.system.probe.frames import read_frames

            moments_s, box = question["moments_s"], question["box"]
            return {"frames": read_frames(content, question["form"], moments_s, box)}
        if question["form"] == "mp4":
            from reconciler.system.probe.video import read_clip

            return read_clip(content, question["size_bytes"], mask=question["mask"])
        if question["form"] in SOUNDS:
            from reconciler.system.probe.sound import read_sound

            return read_sound(content, question["form"], question["size_bytes"])
        from reconciler.system.probe.image import read_picture

        return read_picture(
            content, question["form"], question["size_bytes"], mask=question["mask"]
        )


def _cut(question: dict[str, Any], file: int) -> bytes:
    with open(file, "rb", closefd=False) as content:
        if "cut_sound" in question:
            from reconciler.system.probe.soundtrack import cut_sound

            return cut_sound(content, MOST_MADE_BYTES)
        from reconciler.system.probe.frames import cut_frame

        png = cut_frame(content, question["cut_s"])
    if len(png) > MOST_MADE_BYTES:
        raise Refusal(f"its frame has more than {MOST_MADE_BYTES >> 20} MB as PNG")
    return png


def _make(question: dict[str, Any], file: int) -> bytes:
    from reconciler.system.stills.drawing import draw

    with open(file, "rb", closefd=False) as content:
        return draw(question["make"], content, question["form"])
