"""The key by which this user of this machine knows again what was remembered here.

It lies in the user's own folder of state, in no project, so that whoever sends us a project cannot
have it. Losing it costs what was remembered, and nothing else.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from reconciler.errors import DiskFull
from reconciler.system.clock import make_secret
from reconciler.system.environment import find_state_folder
from reconciler.system.files import create_file

_BYTES = 32


def read_machine_key() -> bytes | None:
    """The key, made where there is none yet; None where the user has no folder that can be
    written.
    """
    folder = find_state_folder()
    if folder is None:
        return None
    path = folder / "cache.key"
    key = _read(path)
    if key is None:
        with suppress(OSError, DiskFull):
            _make(path)
            key = _read(path)  # another process may have been faster
    return key


def _read(path: Path) -> bytes | None:
    """The key that lies at `path`, if nobody else could have read or written it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
            return None
        key = file.read(_BYTES + 1)
    return key if len(key) == _BYTES else None


def _make(path: Path) -> None:
    """Put a new key at `path`, in the place of whatever cannot be one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = make_secret(_BYTES)
    with create_file(path.parent, f".{make_secret(8).hex()}.tmp") as (tmp, file):
        file.write(secret)
        file.flush()
        if _read(path) is None:
            tmp.rename(path)
