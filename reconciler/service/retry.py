"""Which error waits how long. Pure: time and chance come from outside."""

from __future__ import annotations

from reconciler.errors import (
    InputUnavailable,
    NotTheService,
    QuotaExhausted,
    Rejected,
    ServiceError,
    Unauthorized,
)

LEAST_S = 1.0
MOST_S = 60.0
# looks at a task that the service suddenly does not know, before nobody can tell any more
UNKNOWN_LOOKS = 5
UNKNOWN_OVER_S = 600.0  # spread over this long


def choose_backoff(failures: int, chance: float) -> float:
    """Seconds to wait after `failures` (from 1) failures in a row: full jitter over 1 s, 2 s, 4 s …
    at most 60 s.
    """
    return max(LEAST_S, min(MOST_S, LEAST_S * 2.0 ** min(failures, 10)) * chance)


def is_end_of_reading(error: ServiceError) -> bool:
    """Whether a read of paid work stops for this error. All others are retried without end."""
    return isinstance(error, Unauthorized | NotTheService | QuotaExhausted)


def is_end_of_everything(error: ServiceError) -> bool:
    """Whether no request to this endpoint can do better than this one did."""
    return isinstance(error, Unauthorized | NotTheService)


def is_verdict(error: ServiceError) -> bool:
    """Whether the service has said no to this very request, so that its attempt is REJECTED."""
    return isinstance(error, Rejected | InputUnavailable)
