"""Where a task_id goes that the ledger cannot take: a file whose room was set aside before
anything was sent.

On a full disk nothing new can be written; overwriting blanks that are there already still can.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from reconciler.formats.records import build_record, parse_json
from reconciler.system.files import fsync_dir, make_dirs

ROOM_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class Spilled:
    """A task that was accepted and could not be recorded."""

    attempt_id: str
    task_id: str
    request_id: str
    at: float  # seconds since 1970


class Spill:
    """The spill file of one realm."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def set_room_aside(self) -> None:
        """Make the file, full of blanks, unless it is there. Raises OSError."""
        if not self._path.exists() or self._path.stat().st_size < ROOM_BYTES:
            make_dirs(self._path.parent)
            with self._path.open("wb") as file:
                file.write(b" " * ROOM_BYTES)
                file.flush()
                os.fsync(file.fileno())
        fsync_dir(self._path.parent)  # also where it is there: a kill may have come before this

    def note(self, attempt_id: str, task_id: str, request_id: str, *, at: float) -> bool:
        """Write down a task. Returns whether that worked."""
        line = json.dumps(asdict(Spilled(attempt_id, task_id, request_id, at))).encode() + b"\n"
        with suppress(OSError), self._path.open("r+b") as file:
            file.seek(len(file.read().rstrip(b" ")))
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
            return True
        return False

    def read(self) -> Sequence[Spilled]:
        """What was written down and not yet cleared; a line that was cut short, or whose
        time is none, is passed over."""
        notes = []
        with suppress(FileNotFoundError):
            for line in self._path.read_bytes().splitlines():
                with suppress(ValueError):
                    spilled = build_record(Spilled, parse_json(line))
                    if math.isfinite(spilled.at):
                        notes.append(spilled)
        return notes

    def clear(self) -> None:
        """Forget what was written down, once the ledger has it."""
        self._path.unlink(missing_ok=True)
        self.set_room_aside()
