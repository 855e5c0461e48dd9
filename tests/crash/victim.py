"""`python -m tests.crash.victim POINT before|after N ARGUMENTS…`: the real command, killed at
one labelled point.

The trap is laid here, by test code; the product has no switch for it.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import sys
from typing import Any

from reconciler.cli import main as run_command
from reconciler.service.client import Client
from reconciler.state import lockfile
from reconciler.state.ledger.sql.attempts import SqlLedger
from reconciler.state.ledger.sql.baselines import SqlBaselines
from reconciler.state.ledger.sql.uploads import SqlUploads
from reconciler.state.outputs import Outputs
from reconciler.state.store import FolderStore
from reconciler.state.store.incoming import FileBlobWriter

POINTS: dict[str, tuple[Any, str]] = {
    "Ledger.intend": (SqlLedger, "intend"),
    "Ledger.submitted": (SqlLedger, "submitted"),
    "Ledger.end": (SqlLedger, "end"),
    "Ledger.tasks_seen": (SqlLedger, "tasks_seen"),
    "Baselines.keep": (SqlBaselines, "keep"),
    "Uploads.keep": (SqlUploads, "keep"),
    "BlobWriter.commit": (FileBlobWriter, "commit"),
    "Store.put_result": (FolderStore, "put_result"),
    "Store.copy_out": (FolderStore, "copy_out"),
    "Outputs.remember": (Outputs, "remember"),
    "lockfile.write": (lockfile, "write"),
}

CANCEL = "Client.cancel"


def arm(point: str, when: str, nth: int) -> None:
    """Let the nth call of `point` be the last thing this process does, before it does anything or
    after it has.
    """
    if point == CANCEL:
        arm_cancel(when)
        return
    owner, name = POINTS[point]
    original = getattr(owner, name)
    calls = itertools.count(1)

    @functools.wraps(original)
    def armed(*args: Any, **kwargs: Any) -> Any:
        fatal = next(calls) == nth
        if fatal and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, armed)


def arm_cancel(when: str) -> None:
    """Let the first request to cancel be the last thing, before it is sent or after its answer."""
    original = Client.cancel

    async def armed(self: Client, task_id: str) -> None:
        if when == "after":
            await original(self, task_id)
        os.kill(os.getpid(), signal.SIGKILL)

    Client.cancel = armed  # type: ignore[method-assign]


def main() -> None:
    """Lay the trap of the first three arguments, and run the command of the others."""
    arm(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    run_command(sys.argv[4:])


if __name__ == "__main__":
    main()
