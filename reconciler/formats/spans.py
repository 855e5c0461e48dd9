"""Reads spans of time as people write them: `60s`, `10m`, `2h`, `1d`. Pure."""

from __future__ import annotations

import re

PATTERN = r"^[0-9]{1,6}(\.[0-9]{1,3})?[smhd]$"  # the same in JSON Schema
LEGAL = "a number and s, m, h or d, such as 60s, 10m or 2h"

_SPAN = re.compile(r"(?P<number>[0-9]{1,6}(\.[0-9]{1,3})?)(?P<unit>[smhd])")
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_span(text: str) -> float:
    """The seconds of a span of time. Raises ValueError, whose text says what is legal instead."""
    span = _SPAN.fullmatch(text)
    if span is None:
        meant = f"with its unit, such as {text}s" if _NUMBER.fullmatch(text) else LEGAL
        raise ValueError(f"legal is {meant}" if meant == LEGAL else f"write it {meant}")
    return float(span["number"]) * _SECONDS[span["unit"]]


def parse_span_within(text: str, least: str, most: str) -> float:
    """The seconds of a span of time between two others, which are legal. Raises ValueError."""
    seconds = parse_span(text)
    if not parse_span(least) <= seconds <= parse_span(most):
        raise ValueError(f"legal is {least} to {most}")
    return seconds
