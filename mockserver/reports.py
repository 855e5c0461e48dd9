"""Reports on errors of the server itself, when it runs as a command.

No traceback reaches the screen: it goes into a file without secrets, which one sentence names.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import threading
import traceback
from typing import Any, TextIO

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|SIGNATURE", re.IGNORECASE)
# Fewest characters of a value that is removed, if its name is that of a secret, and if not.
_LEAST = {True: 3, False: 6}
_REMOVED = (
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@\"']+@"), r"\1[removed]@"),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s?#\"'<>]*)[?#][^\s\"'<>]*"), r"\1?[removed]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}"), r"\1 [removed]"),
    (re.compile(r"\bsk-[\w-]{4,}"), "[key]"),
)


def remove_secrets(text: str) -> str:
    """A text without API keys, what follows `?` in a URL, and values of the environment."""
    for pattern, words in _REMOVED:
        text = pattern.sub(words, text)
    values = {
        value: name
        for name, value in os.environ.items()
        if len(value) >= _LEAST[_SECRET_NAME.search(name) is not None]
    }
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, f"${values[value]}")
    return text


def write_report(error: BaseException, where: str = "") -> str:
    """Write a report into a file, and return one sentence for people, which names it."""
    kind = type(error).__name__
    text = f"{where}\n\n{''.join(traceback.format_exception(error))}"
    try:
        handle, name = tempfile.mkstemp(prefix="cutlist-mock-report-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(remove_secrets(text))
    except OSError as failure:
        return f"error: the server has met a fault of its own ({kind}); {failure.strerror}."
    return f"error: the server has met a fault of its own ({kind}); {name} tells where."


class Reports(logging.StreamHandler[TextIO]):
    """Log lines on standard error; a traceback among them becomes a report and one line."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        error = record.exc_info[1] if record.exc_info else None
        return line if error is None else write_report(error, line)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """A line that cannot be written is lost, and ends nothing."""


def install_reports() -> None:
    """From now on nothing prints a traceback by itself."""
    logging.basicConfig(handlers=[Reports()], level=logging.WARNING, force=True)
    sys.excepthook = lambda _kind, error, _trace: _print_report(error)
    threading.excepthook = lambda unhandled: _print_report(unhandled.exc_value, "in a thread")
    sys.unraisablehook = lambda unhandled: _print_report(unhandled.exc_value, "in a finalizer")


def _print_report(error: Any, where: str = "") -> None:
    if isinstance(error, BaseException) and not isinstance(error, KeyboardInterrupt | SystemExit):
        sys.stderr.write(f"{write_report(error, where)}\n")
