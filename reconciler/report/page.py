"""What people read, as blocks that know no screen, and how blocks become lines of one. Pure.

A report is a sequence of blocks: texts, paragraphs with an indent, and tables (report/table.py).
Only here is it decided where lines are broken, what a symbol looks like in an encoding that does
not have it, and how wide a character is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, Protocol

from reconciler.formats.names import is_plain, make_plain
from reconciler.formats.values import value
from reconciler.formats.words import WIDTH

_LEAST_ROOM = 10  # columns for words, however deep they are indented
_ANSI_END = "\x1b[0m"
# a number stays with its unit
_PIECES = re.compile(r" +|(?:\d[\d.,]* (?=(?:s|m|h|d|[KMG]B|[A-Z]{3})\b))?[^ ]+")
BOUND = "\u00a0"  # a blank at which no line is broken
_CLOSING = "。，！？；：、）」』》】,.!?;:)]}"  # no line begins with one of these


class Style(Enum):
    """What a colour means. The value is what a terminal is told (SGR)."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    GOOD = "32"  # healthy, done; in a plan what will be made, as in Terraform
    CHANGE = "33"  # differs, will be put right
    GONE = "31"  # will be removed; as in Terraform
    BUSY = "36"  # on its way
    BAD = "1;31"  # failed, or waits for a person


# In an encoding that is not Unicode: the same meaning in ASCII.
SYMBOLS: Mapping[str, str] = {
    "…": "...", "→": "->", "·": "-", "×": "x", "≠": "!=", "≤": "<=", "≥": ">=", "\u00a0": "\u00a0",
    "✔": "ok", "✗": "x", "━": "=", "╸": ">", "─": "-", "│": "|", "├": "|", "└": "`",
    "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "\ufffd": "?",
}  # fmt: skip


class Span(NamedTuple):
    """Words in one style."""

    text: str
    style: Style = Style.PLAIN


Line = list[Span]
Words = str | Span | Sequence[str | Span]


@value(frozen=True, slots=True)
class Page:
    """What lines are made for: a screen, a pipe, a file."""

    width: int = WIDTH  # columns
    whole: bool = False  # names and paths are never shortened, however long a line gets
    encoding: str = "utf-8"
    colour: bool = False

    @property
    def unicode(self) -> bool:
        return self.encoding.lower().replace("_", "-").startswith("utf")

    def spelt(self, text: str) -> str:
        """`text` as this page can show it: symbols in ASCII where need be, and `?` for what the
        encoding does not have, as wide as it is.
        """
        if text.isascii() or self.unicode:
            return text
        return "".join(char if char.isascii() else self._char(char) for char in text)

    def _char(self, char: str) -> str:
        if char in SYMBOLS:
            return SYMBOLS[char]
        try:
            char.encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return "?" * measure_columns(char)
        return char


PLAIN_PAGE = Page()


class Block(Protocol):
    """Something that becomes lines of a page."""

    def lines(self, page: Page) -> Iterator[Line]: ...


Blocks = Iterable[Block | str]


# ------------------------------------------------------------------ widths


@lru_cache(maxsize=4096)
def measure_columns(text: str) -> int:
    """How many columns of a terminal `text` takes: two for most characters of East Asia, and for
    emoji.
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # lazy: most text is ASCII

    return cell_len(text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` with blanks up to `width` columns; `right`: before it."""
    blanks = " " * max(width - measure_columns(text), 0)
    return blanks + text if right else text + blanks


def shorten(text: str, width: int, page: Page = PLAIN_PAGE, *, at_end: bool = False) -> str:
    """`text` in at most `width` columns: what is too much goes from the middle, or from the end,
    and a mark stands there.
    """
    text = page.spelt(text)
    if measure_columns(text) <= width:
        return text
    mark = page.spelt("…")
    room = width - measure_columns(mark)
    if room < 1:
        return _head(text, width)
    if at_end:
        return _head(text, room) + mark
    front = _head(text, (room + 1) // 2)
    back = _head(text[::-1], room - measure_columns(front))[::-1]
    return f"{front}{mark}{back}"


def _head(text: str, width: int) -> str:
    """As much of the beginning of `text` as `width` columns take."""
    if text.isascii():
        return text[:width]
    used = 0
    for number, char in enumerate(text):
        used += measure_columns(char)
        if used > width:
            return text[:number]
    return text


# ------------------------------------------------------------------ blocks


@value(frozen=True, slots=True)
class Paragraph:
    """Words that are broken into lines, with `first` before the first line and `rest` (None: as
    wide, blank) before the others.

    Names, paths and ids are never broken. `most`: at most so many lines.
    """

    words: Words
    first: Words = ""
    rest: str | None = None
    most: int = 0

    def lines(self, page: Page) -> Iterator[Line]:
        first = spell(self.first, page)
        blank = measure_columns("".join(span.text for span in first))
        rest = " " * blank if self.rest is None else page.spelt(self.rest)
        body = spell(self.words, page)
        ends = wrap(
            "".join(span.text for span in body),
            max(page.width - blank, _LEAST_ROOM),
            max(page.width - measure_columns(rest), _LEAST_ROOM),
        )
        for number, (start, end) in enumerate(ends):
            cut = self.most and number == self.most - 1 and number < len(ends) - 1
            line = [*(first if number == 0 else [Span(rest)]), *split_part(body, start, end)]
            if cut:
                yield _with_mark(line, page)
                return
            yield line


def _with_mark(line: Line, page: Page) -> Line:
    """A line with the mark of what was left out at its end, within the width of the page."""
    mark = page.spelt(" …")
    text = "".join(span.text for span in line)
    kept = (
        text
        if measure_columns(text) + measure_columns(mark) <= page.width
        else text.rpartition(" ")[0]
    )
    return [*split_part(line, 0, len(kept)), Span(mark)]


def spell(words: Words, page: Page) -> Line:
    """Words as spans of one line, as the page can show them: white space is blanks, and what would
    move the cursor or turn the writing round is a mark.
    """
    spans = [words] if isinstance(words, str | Span) else words
    return [
        Span(page.spelt(_quiet(part)))
        if isinstance(part, str)
        else Span(page.spelt(_quiet(part.text)), part.style)
        for part in spans
    ]


def _quiet(text: str) -> str:
    if is_plain(text):
        return text
    return make_plain("".join(" " if c in "\n\t\r\v\f" else c for c in text))


def split_part(spans: Line, start: int, end: int) -> Line:
    """What stands between two offsets of the text of `spans`."""
    characters, at = [], 0
    for span in spans:
        text = span.text[max(start - at, 0) : max(end - at, 0)]
        if text:
            characters.append(Span(text, span.style))
        at += len(span.text)
    return characters


def wrap(text: str, first: int, rest: int) -> list[tuple[int, int]]:
    """Where the lines of `text` begin and end, when the first has `first` columns and the others
    `rest`.
    """
    lines: list[tuple[int, int]] = []
    room, start, end, used = first, 0, 0, 0
    for at, piece in _pieces(text):
        wide = measure_columns(piece)
        if piece[0] != " ":
            if used + wide > room and end > start:
                lines.append((start, end))
                room, start, used = rest, at, 0
            end = at + len(piece)
        used += wide
    return [*lines, (start, end)] if end > start else lines


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Blanks and words with their offsets. Before and after a wide character a line may be broken,
    but not before a mark that closes something.
    """
    for match in _PIECES.finditer(text):
        piece, at = match[0], match.start()
        if piece.isascii():
            yield at, piece
            continue
        begin = 0
        for number in range(1, len(piece)):
            wide = measure_columns(piece[number]) == 2 or measure_columns(piece[number - 1]) == 2
            if wide and piece[number] not in _CLOSING and measure_columns(piece[number]):
                yield at + begin, piece[begin:number]
                begin = number
        yield at + begin, piece[begin:]


# ------------------------------------------------------------------ from blocks to text


def lay_out(blocks: Blocks, page: Page) -> Iterator[Line]:
    """The lines of blocks. A text is a paragraph whose other lines are indented by two more than
    its first; an empty one is an empty line.
    """
    for block in blocks:
        if not isinstance(block, str):
            yield from block.lines(page)
            continue
        for text in block.split("\n"):
            lead = text[: len(text) - len(text.lstrip(" "))]
            if text.strip():
                yield from Paragraph(text.strip(" "), lead, f"{lead}  ").lines(page)
            else:
                yield []


def write_blocks(blocks: Blocks, page: Page = PLAIN_PAGE) -> str:
    """Blocks as text, line by line, each ended."""
    return "".join(f"{_line(line, page)}\n" for line in lay_out(blocks, page))


def _line(line: Line, page: Page) -> str:
    if not page.colour:
        return "".join(span.text for span in line).replace(BOUND, " ").rstrip()
    line = [Span(span.text.replace(BOUND, " "), span.style) for span in line]
    text = "".join(span.text for span in line)
    line = split_part(line, 0, len(text.rstrip()))
    return "".join(
        f"\x1b[{span.style.value}m{span.text}{_ANSI_END}" if span.style.value else span.text
        for span in line
    )
