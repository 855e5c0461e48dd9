"""What an apply looks like on a terminal while it runs: a line for each edit that is on its way,
and one for the whole. From a plan and its events to lines; nothing is printed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.apply.events import Event, Phase
from reconciler.formats.words import format_span
from reconciler.plan.step import Action, Plan
from reconciler.report.money import format_price
from reconciler.report.page import Line, Page, Span, Style, measure_columns, pad, shorten, spell

_BAR = 22
_LEAST_BAR = 8
_MOST_NAME = 26
_LEAST_NAME = 12
_GAP = 2
_ALMOST = 0.95  # a task that takes longer than usual is not shown as done
_ENDED = (Phase.WRITTEN, Phase.FAILED)
_MARKS = {
    Phase.WRITTEN: Span("✔", Style.GOOD),
    Phase.FAILED: Span("✗", Style.BAD),
    Phase.CANCELLED: Span("-", Style.GONE),
}
_AT_WORK = (Action.RENDER, Action.RESUME, Action.SETTLE, Action.WAIT)


class Board:
    """The state of an apply, as its events tell it."""

    def __init__(self, plan: Plan, now: float) -> None:
        steps = [step for step in plan.steps if step.of_edit and not step.stuck]
        self._left_alone = {step.name for step in plan.steps} - {step.name for step in steps}
        self._expected = {
            step.name for step in steps if step.action not in (Action.KEEP, Action.BLOCKED)
        }
        self._tasks = {step.name for step in steps if step.action in _AT_WORK}
        self._planned = plan.total(Action.RENDER, Action.WAIT, Action.RESUME)
        self._currency = plan.currency
        self._widest = max(map(measure_columns, self._expected), default=0)
        self._started = now
        self._began: dict[str, float] = {}
        self._active: dict[str, Event] = {}
        self._ended: dict[str, Event] = {}
        self._billed_s = 0.0
        self._price: float | None = 0.0

    def take_in(self, event: Event) -> None:
        """Something has happened."""
        name = event.name
        if event.phase is Phase.CANCELLED:  # of a request that no edit stands for any more
            self._widest = max(self._widest, measure_columns(name))
            return
        if name in self._left_alone:
            return
        if name not in self._expected:  # a task of a request that no edit stands for any more
            self._expected.add(name)
            self._tasks.add(name)
            self._widest = max(self._widest, measure_columns(name))
        if event.phase in _ENDED:
            self._active.pop(name, None)
            self._ended[name] = event
            if event.billed_s:
                known = self._price is not None and event.price is not None
                self._price = (self._price or 0.0) + (event.price or 0.0) if known else None
                self._billed_s += event.billed_s
            return
        self._ended.pop(name, None)  # it is tried again
        if event.phase is Phase.SUBMITTING or name not in self._began:
            self._began[name] = event.at
        self._active[name] = event

    # ---------------------------------------------------------------- the whole

    def lines(self, page: Page, rows: int, now: float) -> list[Line]:
        """At most `rows` lines: those that are on their way first, what does not fit as a number,
        and the whole at the end.
        """
        order = sorted(
            self._active.values(), key=lambda row: (row.phase is Phase.WAITING, row.name)
        )
        unseen = len(self._expected) - len(self._ended) - len(order)
        room = max(rows - 1, 0)
        if len(order) + (unseen > 0) > room:
            order, hidden = order[: max(room - 1, 0)], order[max(room - 1, 0) :]
        else:
            hidden = []
        lines = self._rows(order, page, now)
        waiting = unseen + sum(row.phase is Phase.WAITING for row in hidden)
        running = len(hidden) + unseen - waiting
        if room and (waiting or running):
            lines.append(_count_rest(running, waiting, page, is_alone=not order))
        return [*lines, self._whole(page, now)][-max(rows, 1) :]

    def _whole(self, page: Page, now: float) -> Line:
        """`12 of 46 done · 1 failed · 1.81 of 4.60 USD · 3m 10s, about 8m 20s left`."""
        done = [event for event in self._ended.values() if event.phase is Phase.WRITTEN]
        failed = len(self._ended) - len(done)
        parts: list[Sequence[Span]] = [
            [Span(f"{len(done)} of {len(self._expected)} done", Style.STRONG)]
        ]
        if failed:
            parts.append([Span(f"{failed} failed", Style.BAD)])
        parts.append([Span(self._money())])
        parts.append([Span(self._time(now))])
        whole: list[str | Span] = []
        for part in parts:
            if part[0].text:
                whole += [Span(" · ", Style.FAINT), *part] if whole else part
        return _fitted(spell(whole, page), page)

    def _money(self) -> str:
        """What was billed so far, of what was planned."""
        planned = self._planned
        about = "at most " if planned.unknown_inputs else ""
        if not planned.billable_s and not self._billed_s:
            return ""
        if self._price is None or planned.price is None or not self._currency:
            return f"{self._billed_s:.1f} of {about}{planned.billable_s:.1f} s billed"
        return f"{self._price:.2f} of {about}{format_price(planned.price, self._currency)}"

    def _time(self, now: float) -> str:
        """How long it has taken, and how long the rest takes at that pace."""
        gone_s = now - self._started
        ended = sum(1 for name in self._ended if name in self._tasks)
        left = len(self._tasks) - ended
        if not ended or not left:
            return format_span(gone_s)
        return f"{format_span(gone_s)}, about {format_span(gone_s / ended * left)} left"

    # ---------------------------------------------------------------- an edit each

    def ended(self, event: Event, page: Page) -> Line:
        """The one line of an edit that has ended."""
        good = event.phase is Phase.WRITTEN
        mark = _MARKS[event.phase]
        width = self._name_width(page)
        name = pad(shorten(event.name, width, page), width)
        head = spell([mark, f" {name}{' ' * _GAP}"], page)
        room = page.width - 1 - sum(measure_columns(part.text) for part in head)
        if not good:
            note = " ".join(event.note.split())
            return [*head, *spell(shorten(note, room, page, at_end=True), page)]
        price = describe_billed(event, self._currency)
        if room - measure_columns(price) < _LEAST_NAME:
            price = ""  # the whole has the money, too
        path = shorten(event.output or "stored", room - measure_columns(price), page)
        return _fitted([*head, *spell([path, Span(price, Style.FAINT)], page)], page)

    def _name_width(self, page: Page) -> int:
        return min(self._widest, max(min(_MOST_NAME, page.width // 3), _LEAST_NAME))

    def _rows(self, events: Sequence[Event], page: Page, now: float) -> list[Line]:
        words = {event.name: self._words(event, now) for event in events}
        bars = {event.name: self._share(event, now) for event in events}
        name_width = self._name_width(page)
        widest = max(
            (
                measure_columns(page.spelt(words[event.name]))
                for event in events
                if bars[event.name]
            ),
            default=0,
        )
        bar = min(_BAR, page.width - name_width - widest - 3 * _GAP - 1)
        bar = bar if bar >= _LEAST_BAR else 0
        lines = []
        for event in events:
            name = pad(shorten(event.name, name_width, page), name_width)
            line = [Span(f"{' ' * _GAP}{name}{' ' * _GAP}")]
            share = bars[event.name]
            if share and bar:
                line += [*_bar(share, bar, page), Span(" " * _GAP)]
            style = Style.FAINT if event.phase is Phase.WAITING else Style.PLAIN
            line.append(Span(words[event.name], style))
            lines.append(_fitted(spell(line, page), page))
        return lines

    def _share(self, event: Event, now: float) -> tuple[float | None] | None:
        """How much of it is done, from 0 to 1, `(None,)` when nobody knows; None: it only waits."""
        if event.phase is Phase.WAITING:
            return None
        if event.phase is Phase.FETCHING:
            return (event.done_bytes / event.total_bytes,) if event.total_bytes else (None,)
        age_s = now - self._began[event.name]
        return (min(age_s / event.usual_s, _ALMOST),) if event.usual_s else (None,)

    def _words(self, event: Event, now: float) -> str:
        if event.phase is Phase.WAITING:
            return event.note or "waiting"
        if event.phase is Phase.FETCHING and event.total_bytes:
            done, total = event.done_bytes / 2**20, event.total_bytes / 2**20
            return f"{event.phase.value:<10} {done:.1f} of {total:.1f} MB"
        usual = f"   usually {format_span(event.usual_s)}" if event.usual_s else ""
        return f"{event.phase.value:<10} {format_span(now - self._began[event.name]):>6}{usual}"


def describe_billed(event: Event, currency: str) -> str:
    """`  5.0 s billed, 0.50 USD`, or nothing."""
    if not event.billed_s:
        return ""
    price = ""
    if event.price is not None and currency:
        price = f", {format_price(event.price, currency)}"
    return f"  {event.billed_s:.1f} s billed{price}"


def _count_rest(running: int, waiting: int, page: Page, *, is_alone: bool) -> Line:
    """How many have no row of their own; `is_alone` where none has one."""
    more = "" if is_alone else " more"
    said = [f"{running}{more}"] if running else []
    if waiting:
        said.append(f"{waiting}{'' if running else more} wait{'s' if waiting == 1 else ''}")
    words = ", ".join(said) if is_alone and not running else f"… and {', '.join(said)}"
    return _fitted(spell(Span(words, Style.FAINT), page), page)


def _bar(share: tuple[float | None], width: int, page: Page) -> Iterator[Span]:
    """A bar of `width` columns; what nobody can tell the length of is a line of dots."""
    if share[0] is None:
        yield Span(page.spelt("·") * width, Style.FAINT)
        return
    done = round(max(min(share[0], 1.0), 0.0) * width)
    yield Span(page.spelt("━") * done, Style.BUSY)
    yield Span(page.spelt("─") * (width - done), Style.FAINT)


def _fitted(line: Line, page: Page) -> Line:
    """A line that never takes two: what is too much goes from its end."""
    room, kept = page.width - 1, []
    for part in line:
        text = part.text
        if measure_columns(text) > room:
            kept.append(Span(shorten(text, room, page, at_end=True), part.style))
            break
        kept.append(part)
        room -= measure_columns(text)
    return kept
