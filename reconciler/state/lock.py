"""The lock that lets one process change a store at a time: a protocol, and a kernel file lock.

A file lock has no expiry: a killed holder frees it, a paused one keeps it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from reconciler.errors import Locked
from reconciler.formats.records import parse_json
from reconciler.formats.values import value
from reconciler.system.files import make_dirs


@value(frozen=True, slots=True)
class Holder:
    """Who holds a lock. Everything is empty of one that has not said it yet."""

    command: str = ""
    process: str = ""
    since: str = ""  # UTC, for people

    def __str__(self) -> str:
        if not self.command:
            return "it has just started"
        return f"{self.command}, process {self.process}, since {self.since}"


class Lock(Protocol):
    """One process at a time holds it, for as long as it changes things."""

    def hold(self, *, command: str, now: float) -> AbstractContextManager[None]:
        """Hold the lock for the length of a block. `command` and `now` (seconds since 1970) are
        what others are told. Raises Locked, naming the holder, where somebody has it.
        """

    def find_holder(self) -> Holder | None:
        """Who holds it at this moment, since when, and for which command; None for nobody."""


class FileLock:
    """A lock of the kernel on a file, for processes of one machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def hold(self, *, command: str, now: float) -> Iterator[None]:
        """Hold the lock for the length of the block. Raises Locked, naming the holder."""
        make_dirs(self._path.parent)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if not _take(handle, fcntl.LOCK_EX):
                raise Locked(
                    f"another cutlist is working on this store: {_read_holder(handle)}.",
                    hint=(
                        "Wait for it to end, or stop it: its tasks at the service go on, and the"
                        " next run collects them."
                    ),
                )
            os.ftruncate(handle, 0)
            since = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            note = {"pid": os.getpid(), "command": command, "since": since}
            os.pwrite(handle, json.dumps(note).encode(), 0)
            yield
        finally:
            os.close(handle)

    def find_holder(self) -> Holder | None:
        """Who holds the lock at this moment; None for nobody."""
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return None if _take(handle, fcntl.LOCK_SH) else _read_holder(handle)
        finally:
            os.close(handle)


def _take(handle: int, kind: int) -> bool:
    """Lock an open file without waiting. Whether that worked."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(handle: int) -> Holder:
    try:
        note: Any = parse_json(os.pread(handle, 4096, 0))
        return Holder(note["command"], str(note["pid"]), note["since"])
    except (ValueError, KeyError, TypeError):
        return Holder()
