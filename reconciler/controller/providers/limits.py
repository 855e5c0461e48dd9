"""Until when a provider takes no more requests, by what it says in an answer. Pure.

GitHub answers 403 or 429, with `retry-after` or with `x-ratelimit-remaining: 0` and the moment in
`x-ratelimit-reset`, or only with words (then a minute is asked for); GitLab answers 429 with
`retry-after` and `ratelimit-reset`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

LEAST_S = 1.0
MOST_S = 3600.0  # GitHub's window; a clock that goes wrong must not stop the controller for longer
UNTOLD_S = 60.0  # what GitHub's pages ask for where no moment is named
_WORDS = re.compile(r"rate limit|abuse detection|too many requests", re.IGNORECASE)
_FAMILIES = ("x-ratelimit", "ratelimit")


def find_end_of_limit(
    status: int, headers: Mapping[str, str], reason: str, now: float
) -> float | None:
    """Seconds since 1970; None where requests are still taken. `reason` is what a refusal says."""
    if 200 <= status < 300:
        return _find_reset(headers, now) if _is_used_up(headers) else None
    limited = status == 429 or (
        status == 403
        and ("retry-after" in headers or _is_used_up(headers) or _WORDS.search(reason))
    )
    if not limited:
        return None
    after = _read_retry_after(headers.get("retry-after", ""), now)
    return after or _find_reset(headers, now) or now + UNTOLD_S


def _is_used_up(headers: Mapping[str, str]) -> bool:
    return any(headers.get(f"{family}-remaining", "").strip() == "0" for family in _FAMILIES)


def _find_reset(headers: Mapping[str, str], now: float) -> float | None:
    for family in _FAMILIES:
        text = headers.get(f"{family}-reset", "").strip()
        if re.fullmatch(r"[0-9]{1,12}", text):
            return _bound(float(text), now)
    return None


def _read_retry_after(text: str, now: float) -> float | None:
    """Seconds from now, or a date."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return _bound(now + float(text), now)
    try:
        return _bound(parsedate_to_datetime(text).timestamp(), now)
    except (ValueError, TypeError, OverflowError):
        return None


def _bound(until: float, now: float) -> float:
    return now + max(LEAST_S, min(MOST_S, until - now))
