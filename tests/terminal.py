"""A real terminal for tests: a command on a pseudo-terminal, and its screen as a person sees it.

The bytes that the command writes are rendered by `pyte`. What it writes is read piece by piece,
and after each piece the screen is kept, so that a test can ask what stood there at any moment.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte

from tests.cli.processes import MAIN
from tests.nursery import get_nursery

PATIENCE_S = 180.0
_OWN = ("CUTLIST_", "DASHSCOPE_", "LC_", "PYTHON")
_TERMINAL = ("COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "CI", "LANG", "COLORTERM")

Sees = Callable[["Terminal"], bool]


class _Scrolling(pyte.Screen):
    """A screen that keeps the text of what leaves it at its top, and of each row until that
    changes. (pyte's own screen with a history takes three times as long for every character.)
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.above: list[str] = []
        self._texts: list[str] = []
        super().__init__(columns, rows)

    def index(self) -> None:
        top, bottom = self.margins or pyte.screens.Margins(0, self.lines - 1)
        if self.cursor.y == bottom:
            self.above.append(self._read_row(top))
        super().index()

    @property
    def texts(self) -> list[str]:
        """Every row as it stands, without the blanks at its end."""
        if len(self._texts) != self.lines:
            self._texts = [""] * self.lines
            self.dirty.update(range(self.lines))
        for y in self.dirty.intersection(range(self.lines)):
            self._texts[y] = self._read_row(y)
        self.dirty.clear()
        return list(self._texts)

    def _read_row(self, y: int) -> str:
        """A row without the blanks at its end; behind a wide character stands a cell of no text."""
        row = self.buffer[y]
        return "".join(row[x].data for x in range(self.columns)).rstrip()


class Terminal:
    """One command at a terminal of `columns` and `rows`, to be used with `with`.

    `encoding` is the one of the terminal and of the command. `env` is added to an environment
    without any wish about colour, width or language.
    """

    def __init__(
        self,
        *arguments: str | Path,
        columns: int = 80,
        rows: int = 24,
        encoding: str = "utf-8",
        cwd: Path | None = None,
        command: list[str] | None = None,
        **env: str,
    ) -> None:
        self._screen = _Scrolling(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self.frames: list[str] = []  # every screen that stood there, the oldest first
        self.raw = b""  # everything that was written
        self.code: int | None = None  # the exit code, once it has ended
        self._ours, theirs = pty.openpty()
        self._resize(theirs, columns, rows)
        words = [*map(str, arguments)]
        env = {**_environment(), "PYTHONIOENCODING": encoding, **env}
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self._process = (
            get_nursery().start(MAIN, words, cwd=cwd, env=env, **streams)
            if command is None
            else subprocess.Popen(
                [*command, *words],
                cwd=cwd,
                env=env,
                start_new_session=True,
                preexec_fn=_own_the_terminal,
                **streams,
            )
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._ours)

    @staticmethod
    def _resize(fd: int, columns: int, rows: int) -> None:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # ---------------------------------------------------------------- what is seen

    @property
    def rows(self) -> list[str]:
        """The rows of the screen as they stand, without the blanks at their ends."""
        return self._screen.texts

    @property
    def text(self) -> str:
        """The screen as it stands, without the empty rows below."""
        return "\n".join(self.rows).rstrip()

    @property
    def all_text(self) -> str:
        """Everything there was: what has left the screen at its top, and the screen."""
        return "\n".join([*self._screen.above, *self.rows]).rstrip()

    def colours_of(self, words: str) -> set[str]:
        """The colours in which `words` stands on the screen; `default` is the terminal's own."""
        for y, row in enumerate(self._screen.display):
            at = row.find(words)
            if at >= 0:
                cells = [self._screen.buffer[y][x] for x in range(at, at + len(words))]
                return {cell.fg for cell in cells if cell.data.strip()}
        raise AssertionError(f"{words!r} is not on the screen:\n{self.text}")

    @property
    def colours(self) -> set[str]:
        """Every colour that is on the screen."""
        cells = (cell for line in self._screen.buffer.values() for cell in line.values())
        return {cell.fg for cell in cells if cell.data.strip()}

    @property
    def cursor_hidden(self) -> bool:
        return bool(self._screen.cursor.hidden)

    # ---------------------------------------------------------------- what is done

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self._ours, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size, as with the mouse."""
        self._resize(self._ours, columns, rows)
        self._screen.resize(rows, columns)

    def signal(self, which: signal.Signals) -> None:
        self._process.send_signal(which)

    def until(self, sees: str | Sees) -> str:
        """Read until words stand on the screen, or something is seen there; the screen then."""

        def there() -> bool:
            return sees in self.text if isinstance(sees, str) else sees(self)

        end = time.monotonic() + PATIENCE_S
        while not there():
            if not self._read(end):
                assert there(), f"never seen: {sees!r}. At the end:\n{self.all_text}"
        return self.text

    def end(self) -> int:
        """Read until the command ends; its exit code."""
        end = time.monotonic() + PATIENCE_S
        while self._read(end):
            pass
        self.code = self._process.wait(timeout=PATIENCE_S)
        return self.code

    def _read(self, end: float) -> bool:
        """Take in what was written next; whether there was anything."""
        left_s = end - time.monotonic()
        assert left_s > 0, f"nothing more happened in time. Seen so far:\n{self.all_text}"
        ready, _, _ = select.select([self._ours], [], [], left_s)
        if not ready:
            return False
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # the other end is closed: so Linux says it
            return False
        if not piece:
            return False
        self.raw += piece
        self._stream.feed(self._decoder.decode(piece))
        text = self.text
        if not self.frames or self.frames[-1] != text:
            self.frames.append(text)
        return True


def show(*arguments: str | Path, **options: Any) -> Terminal:
    """Run a command at a terminal of `options` to its end; the terminal as it stands then."""
    with Terminal(*arguments, **options) as terminal:
        terminal.end()
    return terminal


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OWN) and name not in _TERMINAL
    }
    root = str(Path(__file__).resolve().parents[1])
    return {**kept, "PYTHONPATH": root, "TERM": "xterm-256color"}


def _own_the_terminal() -> None:
    """In the child: the terminal is the one that its Ctrl-C comes from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
