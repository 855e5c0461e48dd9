"""Standard output and error, errors in words, questions. Everything that is printed goes through
here.

Manifests, commits and the service's messages are the words of strangers: what would move the
cursor, colour the screen, or turn the writing round is shown as a mark.
"""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Mapping
from typing import Any

from reconciler.cli.terminal import OutputStream
from reconciler.errors import EXIT_ERROR, CutlistError, InvalidInput
from reconciler.formats.names import is_plain, make_plain
from reconciler.formats.words import format_count
from reconciler.report.page import Blocks, Page, Paragraph, write_blocks
from reconciler.system.stages import time_stage

OUT = OutputStream("stdout")
ERR = OutputStream("stderr")


def say(text: str = "") -> None:
    """Lines on standard output: for people. A terminal gets them broken between words."""
    if OUT.is_terminal:
        show([make_lines_plain(text)])
    else:
        print_lines(text)


def print_lines(text: str) -> None:
    """Lines on standard output, as long as they are."""
    OUT.write(f"{make_lines_plain(text)}\n")


def show(blocks: Blocks, *, wide: bool = False) -> None:
    """Blocks on standard output, laid out for it; `wide`: with whole names and paths."""
    with time_stage("show"):
        OUT.write(write_blocks(blocks, OUT.page(wide=wide)))


def note(text: str) -> None:
    """Lines on standard error: for people, not for pipes. A terminal gets them broken between
    words.
    """
    page = ERR.page()
    if ERR.is_terminal:
        ERR.write(write_blocks([make_lines_plain(text)], page))
    else:
        ERR.write(f"{make_lines_plain(text)}\n")


def print_script(text: str) -> None:
    """A text of our own on standard output, byte for byte: for programs."""
    OUT.write(f"{text}\n")


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    with time_stage("show"):
        OUT.write(f"{_format_json(value, indent=2)}\n")


def print_json_line(value: Mapping[str, Any]) -> None:
    """One JSON object in one line on standard output."""
    OUT.write(f"{_format_json(value, separators=(',', ':'))}\n")


def _format_json(value: Mapping[str, Any], **layout: Any) -> str:
    """JSON in which every character that is not plain is written as its number: the same value, and
    quiet. Where the encoding is not Unicode, so is every character that is not ASCII.
    """
    ascii_only = not Page(encoding=OUT.encoding).unicode
    lines = json.dumps(value, ensure_ascii=ascii_only, **layout).split("\n")
    return "\n".join(
        line if is_plain(line) else "".join(c if is_plain(c) else json.dumps(c)[1:-1] for c in line)
        for line in lines
    )


def complain(error: CutlistError) -> None:
    """An error in words: what happened, and what to do next."""
    if isinstance(error, InvalidInput):
        for fault in error.faults:
            note(make_plain(str(fault)))
        files = len({fault.place.file for fault in error.errors})
        of = f" of {error.files} manifests" if error.files > 1 else ""
        where = f" in {files}{of}" if of else ""
        at = f" at {error.revision}" if error.revision else ""
        note(f"{format_count(len(error.errors), 'error')}{where}{at}. Nothing was sent.")
        return
    note(f"error: {error}")
    if error.hint:
        ERR.write(write_blocks([Paragraph(error.hint, "  ")], ERR.page()))


def settle_exit_code(code: int) -> int:
    """The exit code of a process whose work ended with `code`: the same, unless all went well but
    for writing it down.
    """
    for output in (OUT, ERR):
        output.flush()
    if not OUT.failed:
        return code
    assert OUT.lost is not None
    reason = OUT.lost.strerror or OUT.lost
    ERR.write(f"error: standard output could not be written: {reason}.\n")
    return code or EXIT_ERROR


def show_cursor() -> None:
    """Before a process leaves at once: the terminal has its cursor again."""
    if ERR.moving:
        ERR.write("\x1b[?25h\n")


def make_lines_plain(text: str) -> str:
    """`text` without what would move the cursor or turn the writing round: it was written by
    others.
    """
    return "\n".join(make_plain(line) for line in text.split("\n"))


def confirm(question: str, wake: int) -> bool:
    """Whether somebody typed 'yes'. Without a terminal there is nobody to ask; what makes `wake`
    readable ends it. It stands where people look: not in a file that takes standard output.
    """
    if not sys.stdin.isatty():
        return False
    place = ERR if ERR.is_terminal and not OUT.is_terminal else OUT
    words = f"{question} Only 'yes' will be accepted:"
    try:
        place.write(f"{write_blocks([Paragraph(words, rest='')], place.page()).rstrip()} ")
        ready, _, _ = select.select([sys.stdin, wake], [], [])
        return wake not in ready and sys.stdin.readline().strip() == "yes"
    except KeyboardInterrupt:
        place.write("\n")
        return False
