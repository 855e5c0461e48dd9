"""Standard output and error as they are: how wide, in which encoding, with colour or not; and
writing to them, which never fails.

A pipe that nobody reads any more, a full disk, a terminal that is gone: the work goes on, and its
exit code stays its own.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import IO

from reconciler.formats.words import WIDTH
from reconciler.report.page import Page

_LEAST_WIDTH = 20  # of a terminal that says it has less, or nothing
_MOST_WIDTH = 1000


class OutputStream:
    """Standard output, or standard error: what stands for it at the moment, or what stood for it
    when it was `kept`.
    """

    def __init__(self, name: str, kept: IO[str] | None = None) -> None:
        self._name = name
        self._kept = kept
        self.lost: OSError | None = None  # why nothing can be written to it any more

    @property
    def stream(self) -> IO[str] | None:
        if self._kept is not None:
            return self._kept
        stream: IO[str] | None = getattr(sys, self._name)
        return stream

    @property
    def _behind(self) -> IO[str] | None:
        """What is written to in the end: while a display runs, it stands before the stream."""
        behind: IO[str] | None = getattr(self.stream, "rich_proxied_file", self.stream)
        return behind

    @property
    def is_terminal(self) -> bool:
        try:
            return self._behind is not None and self._behind.isatty()
        except ValueError:  # closed
            return False

    @property
    def encoding(self) -> str:
        return getattr(self._behind, "encoding", None) or "utf-8"

    @property
    def moving(self) -> bool:
        """Whether lines may be drawn again in place."""
        from reconciler.system.environment import ScreenWishes

        return self.is_terminal and ScreenWishes.read().moving

    def page(self, *, wide: bool = False) -> Page:
        """The page that this is. In a pipe names and paths are whole, and lines are those of a
        screen; `wide`: whole on a terminal too.
        """
        from reconciler.system.environment import ScreenWishes

        wishes = ScreenWishes.read()
        width = wishes.columns or (self._columns() if self.is_terminal else None)
        return Page(
            width=min(max(width or WIDTH, _LEAST_WIDTH), _MOST_WIDTH),
            whole=wide or width is None,
            encoding=self.encoding,
            colour=self.is_terminal if wishes.colour is None else wishes.colour,
        )

    def _columns(self) -> int | None:
        assert self._behind is not None
        try:
            return os.get_terminal_size(self._behind.fileno()).columns or None
        except (OSError, ValueError):
            return None

    def write(self, text: str) -> None:
        """Write, and see that it gets there. What the encoding does not have is written in
        ASCII.
        """
        stream = self.stream
        if stream is None or self.lost is not None:
            return
        try:
            stream.write(Page(encoding=self.encoding).spelt(text))
            stream.flush()
        except OSError as error:
            self._give_up(error)
        except ValueError as error:  # closed
            self._give_up(OSError(errno.EBADF, str(error)))

    def flush(self) -> None:
        """Write out what others have left in the stream."""
        try:
            if self.stream is not None and self.lost is None:
                self.stream.flush()
        except OSError as error:
            self._give_up(error)
        except ValueError:
            return

    @property
    def failed(self) -> bool:
        """Whether something is missing in it. A reader that wanted no more misses nothing."""
        return self.lost is not None and self.lost.errno not in (errno.EPIPE, errno.EIO)

    def _give_up(self, error: OSError) -> None:
        """Nothing more is written here; what is still in the stream must not fail at the end."""
        self.lost = error
        with suppress(OSError, ValueError, AttributeError):
            assert self.stream is not None
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


def never_fail() -> None:
    """What others print (help, slips of the command line) never fails for want of a character,
    either.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
