"""Asks what a medium is: its first bytes tell its form, and a process of its own opens it."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from mockserver.errors import MediaError, ServerError
from mockserver.media.renderer import Probe

PATIENCE_S = 120.0  # for an answer; the worker limits its computing time itself
REMEMBERED = 256  # media whose facts are kept
_START = (
    "import sys; sys.path += sys.argv[1:]; from mockserver.media.probe.worker import serve; serve()"
)
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # where Python itself may need them
_PICTURES = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"BM": "bmp"}
_OTHERS = {
    b"GIF8": "gif",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"\x1aE\xdf\xa3": "matroska",
    b"FLV\x01": "flv",
    b"OggS": "ogg",
    b"ID3": "mp3",
}
# The forms that the service takes, by kind of medium.
_TAKEN_FORMS = {
    "video": ("mp4",),
    "image": (*_PICTURES.values(), "webp"),
    "audio": ("wav", "mp3"),
}
_FILM_BOXES = b"ftyp moov mdat free skip wide pnot uuid styp moof".split()
_STILL_BRANDS = b"heic heix hevc mif1 msf1 avif avis".split()


def detect_form(head: bytes) -> str:
    """The form of a file by its first bytes; empty for none that is known."""
    if head[4:8] in _FILM_BOXES:
        return "heif" if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS else "mp4"
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi", b"WAVE": "wav"}.get(head[8:12], "")
    known = {**_PICTURES, **_OTHERS}
    found = next((form for start, form in known.items() if head.startswith(start)), "")
    # a frame of MPEG audio, layer 3, begins with eleven bits that are set
    is_frame = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
    return "mp3" if is_frame and not found else found


class ProbeClient:
    """One process that opens media, started at the first question."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._owner = 0
        self._known: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()

    def probe(self, path: Path, kind: str) -> dict[str, Any]:
        """The facts of a `video`, an `image` or an `audio`.

        Raises MediaError InvalidFile.Format for what is of another form than the service takes,
        and InvalidFile.Openerror for what cannot be opened and decoded.
        """
        try:
            with path.open("rb") as file:
                form, stat = detect_form(file.read(16)), os.fstat(file.fileno())
                _check_form(form, kind)
                mark = (str(path), stat.st_mtime_ns, stat.st_ino, stat.st_size, kind)
                with self._turn:
                    facts = self._known.get(mark)
                    if facts is None:
                        question = {"form": form, "size_bytes": stat.st_size}
                        facts = self._ask(json.dumps(question).encode(), file.fileno())
                        self._remember(mark, facts)
                    return facts
        except OSError as error:
            raise MediaError("InvalidFile.Openerror", f"The {kind} cannot be read") from error

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end()

    def _remember(self, mark: tuple[Any, ...], facts: dict[str, Any]) -> None:
        self._known[mark] = facts
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _ask(self, question: bytes, descriptor: int) -> dict[str, Any]:
        """Send a question with an open file to the process, and return the facts it answers."""
        for _ in range(2):  # a process that ended while it was idle is replaced
            line, begun, text = self._connect(), b"", b""
            os.lseek(descriptor, 0, os.SEEK_SET)
            try:
                socket.send_fds(line, [question], [descriptor])
                with line.makefile("rb") as answers:
                    begun, text = answers.readline(), answers.readline()
            except OSError:  # it ended, or the time is up
                text = b""
            if text.endswith(b"\n"):
                answer: dict[str, Any] = json.loads(text)
                if "refused" in answer:
                    raise MediaError("InvalidFile.Openerror", answer["refused"])
                return answer
            self._end()
            if begun:
                raise MediaError("InvalidFile.Openerror", "The decoder breaks down over the file")
        raise ServerError("the process that opens media cannot begin; install cutlist anew")

    def _connect(self) -> socket.socket:
        """The line to the process, which is started when it is not running."""
        alive = self._process is not None and self._process.poll() is None
        if alive and self._line is not None and self._owner == os.getpid():
            return self._line
        self._end()
        ours, theirs = socket.socketpair()
        folders = [folder for folder in sys.path if Path(folder).is_absolute()]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-W", "ignore", "-c", _START, *folders],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _INHERITED if name in os.environ},
                start_new_session=True,
            )
        ours.settimeout(PATIENCE_S)
        self._line, self._owner = ours, os.getpid()
        return ours

    def _end(self) -> None:
        process, line = self._process, self._line
        self._process = self._line = None
        if line is not None:
            line.close()
        if process is not None and self._owner == os.getpid():
            process.kill()
            process.wait()


def _check_form(form: str, kind: str) -> None:
    """Raise MediaError when a `kind` of medium may not have this form."""
    if form in _TAKEN_FORMS[kind]:
        return
    if form:
        raise MediaError("InvalidFile.Format", f"The file is {form}; a {kind} is expected")
    raise MediaError("InvalidFile.Openerror", f"It cannot be opened; a {kind} is expected")


_client = ProbeClient()
atexit.register(_client.close)


def probe_file(path: Path, kind: str) -> Probe:
    """What a file is that should be a `video`, an `image` or an `audio`, which has no sides.

    Raises MediaError InvalidFile.Format for another form than the service takes, and
    InvalidFile.Openerror when it cannot be opened and decoded.
    """
    facts = _client.probe(path, kind)
    width, height = facts["size"]
    return Probe(
        kind=kind,
        format=facts["format"],
        width=width,
        height=height,
        duration_s=facts.get("duration_s", 0.0),
        audio=facts.get("audio", False),
        alpha=facts.get("alpha", False),
        size_bytes=path.stat().st_size,
        turn=facts.get("turn", 0),
    )
