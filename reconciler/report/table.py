"""The one printer of tables: columns that fit the page, long names shortened in the middle. Pure.

What a row has to say besides its cells, its note, stands at the end of its line where there is
room, and below it where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from reconciler.formats.values import value
from reconciler.report.page import (
    Blocks,
    Line,
    Page,
    Paragraph,
    Span,
    Style,
    Words,
    lay_out,
    measure_columns,
    pad,
    shorten,
    spell,
)

_GAP = 2
_MOST_ALIGNED = 40  # a longer cell does not push the columns after it to the right, on a whole page
_LEAST_NAME = 12
_SHORT_NAME = 16  # to this width names and paths are shortened in favour of notes


class Fit(Enum):
    """What becomes of a cell that is too wide for the page."""

    STAYS = "stays"  # the column is as wide as its widest cell
    MIDDLE = "middle"  # names and paths: what is too much goes from the middle


@value(frozen=True, slots=True)
class Column:
    """One column. `drop`: on a page that is too narrow for all, the highest goes first; 0 never."""

    title: str = ""
    fit: Fit = Fit.STAYS
    drop: int = 0
    right: bool = False


@value(frozen=True, slots=True)
class Row:
    """The cells of a line, a note, and blocks that follow below. `indent` is before what
    follows.
    """

    cells: Sequence[Words]
    note: Words = ""
    below: Blocks = ()
    indent: str = "    "


@value(frozen=True, slots=True)
class Table:
    """Rows under each other. A column without any text is left out."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    indent: str = ""
    note_title: str = ""
    note_room: int = 0  # columns that notes get, if names and paths that are shortened give them
    gap: int = _GAP  # columns between the columns

    def lines(self, page: Page) -> Iterator[Line]:
        cells = [[spell(cell, page) for cell in row.cells] for row in self.rows]
        widths = self._widths(cells, page, noted=any(row.note for row in self.rows))
        if any(column.title for column in self.columns):
            titles = [[Span(column.title, Style.STRONG)] for column in self.columns]
            head = self._line(titles, widths, page)
            whole = self._with_note(head, Span(self.note_title, Style.STRONG), widths=widths)
            yield whole if page.whole or _width(whole) <= page.width else head
        for row, texts in zip(self.rows, cells, strict=True):
            line = self._line(texts, widths, page)
            note = spell(row.note, page)
            whole = self._with_note(line, *note, widths=widths)
            if _width(whole) <= page.width or not _width(note):
                yield whole
            else:
                yield line
                yield from Paragraph(note, f"{self.indent}{row.indent}").lines(page)
            yield from lay_out(row.below, page)

    def _with_note(self, line: Line, *note: Span, widths: Sequence[int]) -> Line:
        """A line with a note where the notes begin."""
        end = len(self.indent) + self._sum(widths) + _GAP
        return [*line, Span(" " * max(end - _width(line), _GAP)), *note]

    def _line(self, cells: Sequence[Line], widths: Sequence[int], page: Page) -> Line:
        line: Line = [Span(self.indent)]
        for column, cell, width in zip(self.columns, cells, widths, strict=True):
            if width:
                between = [Span(" " * self.gap)] if len(line) > 1 else []
                line += [*between, *_cell(cell, width, column, page)]
        return line

    def _widths(self, cells: Sequence[Sequence[Line]], page: Page, *, noted: bool) -> list[int]:
        """The width of each column, 0 for one that is left out."""
        wide = []
        for number, column in enumerate(self.columns):
            widest = max((_width(row[number]) for row in cells), default=0)
            if page.whole and column.fit is Fit.MIDDLE:
                widest = min(widest, _MOST_ALIGNED)
            wide.append(max(widest, len(column.title)) if widest else 0)
        if not page.whole:
            room = page.width - len(self.indent)
            self._drop(wide, room)
            self._shrink(wide, room, _LEAST_NAME // 2)
            if noted and self.note_room:
                self._shrink(wide, room - self.note_room - _GAP, _SHORT_NAME)
        return wide

    def _drop(self, wide: list[int], room: int) -> None:
        """Leave out columns, until the least widths of the others fit."""
        droppable = [number for number, column in enumerate(self.columns) if column.drop]
        for number in sorted(droppable, key=lambda number: -self.columns[number].drop):
            least = [
                min(width, _LEAST_NAME) if column.fit is Fit.MIDDLE else width
                for width, column in zip(wide, self.columns, strict=True)
            ]
            if self._sum(least) <= room:
                return
            wide[number] = 0

    def _shrink(self, wide: list[int], room: int, least: int) -> None:
        """Take what is too much from the widest of the columns that can be shortened."""
        elastic = [n for n, column in enumerate(self.columns) if column.fit is Fit.MIDDLE]
        while elastic and self._sum(wide) > room:
            widest = max(elastic, key=lambda number: wide[number])
            if wide[widest] <= least:
                return
            second = max((wide[number] for number in elastic if number != widest), default=0)
            too_much = self._sum(wide) - room
            wide[widest] -= max(min(too_much, wide[widest] - max(second, least)), 1)

    def _sum(self, widths: Sequence[int]) -> int:
        shown = [width for width in widths if width]
        return sum(shown) + self.gap * max(len(shown) - 1, 0)


def _width(line: Line) -> int:
    return sum(measure_columns(span.text) for span in line)


def _cell(cell: Line, width: int, column: Column, page: Page) -> Line:
    """A cell in `width` columns; on a whole page a longer one stays whole."""
    missing = width - _width(cell)
    if missing < 0 and not page.whole:
        text = shorten("".join(span.text for span in cell), width, page)
        style = next((span.style for span in cell if span.text.strip()), Style.PLAIN)
        return [Span(pad(text, width), style)]
    blanks = [Span(" " * missing)] if missing > 0 else []
    return [*blanks, *cell] if column.right else [*cell, *blanks]
