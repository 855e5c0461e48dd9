"""The server's side of the gate: what the first bytes of a medium say, and questions to the process
that opens it.
"""

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

PATIENCE_S = 120.0  # for an answer; computing time is limited over there
REMEMBERED = 256  # media whose facts are kept
_START = (
    "import sys; sys.path += sys.argv[1:]; from mockserver.media.gate.worker import serve; serve()"
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
}
_FILM_BOXES = b"ftyp moov mdat free skip wide pnot uuid styp moof".split()
_STILL_BRANDS = b"heic heix hevc mif1 msf1 avif avis".split()


def form_of(head: bytes) -> str:
    """The form that the first bytes of a file tell; empty for none that is known."""
    if head[4:8] in _FILM_BOXES:
        return "heif" if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS else "mp4"
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi"}.get(head[8:12], "")
    known = {**_PICTURES, **_OTHERS}
    return next((form for start, form in known.items() if head.startswith(start)), "")


class Gate:
    """One process that opens media, started at the first question."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._owner = 0
        self._known: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()

    def look(self, path: Path, kind: str) -> dict[str, Any]:
        """The facts of a `video` or an `image`.

        Raises MediaError InvalidFile.Format for what is of another form than the service takes,
        and InvalidFile.Openerror for what cannot be opened and decoded.
        """
        try:
            with path.open("rb") as file:
                form, stat = form_of(file.read(16)), os.fstat(file.fileno())
                right = form == "mp4" if kind == "video" else form in (*_PICTURES.values(), "webp")
                if not right:
                    code = "InvalidFile.Format" if form else "InvalidFile.Openerror"
                    words = f"The file is {form}" if form else "It cannot be opened"
                    raise MediaError(code, f"{words}; a {kind} is expected")
                mark = (str(path), stat.st_mtime_ns, stat.st_ino, stat.st_size, kind)
                with self._turn:
                    facts = self._known.get(mark)
                    if facts is None:
                        asked = {"form": form, "size_bytes": stat.st_size}
                        facts = self._ask(json.dumps(asked).encode(), file.fileno())
                        self._known[mark] = facts
                        while len(self._known) > REMEMBERED:
                            self._known.popitem(last=False)
                    return facts
        except OSError as error:
            raise MediaError("InvalidFile.Openerror", f"The {kind} cannot be read") from error

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end()

    def _ask(self, asked: bytes, descriptor: int) -> dict[str, Any]:
        for _ in range(2):  # one that ended while it was idle is replaced
            line, begun, text = self._connected(), b"", b""
            os.lseek(descriptor, 0, os.SEEK_SET)
            try:
                socket.send_fds(line, [asked], [descriptor])
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

    def _connected(self) -> socket.socket:
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


gate = Gate()
atexit.register(gate.close)
