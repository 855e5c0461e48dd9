"""What happened to edits, in words, newest first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.formats.words import format_moment
from reconciler.history.log import LogRecord
from reconciler.report.money import describe_charge
from reconciler.report.page import Block, Paragraph, Span, Style, write_blocks
from reconciler.report.table import Column, Fit, Row, Table
from reconciler.state.booked import Booking

_GOOD = ("rendered", "reused,")
_BUSY = ("being", "running")


def write_log(records: Sequence[LogRecord], *, full: bool) -> str:
    """A line each, in lines of a screen's width; `full` adds what changed, who asked and agreed."""
    return write_blocks(lay_out_log(records, full=full))


def lay_out_log(records: Sequence[LogRecord], *, full: bool) -> list[Block | str]:
    """A line each; `full` adds what changed, who asked and who agreed."""
    if not records:
        return ["Nothing was rendered yet."]
    columns = [
        Column(),
        Column(fit=Fit.MIDDLE),
        Column(),
        Column(drop=1),
        Column(drop=2),
    ]
    return [Table(columns, [_table_row(record, full=full) for record in records])]


def _table_row(record: LogRecord, *, full: bool) -> Row:
    return Row(
        [
            Span(format_moment(record.at, "%Y-%m-%d %H:%M"), Style.FAINT),
            record.edit,
            Span(record.what, _style(record)),
            describe_charge(record),
            _commit(record.booking)[:9],
        ],
        note=record.why,
        below=list(_more(record)) if full else (),
    )


def _style(record: LogRecord) -> Style:
    word = record.what.partition(" ")[0]
    if word in _GOOD:
        return Style.GOOD
    return Style.BUSY if word in _BUSY else Style.BAD


def _more(record: LogRecord) -> Iterator[Paragraph]:
    for detail in record.details:
        yield _indented(detail)
    origin = record.booking.origin if record.booking else None
    if origin is not None and origin.commit:
        yield _indented(f"commit {origin.commit} by {origin.author or 'nobody known'}")
    if origin is not None and origin.approved_by:
        yield _indented(f"approved by {origin.approved_by}")
    yield _indented(
        f"key {record.key[:12]}…" + (f"  task {record.task_id}" if record.task_id else "")
    )


def _indented(text: str) -> Paragraph:
    return Paragraph(text, "    ", "      ")


def _commit(booking: Booking | None) -> str:
    commit = booking.origin.commit if booking else ""
    return f"{commit[:8]}{'+' if commit.endswith('+') else ''}"
