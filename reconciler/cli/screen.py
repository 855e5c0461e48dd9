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

import click

from reconciler.errors import CutlistError, InvalidInput
from reconciler.names import is_plain, made_plain
from reconciler.words import count, wrapped


def say(text: str = "") -> None:
    """Lines on standard output."""
    click.echo(plain(text))


def note(text: str) -> None:
    """Lines on standard error: for people, not for pipes."""
    click.echo(plain(text), err=True)


def script(text: str) -> None:
    """A text of our own on standard output, byte for byte: for programs."""
    click.echo(text)


def document(value: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    click.echo(_json(value, indent=2))


def json_line(value: Mapping[str, Any]) -> None:
    """One JSON object in one line on standard output."""
    click.echo(_json(value, separators=(",", ":")))


def _json(value: Mapping[str, Any], **layout: Any) -> str:
    """JSON in which every character that is not plain is written as its number: the same value, and
    quiet.
    """
    lines = json.dumps(value, ensure_ascii=False, **layout).split("\n")
    return "\n".join(
        line if is_plain(line) else "".join(c if is_plain(c) else json.dumps(c)[1:-1] for c in line)
        for line in lines
    )


def complain(error: CutlistError) -> None:
    """An error in words: what happened, and what to do next."""
    if isinstance(error, InvalidInput):
        for fault in error.faults:
            note(made_plain(str(fault)))
        files = len({fault.place.file for fault in error.errors})
        of = f" of {error.files} manifests" if error.files > 1 else ""
        where = f" in {files}{of}" if of else ""
        at = f" at {error.revision}" if error.revision else ""
        note(f"{count(len(error.errors), 'error')}{where}{at}. Nothing was sent.")
        return
    note(f"error: {error}")
    if error.hint:
        note("\n".join(wrapped(error.hint, "  ")))


def plain(text: str) -> str:
    """`text` without what would move the cursor or turn the writing round: it was written by
    others.
    """
    return "\n".join(made_plain(line) for line in text.split("\n"))


def confirmed(question: str, wake: int) -> bool:
    """Whether somebody typed 'yes'. Without a terminal there is nobody to ask; what makes `wake`
    readable ends it. It stands where people look: not in a file that takes standard output.
    """
    if not sys.stdin.isatty():
        return False
    aside = not sys.stdout.isatty() and sys.stderr.isatty()
    try:
        click.echo(f"{question} Only 'yes' will be accepted: ", nl=False, err=aside)
        ready, _, _ = select.select([sys.stdin, wake], [], [])
        return wake not in ready and sys.stdin.readline().strip() == "yes"
    except KeyboardInterrupt:
        click.echo(err=aside)
        return False
