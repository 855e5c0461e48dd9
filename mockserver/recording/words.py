"""What came of a comparison, in words for people and as a document for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from mockserver.catalogue import Doc
from mockserver.recording.comparison import Comparison
from mockserver.recording.shapes import Difference

_KINDS = {
    "status": "the service answers {recorded}, this server {ours}",
    "header": "header {place}: {recorded} there, {ours} here",
    "missing": "{place} is missing here; the service has {recorded}",
    "added": "{place} is {ours} here; the service does not have it",
    "type": "{place} is a {recorded} there, a {ours} here",
    "value": "{place} is {recorded!r} there, {ours!r} here",
    "refuses": "the service refuses, this server takes it: {recorded}",
    "accepts": "the service takes it, this server refuses: {ours}",
}


def write_comparison(comparison: Comparison) -> list[str]:
    """Lines for people: each difference at its line, and the sum."""
    recording = comparison.recording
    name = recording.path.name
    lines = [f"{name}:{item.line}: {_write_difference(item)}" for item in comparison.differences]
    for reason, count in Counter(reason for _, reason in comparison.not_compared).items():
        lines.append(f"not compared: {count}, because {reason}")
    if recording.cut_off:
        lines.append("the last line is cut off and left out")
    compared = count_things(comparison.compared, "exchange")
    lines.append(f"{compared} compared, {count_things(len(comparison.differences), 'difference')}")
    return lines


def count_things(count: int, thing: str) -> str:
    """A number of things, as in `1 exchange` and `2 exchanges`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _write_difference(item: Difference) -> str:
    words = _KINDS[item.kind].format(place=item.place, recorded=item.recorded, ours=item.ours)
    # What a stranger's file says must not steer a terminal.
    return "".join(c if c.isprintable() else "?" for c in f"{item.request}: {words}")


def build_document(comparison: Comparison) -> Doc:
    """The same for programs."""
    return {
        "version": 1,
        "recording": str(comparison.recording.path),
        "region": comparison.recording.region,
        "cut_off": comparison.recording.cut_off,
        "compared": comparison.compared,
        "not_compared": [
            {"line": exchange.line, "reason": reason}
            for exchange, reason in comparison.not_compared
        ],
        "differences": [asdict(item) for item in comparison.differences],
    }
