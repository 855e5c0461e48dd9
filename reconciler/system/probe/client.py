"""Asks the probe worker what a medium of strangers is, or why it is not taken.

One worker process is started at the first question of a run, and ends with it. A medium that ends
the worker is refused; the next one gets a new worker. Only this module and `system/git/run.py`
start other programs.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from reconciler.errors import CutlistError
from reconciler.system.probe.file_types import (
    CLIP,
    HEAD_BYTES,
    PICTURES,
    SOUNDS,
    detect_form,
)
from reconciler.system.probe.refusal import MOST_MADE_BYTES, Foreign, Unreadable

_MOST_ANSWER_BYTES = 64 << 20
PATIENCE_S = 120.0  # for an answer, however busy the machine; computing time is limited over there
# how what is cut of a video begins: with its sides, and with its pace
_PNG = re.compile(rb"\x89PNG\r\n\x1a\n....IHDR.{8}", re.DOTALL)
_WAV = re.compile(rb"RIFF....WAVEfmt \x10\0\0\0\x01\0[\x01\x02]\0.{4}(?!\0{4}).{8}data", re.DOTALL)
_START = (
    "import sys; sys.path += sys.argv[1:];"
    " from reconciler.system.probe.worker import serve; serve()"
)
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # where Python itself may need them


class SmallFrame(NamedTuple):
    """One frame of a medium: its sides, and a byte each for red, green and blue of every pixel."""

    width: int
    height: int
    rgb: bytes


class ProbeUnavailable(CutlistError):
    """The worker cannot be started: nothing can be said of any medium."""


class ProbeClient:
    """One worker, one question at a time; may be used from several threads."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._worker: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._owner = 0

    def probe(
        self, file: IO[bytes], kind: str, size_bytes: int, *, mask: bool = False
    ) -> dict[str, Any]:
        """The facts of a medium that should be a `video`, an `image` or an `audio`.

        Raises Unreadable, Foreign.

        A `mask` is also looked at for colours, and for being black or white all over.
        """
        file.seek(0)
        form = detect_form(file.read(HEAD_BYTES))
        if kind == "image" and form not in PICTURES:
            if form:
                raise Foreign(form, "a picture as JPEG, PNG, BMP or WEBP")
            raise Unreadable("it is no picture that can be opened")
        if kind == "video" and form != CLIP:
            if form:
                raise Foreign(form, "a video as MP4 or MOV")
            raise Unreadable("it is no video that can be opened")
        if kind == "audio" and form not in SOUNDS:
            if form:
                raise Foreign(form, "a sound as WAV or MP3")
            raise Unreadable("it is no sound that can be opened")
        question = {"form": form, "size_bytes": size_bytes, "mask": mask, "make": ""}
        with _open_descriptor(file) as descriptor, self._turn:
            answer, _ = self._ask(json.dumps(question).encode(), descriptor)
        if "refused" in answer:
            raise Unreadable(answer["refused"])
        facts: dict[str, Any] = answer["facts"]
        return facts

    def read_frames(
        self, file: IO[bytes], size_bytes: int, moments_s: Sequence[float], box: tuple[int, int]
    ) -> Sequence[SmallFrame]:
        """What a medium shows at some moments, the earliest first, each small enough for `box`; of
        a picture itself, once. Raises Unreadable.
        """
        file.seek(0)
        form = detect_form(file.read(HEAD_BYTES))
        if form != CLIP and form not in PICTURES:
            raise Unreadable("it is no medium that can be opened")
        question = {"form": form, "size_bytes": size_bytes, "mask": False, "make": ""}
        asked = {**question, "moments_s": list(moments_s), "box": box}
        with _open_descriptor(file) as descriptor, self._turn:
            answer, _ = self._ask(json.dumps(asked).encode(), descriptor)
        if "refused" in answer:
            raise Unreadable(answer["refused"])
        return [_build_frame(one, box) for one in answer["facts"]["frames"]]

    def cut_frame(self, file: IO[bytes], size_bytes: int, moment_s: float | None) -> bytes:
        """One frame of a video as PNG, as `frames.cut_frame`. Raises Unreadable."""
        return self._cut(file, size_bytes, {"cut_s": moment_s}, _PNG)

    def cut_sound(self, file: IO[bytes], size_bytes: int) -> bytes:
        """The sound of a video as WAV, as `soundtrack.cut_sound`. Raises Unreadable."""
        return self._cut(file, size_bytes, {"cut_sound": True}, _WAV)

    def _cut(
        self, file: IO[bytes], size_bytes: int, what: Mapping[str, Any], form: re.Pattern[bytes]
    ) -> bytes:
        """What is cut of a video, which has that form."""
        file.seek(0)
        if detect_form(file.read(HEAD_BYTES)) != CLIP:
            raise Unreadable("it is no video that can be opened")
        question = {"form": CLIP, "size_bytes": size_bytes, "mask": False, "make": ""}
        with _open_descriptor(file) as descriptor, self._turn:
            answer, made = self._ask(json.dumps({**question, **what}).encode(), descriptor)
        if "refused" in answer:
            raise Unreadable(answer["refused"])
        if not form.match(made):  # strangers' bytes may have taken the worker over
            raise Unreadable("it is nothing that can be cut")
        return made

    def make(self, file: IO[bytes], kind: str, size_bytes: int) -> bytes:
        """Something small made of a medium; `kind` is one of StillKind. Raises Unreadable."""
        file.seek(0)
        form = detect_form(file.read(HEAD_BYTES))
        if form != CLIP and form not in PICTURES:
            raise Unreadable("it is no medium that can be opened")
        question = {"form": form, "size_bytes": size_bytes, "mask": False, "make": kind}
        with _open_descriptor(file) as descriptor, self._turn:
            answer, made = self._ask(json.dumps(question).encode(), descriptor)
        if "refused" in answer:
            raise Unreadable(answer["refused"])
        return made

    def close(self) -> None:
        """End the worker."""
        with self._turn:
            self._end()

    def _ask(self, question: bytes, descriptor: int) -> tuple[dict[str, Any], bytes]:
        """The worker's answer, and what it has made. One that ends before it has begun is
        replaced, once.
        """
        code = 0
        for _ in range(2):
            line = self._connect()
            os.lseek(descriptor, 0, os.SEEK_SET)
            begun = False
            try:
                socket.send_fds(line, [question], [descriptor])
                line.settimeout(PATIENCE_S)
                with line.makefile("rb") as answers:
                    begun = bool(answers.readline())
                    text = answers.readline(_MOST_ANSWER_BYTES)
                    if text.endswith(b"\n"):
                        answer: dict[str, Any] = json.loads(text)
                        made_bytes = min(answer["made_bytes"], MOST_MADE_BYTES)
                        made = answers.read(made_bytes)
                        if len(made) == answer["made_bytes"]:
                            return answer, made
            except TimeoutError:
                self._end()
                return {"refused": f"opening it takes more than {PATIENCE_S:.0f} s"}, b""
            except OSError:
                pass  # it ended
            code = self._end()
            if begun:
                return {"refused": _explain_exit(code)}, b""
        raise ProbeUnavailable(
            f"the process that opens media cannot begin its work (exit code {code}).",
            hint="The installation is not complete: install cutlist anew. Nothing was sent.",
        )

    def _connect(self) -> socket.socket:
        mine = self._owner == os.getpid()  # the worker of a process that was forked is not ours
        if mine and self._worker is not None and self._line is not None:
            if self._worker.poll() is None:
                return self._line
            self._end()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._worker = subprocess.Popen(
                    [
                        sys.executable,
                        "-I",
                        "-S",
                        "-W",
                        "ignore",
                        "-c",
                        _START,
                        *_list_module_folders(),
                    ],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={name: os.environ[name] for name in _INHERITED if name in os.environ},
                    start_new_session=True,  # ^C at the terminal is for us
                )
        except OSError as error:
            ours.close()
            raise ProbeUnavailable(
                f"the process that opens media cannot be started: {error.strerror}."
            ) from error
        self._line, self._owner = ours, os.getpid()
        return ours

    def _end(self) -> int:
        """End the worker; its exit code, negative for a signal."""
        worker, line = self._worker, self._line
        self._worker = self._line = None
        if line is not None:
            line.close()
        if worker is None or self._owner != os.getpid():
            return 0
        with contextlib.suppress(subprocess.TimeoutExpired):
            return worker.wait(5.0)
        worker.kill()
        return worker.wait()


def _build_frame(answer: Mapping[str, Any], box: tuple[int, int]) -> SmallFrame:
    """A frame as it was answered. Raises Unreadable where the worker, which strangers' bytes may
    have taken over, says something else.
    """
    width, height, rgb = answer["width"], answer["height"], b64decode(answer["rgb"])
    if not (0 < width <= box[0] and 0 < height <= box[1] and len(rgb) == width * height * 3):
        raise Unreadable("it is nothing that frames can be read of")
    return SmallFrame(width, height, rgb)


@contextlib.contextmanager
def _open_descriptor(file: IO[bytes]) -> Any:
    """A descriptor of the bytes of `file`, which may lie in memory only."""
    try:
        descriptor = file.fileno()
    except OSError:
        with TemporaryFile() as copy:
            file.seek(0)
            while chunk := file.read(1 << 20):
                copy.write(chunk)
            copy.flush()
            yield copy.fileno()
        return
    yield descriptor


def _list_module_folders() -> list[str]:
    """Where this process finds its modules; relative ones may be anybody's."""
    return [folder for folder in sys.path if Path(folder).is_absolute()]


def _explain_exit(code: int) -> str:
    from signal import SIGPROF, SIGXCPU

    if -code in (SIGPROF, SIGXCPU):
        return "reading it takes more computing time than a medium of its size may take"
    return "its decoder breaks down over it, or takes too much memory"


_client = ProbeClient()
atexit.register(_client.close)


def read_small_frames(
    file: IO[bytes], size_bytes: int, moments_s: Sequence[float], box: tuple[int, int]
) -> Sequence[SmallFrame]:
    """`ProbeClient.read_frames` of the one worker of this run."""
    return _client.read_frames(file, size_bytes, moments_s, box)


def cut_frame(file: IO[bytes], size_bytes: int, moment_s: float | None) -> bytes:
    """`ProbeClient.cut_frame` of the one worker of this run."""
    return _client.cut_frame(file, size_bytes, moment_s)


def cut_sound(file: IO[bytes], size_bytes: int) -> bytes:
    """`ProbeClient.cut_sound` of the one worker of this run."""
    return _client.cut_sound(file, size_bytes)


def probe_file(
    file: IO[bytes], kind: str, size_bytes: int, *, mask: bool = False
) -> dict[str, Any]:
    """`ProbeClient.probe` of the one worker of this run."""
    return _client.probe(file, kind, size_bytes, mask=mask)
