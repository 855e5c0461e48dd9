"""Billable seconds and price of an edit, by its model's billing rule (schemas/models). Pure.

The seconds of input and output are billed, or those of the output alone; images and failed tasks
are free. A length nobody here can know (a remote video) is counted at the longest the service
takes, so that the figure is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from reconciler.desired.job import Wanted
from reconciler.desired.lengths import (
    Length,
    Seconds,
    compute_seconds,
    find_length,
    list_videos,
)
from reconciler.plan.jobs import Resolved
from reconciler.plan.step import Cost
from reconciler.service.models import Model

PricePerSecond = Callable[[str, str | None], float | None]


def estimate_seconds(resolved: Resolved, upstream: Mapping[str, Seconds]) -> Seconds:
    """The seconds of one edit. `upstream` holds those of the edits it builds on."""
    if resolved.result is not None:
        return Seconds(0.0, resolved.result.duration_s)
    wanted = resolved.wanted
    find_above = partial(_find_above, resolved, upstream)
    lengths = [find_length(wanted, input_, find_above) for input_ in list_videos(wanted)]
    return compute_seconds(wanted, lengths)


def _find_above(resolved: Resolved, upstream: Mapping[str, Seconds], name: str) -> Length | None:
    """The length of the video of an edit that one builds on: of its result, or as it is planned."""
    result = (resolved.upstream or {}).get(name)
    if result is not None:
        return Length(result.duration_s)
    above = upstream.get(name)
    if above is None:
        return None
    # what only waits is "at most" anyway; of what is pinned, somebody knows the length
    pinned = resolved.job is not None
    return above.as_length(int(pinned and above.unknown_inputs > 0))


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
