"""What an apply looks like while it runs: a live table on a terminal, a line for each event in a
pipe, JSON lines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from reconciler.apply.events import Event, Phase
from reconciler.cli import screen
from reconciler.names import made_plain
from reconciler.plan.report import span

_ENDED = (Phase.WRITTEN, Phase.FAILED)
_REDRAWS_PER_S = 8
_NAME_WIDTH = 26


def sentence(event: Event, currency: str) -> str:
    """One event in one line."""
    match event.phase:
        case Phase.PENDING:
            return f"{event.name}: PENDING, task {event.task_id}"
        case Phase.RUNNING:
            return f"{event.name}: RUNNING"
        case Phase.WAITING:
            return f"{event.name}: {event.note or 'waiting'}"
        case Phase.WRITTEN:
            return f"{event.name}: {event.output or 'stored'}{_billed(event, currency)}"
        case Phase.FAILED:
            return f"{event.name}: failed: {event.note}"
        case Phase.SETTLING:
            return f"{event.name}: {event.note} The service is asked whether the request arrived"
        case _:
            return f"{event.name}: {event.phase.value}{f', {event.note}' if event.note else ''}"


def _billed(event: Event, currency: str) -> str:
    if not event.billed_s:
        return ""
    price = f", {event.price:.2f} {currency}" if event.price is not None and currency else ""
    return f"  {event.billed_s:.1f} s billed{price}"


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

    def begin(self) -> None:
        """The plan is agreed to; from now on the screen may move."""

    def observe(self, event: Event) -> None:
        """Take in what has happened, and show it when its edit has entered another phase."""
        if self._last.get(event.name) is not event.phase:
            self._last[event.name] = event.phase
            self._show(event)

    def _show(self, event: Event) -> None:
        raise NotImplementedError


class Lines(Progress):
    """A line whenever an edit enters another phase; for pipes."""

    def __init__(self, currency: str) -> None:
        super().__init__()
        self._currency = currency

    def _show(self, event: Event) -> None:
        screen.say(made_plain(sentence(event, self._currency)))


class JsonLines(Progress):
    """One JSON object for each event but the bytes of downloads."""

    def _show(self, event: Event) -> None:
        screen.json_line(
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
    """A table on standard error that follows every edit; what has ended stays as a line above it."""

    def __init__(self, currency: str, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._currency = currency
        self._monotonic = monotonic
        self._rows: dict[str, Event] = {}
        self._began: dict[str, float] = {}
        self._display: Any = None

    def begin(self) -> None:
        from rich.console import Console  # lazy: start-up time
        from rich.live import Live as Display

        console = Console(stderr=True, highlight=False)
        self._display = Display(
            self,
            console=console,
            refresh_per_second=_REDRAWS_PER_S,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # a file that takes it gets it all
        )
        self._display.start()

    def __rich__(self) -> Any:
        return _table(self._rows, self._began, self._monotonic())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._display is not None:
            self._display.stop()

    def observe(self, event: Event) -> None:
        self._began.setdefault(event.name, event.at)
        if event.phase in _ENDED:
            self._rows.pop(event.name, None)
            if self._display is None:
                screen.note(made_plain(sentence(event, self._currency)))
            else:
                self._display.console.print(_ended(event, self._currency))
        else:
            if event.phase is Phase.SUBMITTING:
                self._began[event.name] = event.at
            self._rows[event.name] = event


def _ended(event: Event, currency: str) -> Any:
    from rich.text import Text

    good = event.phase is Phase.WRITTEN
    text = f"{event.output or 'stored'}{_billed(event, currency)}" if good else event.note
    mark = ("✔", "green") if good else ("✗", "red")
    return Text.assemble(mark, f" {_clip(event.name):<{_NAME_WIDTH}}  {made_plain(text)}")


def _table(rows: dict[str, Event], began: dict[str, float], now: float) -> Any:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, event in sorted(rows.items()):
        age = now - began[name]
        total: float | None
        done: float
        if event.phase is Phase.FETCHING:
            done, total = (
                float(event.done_bytes),
                float(event.total_bytes) if event.total_bytes else None,
            )
            words = (
                f"fetching   {_mb(event.done_bytes)} of {_mb(event.total_bytes)}"
                if event.total_bytes
                else "fetching"
            )
        elif event.phase is Phase.WAITING:
            table.add_row(
                Text(_clip(name)), Text(""), Text(made_plain(event.note) or "waiting", style="dim")
            )
            continue
        else:
            usual = event.usual_s
            done, total = (min(age, usual * 0.95), usual) if usual else (0.0, None)
            words = f"{event.phase.value:<10} {span(age):>6}" + (
                f"   usually {span(usual)}" if usual else ""
            )
        bar = ProgressBar(
            total=total, completed=done, width=22, pulse=total is None, animation_time=age
        )
        table.add_row(Text(_clip(name)), bar, Text(words))
    return table


def _clip(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MB"
