"""One edit in words: what it asks for, how it is, and every result it has had. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.formats.words import format_count
from reconciler.plan.show import EditView
from reconciler.plan.step import SYMBOLS, Action
from reconciler.report.page import Block, Paragraph, Span, Style, Words, write_blocks
from reconciler.report.plan import STYLES
from reconciler.state.observed import Result


def write_edit(view: EditView) -> str:
    """For people, in lines of a screen's width."""
    return write_blocks(lay_out_edit(view))


def lay_out_edit(view: EditView) -> list[Block | str]:
    """For people."""
    step, edit, manifest = view.step, view.edit, view.edit.wanted.edit
    lines: list[Block | str] = [
        Paragraph([Span(manifest.name, Style.STRONG), Span(f"  ({manifest.place()})", Style.FAINT)])
    ]
    labels = ", ".join(f"{name}={value}" for name, value in sorted(manifest.labels.items()))
    symbol = "" if step.action is Action.KEEP else f"{SYMBOLS[step.action]} "
    style = STYLES[step.action] if symbol else Style.GOOD
    rows: list[tuple[str, Words]] = [
        ("step", [Span(f"{symbol}{step.action.value}", style), f": {step.reason}"]),
        ("output", manifest.output),
        ("model", manifest.model),
        ("prompt", str(manifest.input.get("prompt", ""))),
        ("labels", labels),
        ("take", str(manifest.take) if manifest.take > 1 else ""),
        ("builds on", ", ".join(edit.wanted.upstreams)),
        ("used by", ", ".join(view.used_by)),
        ("key", edit.job.key if edit.job else "known when what it waits for has a result"),
    ]
    for name, value in rows:
        lines += [_row(name, value)] if value else []
    lines += ["", f"{format_count(len(view.results), 'result')}{':' if view.results else '.'}"]
    for result in view.results:
        lines += _result(view, result)
    return lines


def _row(name: str, value: Words) -> Paragraph:
    words = " ".join(value.split()) if isinstance(value, str) else value
    return Paragraph(words, f"  {name:<9}  ")


def _result(view: EditView, result: Result) -> Iterator[Block | str]:
    """What it is, what it cost, who asked for it, and whether it is the one that counts."""
    counts = view.edit.result is not None and result == view.edit.result
    key = view.edit.job.key if view.edit.job else None
    mark = "counts now" if counts else "same request" if result.key == key else "earlier request"
    size = (
        f"{result.width}x{result.height}, {result.duration_s:.1f} s,"
        f" {result.size_bytes / 2**20:.1f} MB"
    )
    yield f"  {result.stored_at[:16].replace('T', ' ')} UTC  {size}  ({mark})"
    billed_s, task = view.billed_s[result.digest], result.task.get("task_id")
    if task:
        yield f"    task {task}, {billed_s:.1f} s billed{', adopted' if result.adopted else ''}"
    if result.commit:
        yield f"    commit {result.commit} by {result.author or 'nobody known'}"
    if result.approved_by:
        yield f"    approved by {result.approved_by}"
    sent = result.job.get("input")
    if not counts and result.key != key and isinstance(sent, Mapping) and "prompt" in sent:
        prompt = " ".join(str(sent["prompt"]).split())
        yield Paragraph(f"prompt {prompt}", "    ", "      ", most=2)
    yield f"    digest {result.digest}"
