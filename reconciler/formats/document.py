"""Documents: plain data that knows its lines and columns, wherever it was read from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from reconciler.errors import Place
from reconciler.formats.values import value

MAX_BYTES = 1 << 20  # of a file that is read

Mark = tuple[int, int, int, int]  # line and column of a value, line and column of its key; from 1


def join_pointer(parent: str, part: str | int) -> str:
    """The JSON pointer (RFC 6901) of `part` below `parent`."""
    if isinstance(part, str) and ("/" in part or "~" in part):
        part = part.replace("~", "~0").replace("/", "~1")
    return f"{parent}/{part}"


def name_field(path: Sequence[str | int]) -> str:
    """`parameters.resolution`, `input.media[0].type`: a field as people say it, without the leading
    `spec`.
    """
    parts = list(path[1:] if path[:1] == ["spec"] and len(path) > 1 else path)
    return "".join(
        f"[{part}]" if isinstance(part, int) or part.isdigit() else f".{part}" for part in parts
    ).lstrip(".")


class SourceText:
    """The text of a file without faults. Where everything stands in its documents is found when
    somebody asks: most plans tell of no place but where an edit begins.
    """

    __slots__ = ("_marks", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._marks: Sequence[Mapping[str, Mark]] = ()

    def find_marks(self, number: int) -> Mapping[str, Mark]:
        """The marks of a document, by its number among those that have data."""
        if not self._marks:
            from reconciler.formats.parsing import read_marks  # lazy: of what is told

            self._marks = read_marks(self.text)
        return self._marks[number]


class LazyMarks(Mapping[str, Mark]):
    """The marks of one document of a source; `first`, that of the whole document, is known."""

    __slots__ = ("first", "number", "source")

    def __init__(self, source: SourceText, number: int, first: Mark) -> None:
        self.source = source
        self.number = number
        self.first = first

    def __getitem__(self, at: str) -> Mark:
        return self.source.find_marks(self.number)[at] if at else self.first

    def __iter__(self) -> Iterator[str]:
        return iter(self.source.find_marks(self.number))

    def __len__(self) -> int:
        return len(self.source.find_marks(self.number))


@value(frozen=True, slots=True)
class Document:
    """One YAML document: its data, and for every JSON pointer in it where the value and its key
    stand.
    """

    file: str
    data: Any
    marks: Mapping[str, Mark] = field(default_factory=dict)
    # what was merged in from another file, and its place there
    inherited: Mapping[str, Place] = field(default_factory=dict)
    # texts without quotes behind which a ` #` stands that does not look like a comment, and where
    cut_at: Mapping[str, Place] = field(default_factory=dict)

    def place(self, at: str = "", *, key: bool = False) -> Place:
        """Where the value at pointer `at` stands, or its key.

        Where nothing is noted for `at`, the place of the nearest thing around it counts.
        """
        if at in self.inherited:
            return self.inherited[at]
        while at and at not in self.marks:
            at = at.rpartition("/")[0]
        line, column, key_line, key_column = self.marks.get(at, (1, 1, 1, 1))
        return Place(self.file, key_line, key_column) if key else Place(self.file, line, column)
