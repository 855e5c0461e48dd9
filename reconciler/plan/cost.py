"""Billable seconds and price of an edit, by its model's billing rule (schemas/models). Pure.

The seconds of input and output are billed, or those of the output alone; images and failed tasks
are free. A length nobody here can know (a remote video) is counted at the longest the service
takes, so that the figure is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.desired.job import Wanted
from reconciler.formats.values import value
from reconciler.plan.jobs import Resolved
from reconciler.plan.step import Cost
from reconciler.service.models import Model

PricePerSecond = Callable[[str, str | None], float | None]
_UNSTATED_S = 10.0  # the longest counted where the vendor states no limit


@value(frozen=True, slots=True)
class Seconds:
    """Seconds of video that go in and come out, and how many inputs were only guessed."""

    input_s: float
    output_s: float
    unknown_inputs: int = 0


def estimate_seconds(resolved: Resolved, upstream: Mapping[str, Seconds]) -> Seconds:
    """The seconds of one edit. `upstream` holds those of the edits it builds on."""
    if resolved.result is not None:
        return Seconds(0.0, resolved.result.duration_s)
    wanted = resolved.wanted
    output, rule = wanted.variant.output, wanted.variant.output["duration"]
    lengths = [*_list_input_seconds(wanted, resolved, upstream)]
    length = wanted.edit.parameters.get("duration") or wanted.variant.default(
        "parameters", "duration"
    )
    if rule == "by-parameter":
        uses_s = float(output.get("uses_s", 0.0))
        unknown = sum(number for _, number in lengths) if uses_s else 0
        return Seconds(min(sum(seconds for seconds, _ in lengths), uses_s), float(length), unknown)
    input_s, unknown = lengths[0] if lengths else (0.0, 0)
    input_s = min(input_s, float(output.get("uses_s", input_s)))
    if length:
        input_s = min(input_s, float(length))
    output_s = input_s if rule == "like-input" else float(rule)
    return Seconds(input_s, min(output_s, float(output.get("longest_s", output_s))), unknown)


def _list_input_seconds(
    wanted: Wanted, resolved: Resolved, upstream: Mapping[str, Seconds]
) -> Iterator[tuple[float, int]]:
    """Length of each video that goes in, and 1 where it was only guessed; the first is the one that
    is edited (a mask does not set it).
    """
    for input_ in wanted.inputs:
        limits = wanted.model.media[input_.medium.limits]
        if limits.kind != "video" or limits.mask:
            continue
        if input_.facts is not None and input_.facts.duration_s is not None:
            yield input_.facts.duration_s, 0
            continue
        if input_.upstream is not None:
            result = (resolved.upstream or {}).get(input_.upstream)
            if result is not None:
                yield result.duration_s, 0
                continue
            if input_.upstream in upstream:
                above = upstream[input_.upstream]
                # what only waits is "at most" anyway; of what is pinned, somebody knows the length
                pinned = resolved.job is not None
                yield above.output_s, int(pinned and above.unknown_inputs > 0)
                continue
        longest = (
            limits.duration_s[1]
            if limits.duration_s
            else wanted.variant.output.get("longest_s", _UNSTATED_S)
        )
        yield float(longest), 1


def price_edit(resolved: Resolved, length: Seconds, price_per_second: PricePerSecond) -> Cost:
    """What rendering an edit is billed at most."""
    wanted = resolved.wanted
    parts = {"input": length.input_s, "output": length.output_s}
    billable_s = round(sum(parts[name] for name in wanted.model.billing_seconds), 2)
    price = price_per_second(wanted.edit.model, find_wanted_tier(wanted))
    counted = length.unknown_inputs if _length_matters(wanted) else 0
    if price is None:
        why = f"`prices` of cutlist.yaml names none for {find_price(wanted)}"
        return Cost(billable_s, None, counted, why)
    return Cost(billable_s, round(billable_s * price, 4), counted)


def _length_matters(wanted: Wanted) -> bool:
    return (
        "input" in wanted.model.billing_seconds or wanted.variant.output["duration"] == "like-input"
    )


def find_wanted_tier(wanted: Wanted) -> str | None:
    """The price tier of an edit."""
    return find_tier(
        wanted.model, {"input": wanted.edit.input, "parameters": wanted.edit.parameters}
    )


def find_price(wanted: Wanted) -> str:
    """What the price of an edit is called: its model, and the tier where the price has tiers."""
    return " ".join(filter(None, (wanted.edit.model, find_wanted_tier(wanted))))


def find_tier(model: Model, request: Mapping[str, Any]) -> str | None:
    """The price tier of a request or a job: the value, or the documented default, of the field that
    sets the price.
    """
    if model.billing_tier is None:
        return None
    section, _, field = model.billing_tier.partition(".")
    given = request[section].get(field)
    variant = model.variant(request["input"].get("function"))
    return str(given if given is not None or variant is None else variant.default(section, field))
