"""The controller's log: one line for each thing that happened, for programs (json) or for people.

A line is plain: what strangers wrote moves no cursor, and no secret stands in it. To log never
fails: a pipe that nobody reads any more or a disk that is full costs lines and nothing else.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TextIO

from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret, cut_secrets
from reconciler.formats.untrusted import make_plain_line
from reconciler.system.clock import Clock

Level = Literal["debug", "info", "warning", "error"]
LogForm = Literal["json", "text"]
LogValue = str | float | bool | None
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
LEAST_SECRET = 8  # characters
LONGEST_TEXT = 2000  # characters of a message or of a field
_MOST_READ = 64 << 10  # characters of a text that are looked at
_SHORT_REVISION = 12


@dataclass(frozen=True, slots=True)
class Subject:
    """What a line is about; empty where it is about none in particular."""

    sync: str = ""
    revision: str = ""
    edit: str = ""


class LogStream:
    """Where lines go, whole and one after the other. What cannot be written is left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._turn = threading.Lock()  # passes run in threads as well

    def write(self, line: str) -> None:
        """Write one line. Never raises for what is wrong with the stream."""
        with self._turn:
            try:
                self._write(line)
            except UnicodeEncodeError:
                self._write(line.encode("ascii", "backslashreplace").decode())
            except (OSError, ValueError):  # nobody reads it, no room is left, it is closed
                return

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class Log:
    """Writes lines of at least the level `least`.

    `secrets` by the name of their variable: where one would stand, its name stands. What is shorter
    than LEAST_SECRET is no secret, and would be found in every other word.
    """

    def __init__(
        self,
        stream: LogStream,
        clock: Clock,
        *,
        form: LogForm = "text",
        least: Level = "info",
        secrets: Mapping[str, Secret] | None = None,
        about: Subject = Subject(),  # a frozen value
    ) -> None:
        self._stream, self._clock, self._form = stream, clock, form
        self._least, self._about = least, about
        self._secrets = {
            name: secret
            for name, secret in (secrets or {}).items()
            if len(secret.reveal()) >= LEAST_SECRET
        }

    def about(self, *, sync: str = "", revision: str = "", edit: str = "") -> Log:
        """The same log about something more precise; what is empty stays as it is."""
        given = {"sync": sync, "revision": revision, "edit": edit}
        more = {name: self._make_plain(text) for name, text in given.items() if text}
        return Log(
            self._stream,
            self._clock,
            form=self._form,
            least=self._least,
            secrets=self._secrets,
            about=replace(self._about, **more),
        )

    def debug(self, message: str, **fields: LogValue) -> None:
        """What helps to understand the program."""
        self._log("debug", message, fields)

    def info(self, message: str, **fields: LogValue) -> None:
        """What happened, as it should."""
        self._log("info", message, fields)

    def warning(self, message: str, **fields: LogValue) -> None:
        """What did not go as it should, and goes on by itself."""
        self._log("warning", message, fields)

    def error(self, message: str, **fields: LogValue) -> None:
        """What somebody should look at."""
        self._log("error", message, fields)

    def tell(self, error: BaseException) -> None:
        """An error of ours with what to do next; any other is a fault of the program."""
        if isinstance(error, CutlistError):
            self.error(error.message, kind=type(error).__name__, hint=error.hint or None)
        else:
            self.error(f"a fault of cutlist's own: {error}", kind=type(error).__name__)

    def _log(self, level: Level, message: str, fields: Mapping[str, LogValue]) -> None:
        if LEVELS.index(level) < LEVELS.index(self._least):
            return
        plain = {name: self._clean(value) for name, value in fields.items() if value is not None}
        write = _write_json if self._form == "json" else _write_text
        time = _format_time(self._clock.now())
        self._stream.write(write(time, level, self._about, self._make_plain(message), plain))

    def _clean(self, value: LogValue) -> LogValue:
        if isinstance(value, str):
            return self._make_plain(value)
        return value if value is None or math.isfinite(value) else None

    def _make_plain(self, text: str) -> str:
        secrets = {name: secret.reveal() for name, secret in self._secrets.items()}
        return make_plain_line(cut_secrets(text[:_MOST_READ], secrets), LONGEST_TEXT)


def _format_time(now: float) -> str:
    """UTC to the millisecond; of a clock that shows no time of this world, its number."""
    try:
        return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    except (ValueError, OverflowError, OSError):
        return f"{now:g}"


def _write_json(
    time: str, level: Level, about: Subject, message: str, fields: Mapping[str, LogValue]
) -> str:
    """One object; what is empty is left out."""
    record: dict[str, object] = {"time": time, "level": level}
    record |= {
        name: text for name in ("sync", "revision", "edit") if (text := getattr(about, name))
    }
    record["message"] = message
    if fields:
        record["fields"] = dict(fields)
    return json.dumps(record, ensure_ascii=False)


def _write_text(
    time: str, level: Level, about: Subject, message: str, fields: Mapping[str, LogValue]
) -> str:
    """Time, level, subject, message, and fields as name=value."""
    subject = " ".join(
        part for part in (about.sync, about.revision[:_SHORT_REVISION], about.edit) if part
    )
    words = [time, f"{level:<7}", f"[{subject}]" if subject else "", message]
    words += [f"{name}={_write_value(value)}" for name, value in fields.items()]
    return " ".join(word for word in words if word)


def _write_value(value: LogValue) -> str:
    """A value as one word, in quotes where it is more than that."""
    if isinstance(value, str) and value and not set(value) & set(' "='):
        return value
    return json.dumps(value, ensure_ascii=False)
