"""One delivery of a request: its number, its id, and what the journal is to say of it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Visit:
    """A request on its way through the server. `at` is when it came, in seconds since 1970."""

    n: int
    request_id: str
    at: float
    notes: dict[str, Any] = field(default_factory=dict)


VISIT: ContextVar[Visit] = ContextVar("VISIT")  # the one that is being answered
