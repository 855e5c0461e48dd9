"""The lines of benchmarks as a table for people: `python benchmarks/table.py build/bench.jsonl`.

Lines that are no claim are passed over. Of a claim that stands several times, the last one counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

HEAD = ("claim", "allowed", "measured", "spread", "ours", "peer", "")


def read_claims(lines: Iterable[str]) -> list[Mapping[str, Any]]:
    """The claims among lines, in the order in which they were first told."""
    claims = {}
    for line in lines:
        if line.startswith('{"claim"'):
            claim = json.loads(line)
            claims[claim["claim"]] = claim
    return list(claims.values())


def lay_out_rows(claims: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """The cells of each claim."""
    for claim in claims:
        unit = claim["unit"]
        of_ratio = "times" if "ratio" in claim else unit
        low, high = claim["spread"]
        sign = "≥" if claim["bound"] == "at least" else "≤"
        yield (
            claim["claim"],
            "" if claim["allowed"] is None else f"{sign} {claim['allowed']:g} {of_ratio}",
            f"{claim.get('ratio', claim.get('value')):g}",
            f"{low:g} to {high:g}",
            f"{claim['ours']:g} {unit}" if "ours" in claim else "",
            f"{claim['peer']:g} {unit}" if "peer" in claim else "",
            "**not reached**" if claim["reached"] is False else "",
        )


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123  (a name that was typed)
        rows = list(lay_out_rows(read_claims(file)))
    for row in (HEAD, ("---",) * len(HEAD), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
