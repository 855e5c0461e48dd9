"""The takes of an edit in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.formats.words import format_count
from reconciler.plan.takes import Pick, Take, TakeList
from reconciler.report.money import describe_cost, format_price
from reconciler.report.page import Block, Paragraph, Span, Style, Words
from reconciler.report.table import Column, Fit, Row, Table


def lay_out_takes(takes: TakeList) -> list[Block | str]:
    """A line each, by number; and the prompt where it was another one."""
    head = Paragraph([Span(takes.name, Style.STRONG), Span(f"  ({takes.place})", Style.FAINT)])
    if not takes.takes:
        return [head, "No takes yet."]
    columns = [
        Column(),
        Column(right=True),
        Column("stored (UTC)"),
        Column("cost", right=True),
        Column("seed", drop=2, right=True),
        Column("length", drop=3, right=True),
        Column("digest", drop=1),
        Column("where", fit=Fit.MIDDLE),
    ]
    now = next((take.prompt for take in takes.takes if take.is_of_present_request), None)
    rows = [_row(takes, take, now) for take in takes.takes]
    star = ", * counts now" if any(take.is_current for take in takes.takes) else ""
    title = f"{format_count(len(rows), 'take')}{star}:"
    return [head, title, Table(columns, rows, indent="  ")]


def _row(takes: TakeList, take: Take, now: str | None) -> Row:
    cells: Sequence[Words] = [
        Span("*", Style.GOOD) if take.is_current else "",
        Span(str(take.number), Style.STRONG),
        Span(take.result.stored_at[:16].replace("T", " "), Style.FAINT),
        _describe_cost(takes, take),
        "" if take.seed is None else str(take.seed),
        f"{take.result.duration_s:.1f} s",
        f"{take.result.digest[:12]}…",
        _describe_place(take),
    ]
    return Row(cells, below=list(_below(take, now)))


def _describe_cost(takes: TakeList, take: Take) -> str:
    if take.result.by_hand:
        return "imported"
    if take.price is not None and takes.currency:
        return format_price(take.price, takes.currency)
    return f"{take.billed_s:.1f} s"


def _describe_place(take: Take) -> Words:
    if not take.is_stored:
        return Span("missing", Style.BAD)
    return take.output or "the store"


def _below(take: Take, now: str | None) -> Iterator[Paragraph]:
    """How its request differs from the one of now, where it does."""
    if take.is_of_present_request:
        return
    if take.prompt and take.prompt != now:
        prompt = " ".join(take.prompt.split())
        yield Paragraph(f"of an earlier prompt: {prompt}", "        ", "          ", most=2)
    else:
        yield Paragraph("of an earlier request", "        ")


def lay_out_pick(pick: Pick) -> list[Block | str]:
    """What a pick did, how it is taken back, and what builds on it."""
    of = pick.reason.partition(", ")[2]
    head = f"{pick.name} has take {pick.take.number} now{f', {of}' if of else ''}."
    if not pick.is_new:
        head = f"{pick.name} had take {pick.take.number} already."
    written = f" {pick.output} is written, free." if pick.is_written else ""
    lines: list[Block | str] = [Paragraph(f"{head}{written}", rest="")]
    if pick.is_new and pick.realm == "live":
        lines.append(Paragraph(f"Commit {pick.lock}; `git revert` takes it back, free.", rest=""))
    if pick.is_new and pick.realm != "live":
        words = f"cutlist.lock does not count in the realm {pick.realm}: {pick.lock} has the pick."
        lines.append(Paragraph(words, rest=""))
    if pick.downstream:
        names = ", ".join(step.name for step in pick.downstream)
        word = "builds" if len(pick.downstream) == 1 else "build"
        cost = describe_cost(pick.cost, pick.currency)
        words = f"{names} {word} on it: the next apply renders that, {cost}. Nothing was sent."
        lines.append(Paragraph(words, rest=""))
    return lines
