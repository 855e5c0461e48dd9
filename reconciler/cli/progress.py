"""What an apply looks like while it runs: a live table on a terminal, a line for each event in a
pipe, JSON lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.apply.events import Event, Observer, Phase
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


@contextmanager
def lines(currency: str) -> Iterator[Observer]:
    """A line whenever an edit enters another phase; for pipes."""
    last: dict[str, Phase] = {}

    def observe(event: Event) -> None:
        if last.get(event.name) is not event.phase:
            last[event.name] = event.phase
            screen.say(made_plain(sentence(event, currency)))

    yield observe


@contextmanager
def json_lines() -> Iterator[Observer]:
    """One JSON object for each event but the bytes of downloads."""
    last: dict[str, Phase] = {}

    def observe(event: Event) -> None:
        if last.get(event.name) is not event.phase:
            last[event.name] = event.phase
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

    yield observe


@contextmanager
def live(currency: str, monotonic: Callable[[], float]) -> Iterator[Observer]:
    """A table on standard error that follows every edit; what has ended stays as a line above it."""
    from rich.console import Console  # lazy: start-up time
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    rows: dict[str, Event] = {}
    began: dict[str, float] = {}

    class Table:
        def __rich__(self) -> Any:
            return _table(rows, began, monotonic())

    with Live(
        Table(), console=console, refresh_per_second=_REDRAWS_PER_S, transient=True
    ) as display:

        def observe(event: Event) -> None:
            began.setdefault(event.name, event.at)
            if event.phase in _ENDED:
                rows.pop(event.name, None)
                display.console.print(_ended(event, currency))
            else:
                if event.phase is Phase.SUBMITTING:
                    began[event.name] = event.at
                rows[event.name] = event

        yield observe


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
