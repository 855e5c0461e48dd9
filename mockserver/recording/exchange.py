"""Recordings: files of exchanges with the service, one line of JSON each, without secrets.

The first line says what the file is. A file that ends in the middle of a line, because whoever
wrote it was killed, is read up to that line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mockserver.catalogue import Doc
from mockserver.digest import encode_canonical, encode_compact, load_json
from mockserver.errors import ServerError

VERSION = 1
LARGEST_FILE = 256 << 20  # bytes of a recording that is read
_STATUSES = range(100, 600)
_METHOD = re.compile(r"[A-Za-z-]{1,20}")


class BadRecording(ServerError):
    """A recording cannot be read or written; the message says which, where and why."""


@dataclass(frozen=True)
class Asked:
    """What a client asked. `path` is below the API's root; `body` is JSON, text, or a form."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True)
class Answered:
    """What the service answered. `body` is JSON or text."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True)
class Exchange:
    """A request and its answer. `at_s` counts from the first request, `took_s` from this one."""

    at_s: float
    took_s: float
    asked: Asked
    answered: Answered
    line: int = 0  # where it stands in the file

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"line {self.line}, {self.asked.method} {self.asked.path}"

    def find_task_id(self) -> str | None:
        """The id of the task that the answer tells of."""
        return find_task_id(self.answered.body)


def find_task_id(body: Any) -> str | None:
    """The id of the task that the body of an answer tells of."""
    output = body.get("output") if isinstance(body, dict) else None
    task_id = output.get("task_id") if isinstance(output, dict) else None
    return task_id if isinstance(task_id, str) else None


@dataclass(frozen=True)
class Recording:
    """All of a file. `region` is that of the service, where its address told one."""

    path: Path
    region: str | None
    exchanges: tuple[Exchange, ...]
    cut_off: bool = False  # whether the last line was not complete


# ---- writing


def encode_exchange(exchange: Exchange) -> str:
    """The line of an exchange, without its end."""
    document = asdict(exchange)
    del document["line"]
    return encode_compact(document).decode()


class RecordingWriter:
    """Writes a new recording, line by line: each is in the file when `write` returns.

    Raises BadRecording when there is such a file already, or none can be made.
    """

    def __init__(self, path: Path, region: str | None) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._file = os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)
        except FileExistsError:
            raise BadRecording(
                f"{path} is there already and is not written over; name another file"
            ) from None
        except OSError as error:
            raise BadRecording(f"cannot write the recording {path}: {error.strerror}") from error
        self._path = path
        self.write(encode_compact({"recording": VERSION, "region": region}).decode())

    def write(self, line: str) -> None:
        """Append a line. Raises BadRecording when the disk does not take it."""
        try:
            self._file.write(f"{line}\n".encode())
        except OSError as error:
            raise BadRecording(
                f"cannot write the recording {self._path}: {error.strerror}"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


# ---- reading


def read_recording(path: Path) -> Recording:
    """Read a recording, which may come from a stranger. Raises BadRecording."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadRecording(f"{path} is larger than {LARGEST_FILE >> 20} MiB: no recording is")
        data = path.read_bytes()
    except OSError as error:
        raise BadRecording(f"cannot read the recording {path}: {error.strerror}") from error
    *lines, rest = data.split(b"\n")
    if not lines:
        raise BadRecording(f"{path} is no recording: its first line is not complete")
    head = _read_line(path, 1, lines[0])
    region = head.get("region")
    if head.get("recording") != VERSION or not isinstance(region, str | None):
        raise BadRecording(
            f'{path}:1 is not the first line of a recording, which is {{"recording": {VERSION}, …}}'
        )
    exchanges = tuple(_read_exchanges(path, lines[1:]))
    return Recording(path, region, exchanges, cut_off=bool(rest.strip()))


def _read_exchanges(path: Path, lines: list[bytes]) -> Iterator[Exchange]:
    for number, line in enumerate(lines, 2):
        if line.strip():
            document = _read_line(path, number, line)
            try:
                yield _build_exchange(document, number)
            except (KeyError, TypeError, ValueError):
                raise BadRecording(
                    f"{path}:{number} is no exchange: it should have at_s, took_s, asked (method,"
                    " path, query, headers, body) and answered (status, headers, body)"
                ) from None


def _read_line(path: Path, number: int, line: bytes) -> Doc:
    try:
        document = load_json(line)
        encode_canonical(document)  # refuses what is nested too deeply to be worked with
    except (ValueError, TypeError):
        document = None
    if not isinstance(document, dict):
        raise BadRecording(f"{path}:{number} is no JSON object")
    return document


def _build_exchange(document: Doc, number: int) -> Exchange:
    asked, answered = Asked(**document["asked"]), Answered(**document["answered"])
    at_s, took_s = document["at_s"], document["took_s"]
    texts = (asked.method, asked.path)
    headers = (asked.headers, answered.headers)
    if (
        not all(isinstance(text, str) for text in texts)
        or not _METHOD.fullmatch(asked.method)
        or not asked.path.startswith("/")
        or not all(_is_mapping_of_texts(mapping) for mapping in (asked.query, *headers))
        or not all(text.isprintable() for mapping in headers for text in mapping.values())
        or not all(type(number) in (int, float) and number >= 0 for number in (at_s, took_s))
        or type(answered.status) is not int
        or answered.status not in _STATUSES
        or document.keys() != {"at_s", "took_s", "asked", "answered"}
    ):
        raise ValueError
    return Exchange(at_s, took_s, asked, answered, number)


def _is_mapping_of_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
