"""One edit with all that is known of it: what it asks for, how it is, and every result it has had.
Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.desired.references import shown
from reconciler.formats.words import format_count
from reconciler.plan.cost import billed_seconds
from reconciler.plan.jobs import Resolved
from reconciler.plan.step import SYMBOLS, Action, Step
from reconciler.report.page import Block, Paragraph, Span, Style, Words, written
from reconciler.report.plan import STYLES
from reconciler.state.observed import Observed, Result

SHOW_VERSION = 1


@dataclass(frozen=True, slots=True)
class Portrait:
    """One edit."""

    each: Resolved
    step: Step
    used_by: tuple[str, ...]  # edits that build on it
    results: tuple[Result, ...]  # of its job first, then of its earlier ones; the newest first


def portrait(
    each: Resolved, step: Step, resolved: Mapping[str, Resolved], observed: Observed
) -> Portrait:
    """What is known of an edit."""
    name, key = each.wanted.edit.name, each.job.key if each.job else None
    below = sorted(other for other, one in resolved.items() if name in one.wanted.upstreams)
    every = [result for results in observed.results.values() for result in results]
    own = [result for result in every if result.key == key or result.edit == name]
    own.sort(key=lambda result: (result.stored_at, result.digest), reverse=True)
    return Portrait(
        each, step, tuple(below), tuple(sorted(own, key=lambda result: result.key != key))
    )


def portrait_text(seen: Portrait) -> str:
    """For people, in lines of a screen's width."""
    return written(portrait_blocks(seen))


def portrait_blocks(seen: Portrait) -> list[Block | str]:
    """For people."""
    step, edit, each = seen.step, seen.each.wanted.edit, seen.each
    lines: list[Block | str] = [
        Paragraph([Span(edit.name, Style.STRONG), Span(f"  ({edit.place()})", Style.FAINT)])
    ]
    labels = ", ".join(f"{name}={value}" for name, value in sorted(edit.labels.items()))
    symbol = "" if step.action is Action.KEEP else f"{SYMBOLS[step.action]} "
    style = STYLES[step.action] if symbol else Style.GOOD
    rows: list[tuple[str, Words]] = [
        ("step", [Span(f"{symbol}{step.action.value}", style), f": {step.reason}"]),
        ("output", edit.output),
        ("model", edit.model),
        ("prompt", str(edit.input.get("prompt", ""))),
        ("labels", labels),
        ("take", str(edit.take) if edit.take > 1 else ""),
        ("builds on", ", ".join(each.wanted.upstreams)),
        ("used by", ", ".join(seen.used_by)),
        ("key", each.job.key if each.job else "known when what it waits for has a result"),
    ]
    for name, value in rows:
        lines += [_row(name, value)] if value else []
    lines += ["", f"{format_count(len(seen.results), 'result')}{':' if seen.results else '.'}"]
    for result in seen.results:
        lines += _result(seen, result)
    return lines


def _row(name: str, value: Words) -> Paragraph:
    words = " ".join(value.split()) if isinstance(value, str) else value
    return Paragraph(words, f"  {name:<9}  ")


def _result(seen: Portrait, result: Result) -> Iterator[Block | str]:
    """What it is, what it cost, who asked for it, and whether it is the one that counts."""
    counts = seen.each.result is not None and result == seen.each.result
    key = seen.each.job.key if seen.each.job else None
    mark = "counts now" if counts else "same request" if result.key == key else "earlier request"
    size = (
        f"{result.width}x{result.height}, {result.duration_s:.1f} s,"
        f" {result.size_bytes / 2**20:.1f} MB"
    )
    yield f"  {result.stored_at[:16].replace('T', ' ')} UTC  {size}  ({mark})"
    billed_s, task = billed_seconds(result.usage), result.task.get("task_id")
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


def portrait_document(seen: Portrait) -> dict[str, Any]:
    """For programs."""
    edit, step, each = seen.each.wanted.edit, seen.step, seen.each
    return {
        "version": SHOW_VERSION,
        "name": edit.name,
        "place": str(edit.place()),
        "labels": dict(edit.labels),
        "output": edit.output,
        "take": edit.take,
        "suspend": edit.suspend,
        "action": step.action.value,
        "reason": step.reason,
        "key": each.job.key if each.job else None,
        "digest": each.result.digest if each.result else None,
        "builds_on": list(each.wanted.upstreams),
        "used_by": list(seen.used_by),
        "request": {
            "model": edit.model,
            "input": _without_secrets(
                edit.input, "/input", {one.medium.at for one in each.wanted.inputs}
            ),
            "parameters": edit.parameters,
        },
        "results": [asdict(result) for result in seen.results],
    }


def _without_secrets(value: Any, at: str, media: Collection[str]) -> Any:
    """`value`, in which media URLs, by their pointers, are as they may be printed: a link may be
    signed.
    """
    if isinstance(value, Mapping):
        return {name: _without_secrets(part, f"{at}/{name}", media) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_secrets(part, f"{at}/{index}", media) for index, part in enumerate(value)]
    return shown(value) if at in media else value
