"""The lock that lets one process change a store at a time: a kernel file lock, without expiry.

A killed holder frees it, a paused one keeps it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reconciler.errors import Locked
from reconciler.formats.records import parse_json
from reconciler.system.files import make_dirs


@contextmanager
def hold(path: Path, *, command: str, now: float) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block. Raises Locked, naming the holder."""
    make_dirs(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(
                f"another cutlist is working on this store: {_holder(handle)}.",
                hint=(
                    "Wait for it to end, or stop it: its tasks at the service go on, and the next"
                    " run collects them."
                ),
            ) from None
        os.ftruncate(handle, 0)
        since = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        os.pwrite(
            handle, json.dumps({"pid": os.getpid(), "command": command, "since": since}).encode(), 0
        )
        yield
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    try:
        data = parse_json(os.pread(handle, 4096, 0))
        return f"{data['command']}, process {data['pid']}, since {data['since']}"
    except (ValueError, KeyError, TypeError):
        return "it has just started"
