"""Reads strict YAML into plain data that knows its lines and columns. Pure.

Only a subset of YAML 1.2 is read. What a stranger's pull request could use to surprise a reader is
refused: duplicate keys, anchors, aliases, tags, merge keys, keys that are no text, NaN and
infinity, integers beyond 2^53, depth over 32, files over 1 MiB. What YAML 1.1 would turn into
something else (`NO`, `12:30:45`, `010`) stays text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.errors import CutlistError, Fault, Place
from reconciler.formats.document import (
    MAX_BYTES,
    Document,
    LazyMarks,
    Mark,
    SourceText,
    join_pointer,
)
from reconciler.formats.slips import explain_slip

MAX_DEPTH = 32
MAX_INTEGER = 2**53

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_ZERO_FIRST = re.compile(r"[-+]?0[0-9]")  # `010` is 8 to YAML 1.1 and 10 to others
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_WORDS: Mapping[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
# How numbers begin, and `<<`: what begins otherwise, and is none of `_WORDS`, is text.
_FIRST_OF_SPECIAL = frozenset("+-.0123456789<")
# One reader only: the one of PyYAML that is written in Python takes tabs and some texts in `{ }`
# otherwise, and the same manifest would ask for another video on another machine.
_LOADER: Any = getattr(yaml, "CSafeLoader", None)
# Breaks of YAML 1.1 that are ordinary characters of 1.2, and of editors.
_ORDINARY = "\x85\u2028\u2029"
_BREAK = re.compile(r"\r\n|\r|\n")
# What cuts a text short: ` #` behind it, or `#` in a line below that is indented more than its key.
_HASH = re.compile(r"([ \t]+)#(.?)")
_HASH_BELOW = re.compile(r"[ \t]*(?:\r\n|\r|\n)( +)#([^\s#])")


def parse_documents(
    raw: bytes, file: str, max_bytes: int = MAX_BYTES
) -> tuple[Sequence[Document], Sequence[Fault]]:
    """All documents of a YAML file, and everything wrong with it as YAML.

    With faults the documents are what could be understood, good enough to look for more faults, not
    to act on.
    """
    if len(raw) > max_bytes:
        most = f"{max_bytes} ({max_bytes >> 20} MiB)"
        return [], [Fault(Place(file), f"the file has {len(raw)} bytes; at most {most} are read")]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _locate_end(error.object[: error.start].decode())
        return [], [
            Fault(
                Place(file, line, column),
                f"byte 0x{error.object[error.start]:02x} is not UTF-8; save it as UTF-8",
            )
        ]
    documents, faults = _Builder(file, text, marking=False).build()
    # what is wrong is told with its place, and looked for further
    return _Builder(file, text, marking=True).build() if faults else (documents, faults)


def read_marks(text: str) -> Sequence[Mapping[str, Mark]]:
    """The marks of every document of a text without faults."""
    documents, _ = _Builder("", text, marking=True).build()
    return [document.marks for document in documents]


def parse_events(text: str) -> Iterator[yaml.Event]:
    """The events of YAML 1.2, whose breaks are those of editors: line feed and carriage return.
    Raises yaml.YAMLError.

    The characters of `_ORDINARY` stand for themselves, in values as in places: the reader, which
    takes them for breaks, sees others in their place.
    """
    restored, guarded = _guard(text)
    # event by event: what `yaml.parse` does between two of them takes longer than libyaml
    events: Iterator[yaml.Event] = iter(_require_loader()(guarded).get_event, None)
    return _restore(events, restored) if restored else events


def _restore(events: Iterator[yaml.Event], restored: Mapping[int, str]) -> Iterator[yaml.Event]:
    for event in events:
        if isinstance(event, ScalarEvent):
            event.value = event.value.translate(restored)
        yield event


def compose_nodes(text: str) -> Iterator[yaml.Node]:
    """The nodes of every document that has any, for their places in `text`; their values may not be
    the text's own. Raises yaml.YAMLError.
    """
    yield from yaml.compose_all(_guard(text)[1], Loader=_require_loader())


def _require_loader() -> Any:
    if _LOADER is None:
        raise CutlistError(
            "PyYAML was built without libyaml here; its other reader takes some files otherwise.",
            hint=(
                "Install it as it is published: `pip install --force-reinstall --only-binary :all:"
                " pyyaml`. Nothing was sent."
            ),
        )
    return _LOADER


def _guard(text: str) -> tuple[Mapping[int, str], str]:
    """`text` with other characters in the place of `_ORDINARY`, and how to undo that."""
    there = [char for char in _ORDINARY if char in text]
    if not there:
        return {}, text
    legal = itertools.chain(range(0xE000, 0xFEFF), range(0x10000, 0x110000))
    taken = set(text)
    free = (code for code in legal if chr(code) not in taken)
    stands_for = dict(zip(free, there, strict=False))
    return stands_for, text.translate({ord(char): code for code, char in stands_for.items()})


def _locate_end(before: str) -> tuple[int, int]:
    """Where a text ends, as editors count: from 1."""
    lines = _BREAK.split(before)
    return len(lines), len(lines[-1]) + 1


class _Builder:
    """Turns YAML events into documents; collects faults and goes on where it can."""

    def __init__(self, file: str, text: str, *, marking: bool) -> None:
        self.file = file
        self.marking = marking
        self.text = text
        self.faults: list[Fault] = []
        self.marks: dict[str, Mark] = {}
        self.cut_at: dict[str, Place] = {}
        self.events: Iterator[Any] = iter(())
        self._has_hash = "#" in text

    def build(self) -> tuple[list[Document], list[Fault]]:
        documents: list[Document] = []
        source = SourceText(self.text)
        try:
            self.events = parse_events(self.text)
            for event in self.events:
                if isinstance(event, DocumentStartEvent):
                    self.marks, self.cut_at = {}, {}
                    root = next(self.events)
                    data = self._build_value(root, "", None, 0)
                    # an empty document, as after a trailing `---`, asks for nothing
                    if data is not None:
                        marks: Mapping[str, Mark] = self.marks
                        if not self.marking:
                            marks = LazyMarks(source, len(documents), _read_mark(root, root))
                        documents.append(Document(self.file, data, marks, cut_at=self.cut_at))
        except _TooDeep:
            pass
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = self._locate(mark) if mark else Place(self.file)
            reason = ": ".join(part for part in (error.context, error.problem) if part)
            self.faults.append(
                Fault(where, f"this is not YAML: {reason}{self._explain_slip(where.line)}")
            )
        except yaml.YAMLError as error:
            reason = str(error).splitlines()[0]
            self.faults.append(Fault(self._locate_unreadable(), f"this is not YAML: {reason}"))
        return documents, self.faults

    def _locate(self, mark: Any) -> Place:
        """Where a mark stands; the end of a file without a last break is in its last line."""
        if mark.index >= len(self.text):
            return Place(self.file, *_locate_end(self.text))
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _locate_unreadable(self) -> Place:
        bad = re.search(
            r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", self.text
        )
        return Place(self.file, *_locate_end(self.text[: bad.start() if bad else 0]))

    def _explain_slip(self, line: int) -> str:
        """What is likely meant by a line that is not YAML."""
        lines = ["", *_BREAK.split(self.text)]
        return explain_slip(lines[line], lines[line - 1]) if 0 < line < len(lines) else ""

    def _note_cut(self, event: Any, at: str, key: Any) -> None:
        """Note where a text without quotes is cut short by what may not be meant as a comment: one
        has two blanks before `#`, and one behind it.
        """
        end = event.end_mark
        behind = _HASH.match(self.text, end.index)
        below = None if behind or key is None else _HASH_BELOW.match(self.text, end.index)
        if behind and not _is_comment(*behind.groups()):
            self.cut_at[at] = Place(self.file, end.line + 1, end.column + len(behind[1]) + 1)
        elif below and len(below[1]) > key.start_mark.column:
            self.cut_at[at] = Place(self.file, end.line + 2, len(below[1]) + 1)

    def _add_fault(self, event: Any, message: str) -> None:
        self.faults.append(Fault(self._locate(event.start_mark), message))

    def _build_value(self, event: Any, at: str, key: Any, depth: int) -> Any:
        if self.marking:
            self.marks[at] = _read_mark(event, key or event)
        kind = type(event)
        if depth > MAX_DEPTH or kind is AliasEvent or event.anchor or event.tag:
            self._refuse_extras(event, depth)
        if kind is ScalarEvent:
            if self._has_hash and not event.style:
                self._note_cut(event, at, key)
            return self._build_scalar(event)
        if kind is MappingStartEvent:
            return self._build_mapping(at, depth)
        return self._build_sequence(at, depth) if kind is SequenceStartEvent else None

    def _refuse_extras(self, event: Any, depth: int) -> None:
        """Fault what YAML has beyond trees of plain data. Raises _TooDeep."""
        if depth > MAX_DEPTH:
            self._add_fault(event, f"nested deeper than {MAX_DEPTH} levels")
            raise _TooDeep
        if isinstance(event, AliasEvent):
            message = f"the alias *{event.anchor} is not allowed; write the value out, or use"
            self._add_fault(event, f"{message} defaults in cutlist.yaml")
            return
        if event.anchor:
            message = f"the anchor &{event.anchor} is not allowed; write the value out where it is"
            self._add_fault(event, f"{message} used")
        if event.tag not in (None, "!"):
            message = (
                f"the tag {event.tag} is not allowed; write plain text, numbers, true or false"
            )
            self._add_fault(event, message)

    def _build_sequence(self, at: str, depth: int) -> list[Any]:
        items: list[Any] = []
        for event in self.events:
            if type(event) is SequenceEndEvent:
                break
            items.append(self._build_value(event, f"{at}/{len(items)}", None, depth + 1))
        return items

    def _build_mapping(self, at: str, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key in self.events:
            if type(key) is MappingEndEvent:
                break
            name = self._build_key(key, at, depth)
            below = f"{at}/{name}" if name.isidentifier() else join_pointer(at, name)
            if name in mapping:
                line, column = self.marks.get(below, (0, 0, 0, 0))[2:]
                self._add_fault(key, f'duplicate key "{name}" (first at {line}:{column})')
                self._build_value(next(self.events), f"{at}/\0again", key, depth + 1)
            else:
                mapping[name] = self._build_value(next(self.events), below, key, depth + 1)
        return mapping

    def _build_key(self, event: Any, at: str, depth: int) -> str:
        if type(event) is not ScalarEvent:
            self._add_fault(event, "a key must be plain text, not a list, a mapping or an alias")
            if type(event) is not AliasEvent:
                self._build_value(event, f"{at}/\0key", None, depth + 1)
            return f"\0{event.start_mark.index}"  # no two of them are duplicates
        if event.anchor or event.tag not in (None, "!"):
            self._add_fault(event, "anchors and tags are not allowed on keys")
        text: str = event.value
        if event.style or not (text in _WORDS or text[0] in _FIRST_OF_SPECIAL):
            return text
        if text == "<<":
            self._add_fault(
                event,
                "merge keys (<<) are not allowed; write the fields out, or use defaults in"
                " cutlist.yaml",
            )
        elif text in _WORDS or _INTEGER.match(text) or _FLOAT.match(text):
            self._add_fault(
                event,
                f"the key {text or '(empty)'} is not text; put it in quotes if it is meant as a"
                " name",
            )
        return text

    def _build_scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.style:  # quoted or a block
            return text
        if text in _WORDS:
            return _WORDS[text]
        return self._build_number(event, text) if text[0] in _FIRST_OF_SPECIAL else text

    def _build_number(self, event: Any, text: str) -> Any:
        """The number that a text is; the text itself where it is none."""
        if _INTEGER.match(text):
            number = int(text) if len(text) <= 20 else MAX_INTEGER + 1
            if abs(number) > MAX_INTEGER:
                self._add_fault(
                    event,
                    f"the integer {_shorten(text)} is beyond 2^53; no program reads it exactly",
                )
            return number
        if _NOT_FINITE.match(text):
            self._add_fault(event, f"{text} is not a number that JSON can carry")
            return text
        if _FLOAT.match(text) and not _ZERO_FIRST.match(text):
            return self._build_float(event, text)
        return text

    def _build_float(self, event: Any, text: str) -> Any:
        number = float(text)
        if number in (float("inf"), float("-inf")):
            self._add_fault(event, f"{_shorten(text)} is too large for a number")
            return text
        return number


def _read_mark(value: Any, key: Any) -> Mark:
    """The mark of the event of a value and of that of its key."""
    start, key_start = value.start_mark, key.start_mark
    return start.line + 1, start.column + 1, key_start.line + 1, key_start.column + 1


def _is_comment(blanks: str, after: str) -> bool:
    """Whether a `#` looks like the beginning of a comment, by what stands around it."""
    return (len(blanks) > 1 or "\t" in blanks) and after in ("", " ", "\t", "#")


class _TooDeep(Exception):
    """Reading this file any further is pointless."""


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}…"
