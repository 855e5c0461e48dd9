"""Faults of the program itself. Nobody is shown a traceback: it goes into a report file without
secrets, and one sentence names the file.

Installed around every command, it is also heard by what would otherwise print by itself: threads,
tasks of the event loop, finalizers, and what libraries log.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

from reconciler import __version__
from reconciler.formats.secret import cut_secrets


def report(error: BaseException | None, trace: str = "", *, where: str = "") -> str:
    """Write a report of a fault; one sentence for people, which names the file."""
    import tempfile  # lazy: start-up time

    from reconciler.system.environment import read_variables

    told = trace or "".join(traceback.format_exception(error))
    head = (
        f"cutlist {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n"
        f"command: {' '.join(sys.argv[1:])}\n{where}\n\n"
    )
    what = type(error).__name__ if error is not None else "a fault"
    try:
        handle, name = tempfile.mkstemp(prefix="cutlist-report-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(cut_secrets(head + told, read_variables()))
    except OSError as trouble:
        return (
            f"error: cutlist has met a fault of its own ({what}); no report could be written"
            f" ({trouble.strerror or trouble})."
        )
    return (
        f"error: cutlist has met a fault of its own ({what}); {Path(name)} tells where, without"
        " keys and links. What is paid is kept; run the command again."
    )


class _Reports(logging.Handler):
    """What libraries log stays off the screen; a fault among it becomes a report."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            tell(record.exc_info[1], where=f"logged by {record.name}: {record.getMessage()}")


def tell(error: BaseException, *, where: str = "") -> None:
    """Write a report, and say so on standard error."""
    from reconciler.cli import screen

    screen.note(report(error, where=where))


def install() -> None:
    """From now on nothing prints a traceback by itself."""
    sys.excepthook = _top
    threading.excepthook = _in_thread
    sys.unraisablehook = _unraisable
    logging.basicConfig(handlers=[_Reports(logging.WARNING)], force=True)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _top(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        tell(error.with_traceback(trace))


def _in_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None and not isinstance(given.exc_value, SystemExit):
        name = given.thread.name if given.thread is not None else "unknown"
        tell(given.exc_value, where=f"in the thread {name}")


def _unraisable(given: Any) -> None:
    if given.exc_value is not None and not isinstance(given.exc_value, OSError):
        tell(given.exc_value, where=f"in {given.err_msg or 'a finalizer'}")
