"""What an apply looks like while it runs: a live table on a terminal, a line for each event in a
pipe, JSON lines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import IO, Any, cast

from reconciler.apply.events import Event, Phase
from reconciler.cli import screen
from reconciler.cli.board import Board, describe_billed
from reconciler.cli.terminal import OutputStream
from reconciler.formats.names import make_plain
from reconciler.plan.step import Plan
from reconciler.report.page import Line, Style

_ENDED = (Phase.WRITTEN, Phase.FAILED, Phase.CANCELLED)
_REDRAWS_PER_S = 8
_STYLES: Mapping[Style, str] = {
    Style.PLAIN: "",
    Style.STRONG: "bold",
    Style.FAINT: "dim",
    Style.GOOD: "green",
    Style.CHANGE: "yellow",
    Style.GONE: "red",
    Style.BUSY: "cyan",
    Style.BAD: "bold red",
}


def describe_event(event: Event, currency: str) -> str:
    """One event in one line."""
    match event.phase:
        case Phase.PENDING:
            return f"{event.name}: PENDING, task {event.task_id}"
        case Phase.RUNNING:
            return f"{event.name}: RUNNING"
        case Phase.WAITING:
            return f"{event.name}: {event.note or 'waiting'}"
        case Phase.CANCELLED:
            return f"{event.name}: {event.note}"
        case Phase.WRITTEN:
            return f"{event.name}: {event.output or 'stored'}{describe_billed(event, currency)}"
        case Phase.FAILED:
            return f"{event.name}: failed: {event.note}"
        case Phase.SETTLING:
            return f"{event.name}: {event.note} The service is asked whether the request arrived"
        case _:
            return f"{event.name}: {event.phase.value}{f', {event.note}' if event.note else ''}"


class Progress:
    """Shows what happens during an apply, between `begin`, once the plan is agreed to, and the end
    of the `with` block. Before `begin` nothing moves on the screen: somebody may be asked there.
    """

    def __init__(self) -> None:
        self._last: dict[str, Phase] = {}

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def begin(self, plan: Plan) -> None:
        """The plan is agreed to; from now on the screen may move."""

    def observe(self, event: Event) -> None:
        """Take in what has happened, and show it when its edit has entered another phase."""
        if event.phase is Phase.CANCELLED:  # of a request that the edit had before, one or more
            self._show(event)
        elif self._last.get(event.name) is not event.phase:
            self._last[event.name] = event.phase
            self._show(event)

    def _show(self, event: Event) -> None:
        """Nothing here: each kind of progress says how it shows that an edit is in another
        phase.
        """


class Lines(Progress):
    """A line whenever an edit enters another phase; for pipes."""

    def __init__(self, currency: str) -> None:
        super().__init__()
        self._currency = currency

    def _show(self, event: Event) -> None:
        screen.say(make_plain(describe_event(event, self._currency)))


class JsonLines(Progress):
    """One JSON object for each event but the bytes of downloads."""

    def _show(self, event: Event) -> None:
        screen.print_json_line(
            {
                "event": "progress",
                "name": event.name,
                "phase": event.phase.value,
                "note": event.note,
                "task_id": event.task_id or None,
                "output": event.output or None,
                "billed_s": event.billed_s,
                "price": event.price,
            }
        )


class Live(Progress):
    """A board on standard error that follows every edit; what has ended stays as a line
    above it.
    """

    def __init__(self, currency: str, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._currency = currency
        self._monotonic = monotonic
        self._board: Board | None = None
        self._display: Any = None

    def begin(self, plan: Plan) -> None:
        from rich.console import Console  # lazy: start-up time
        from rich.live import Live as Display

        self._board = Board(plan, self._monotonic())
        console = Console(
            file=cast("IO[str]", _Sink()),
            force_terminal=True,
            no_color=not screen.ERR.page().colour,
            highlight=False,
        )
        self._display = Display(
            self,
            console=console,
            refresh_per_second=_REDRAWS_PER_S,
            transient=True,
            redirect_stdout=screen.OUT.is_terminal,  # a file that takes it gets it all
        )
        self._display.start()

    def __rich__(self) -> Any:
        assert self._board is not None
        width, height = self._display.console.size
        page = replace(screen.ERR.page(), width=width)
        return _rich(self._board.lines(page, height - 1, self._monotonic()))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._display is not None:
            self._display.stop()

    def observe(self, event: Event) -> None:
        if self._board is None or self._display is None:
            if event.phase in _ENDED:
                screen.note(make_plain(describe_event(event, self._currency)))
            return
        self._board.take_in(event)
        if event.phase in _ENDED:
            page = replace(screen.ERR.page(), width=self._display.console.width)
            line = _rich([self._board.ended(event, page)])
            # The display redraws in a thread of its own, under its lock. A line that is printed
            # between two redraws must hold it too: else one of them moves up by the height of
            # the other's board, and rubs the line out.
            with self._display._lock:
                self._display.console.print(line, crop=False)


class _Sink:
    """Standard error as a file for the display: writing to it never fails. The display puts itself
    in the place of standard error, so this keeps the one that was there.
    """

    def __init__(self) -> None:
        self._output = OutputStream("stderr", sys.stderr)
        self.encoding = self._output.encoding
        self.isatty = sys.stderr.isatty
        self.fileno = sys.stderr.fileno
        self.flush = self._output.flush

    def write(self, text: str) -> int:
        self._output.write(text)
        return len(text)


def _rich(lines: list[Line]) -> Any:
    """Lines as rich shows them: each stays one line."""
    from rich.text import Text

    text = Text(no_wrap=True, overflow="ignore", end="")
    for number, line in enumerate(lines):
        if number:
            text.append("\n")
        for span in line:
            text.append(span.text, style=_STYLES[span.style])
    text.end = "\n"
    return text
