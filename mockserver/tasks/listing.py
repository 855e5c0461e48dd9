"""The query of a list of tasks: its page and the span of time that it covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mockserver.catalogue import Catalogue
from mockserver.errors import build_invalid_parameter

LONGEST_PAGE = 1000  # rows of a list answer (assumption: no limit is documented)


@dataclass(frozen=True)
class Page:
    """Which page of a list is wanted, and the span of gmt_create, in seconds since 1970."""

    number: int
    size: int
    start: float
    end: float

    @property
    def offset(self) -> int:
        """How many rows come before the page."""
        return (self.number - 1) * self.size


def read_page(query: Mapping[str, str], catalogue: Catalogue, now: float) -> Page:
    """Read the page and the span of a list query (task management reference).

    Raises ApiError 400 for an unusable query.
    """
    start, end = _read_span(query, catalogue, now)
    number = _read_count(query, "page_no", 1)
    size = _read_count(query, "page_size", catalogue.service["list"]["page_size"])
    if size > LONGEST_PAGE:
        raise build_invalid_parameter(f"page_size should be at most {LONGEST_PAGE}")
    return Page(number, size, start, end)


def _read_span(query: Mapping[str, str], catalogue: Catalogue, now: float) -> tuple[float, float]:
    """The span of time that a list covers. Its times are read as UTC+8 (assumption)."""
    longest_s: float = catalogue.service["list"]["window_s"]
    hours: int = catalogue.service["utc_offset_h"]
    start, end = (
        _read_time(query[name], hours) if query.get(name) else None
        for name in ("start_time", "end_time")
    )
    if end is None:
        end = now if start is None else min(now, start + longest_s)
    if start is None:
        start = end - longest_s
    if start > end or end - start > longest_s:
        raise build_invalid_parameter(
            "The time range between start_time and end_time should be within 24 hours."
        )
    return start, end


def _read_time(text: str, utc_offset_h: int) -> float:
    try:
        moment = datetime.strptime(f"{text} +{utc_offset_h:02}00", "%Y%m%d%H%M%S %z")
        return moment.timestamp()
    except ValueError:
        raise build_invalid_parameter(
            "start_time and end_time should be in the format YYYYMMDDhhmmss."
        ) from None


def _read_count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name) or str(default)
    if not text.isdecimal() or int(text[:9]) < 1 or len(text) > 9:
        raise build_invalid_parameter(f"{name} should be a whole number from 1")
    return int(text)
