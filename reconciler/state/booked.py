"""Who asked for a render, who agreed to its price, and what came of it: plain types of the ledger's
books. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from reconciler.formats.values import value
from reconciler.state.observed import State

DAY_S = 24 * 3600.0  # days are those of UTC: multiples of it since 1970


@value(frozen=True, slots=True)
class Origin:
    """Where a request came from. Each is empty where nobody can tell: outside git, or in a run of
    earlier days.
    """

    # full id of HEAD; with a + behind it where the manifest was not committed as it was read
    commit: str = ""
    author: str = ""  # of that commit, in the words of git
    approved_by: str = ""  # who agreed to the price, and how


@value(frozen=True, slots=True)
class Booking:
    """What the books keep of a request beside the request: for whom, and at which price."""

    environment: str
    labels: Mapping[str, str]
    model: str
    price_per_s: float | None  # of a billable second, when it was sent; None: not known
    currency: str
    origin: Origin = field(default_factory=Origin)


@value(frozen=True, slots=True)
class Entry:
    """One attempt, or one stray, with what the service billed for it as far as it has said."""

    edit: str
    key: str
    state: State
    at: float  # seconds since 1970: when the intent was written, or the stray was seen
    planned_s: float  # billable seconds, as the plan counted them
    job: Mapping[str, Any]
    task_id: str | None = None
    task_status: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    message: str = ""
    adopted: bool = False
    stray: bool = False
    booking: Booking | None = None  # None: written before there were books


@value(frozen=True, slots=True)
class Holding:
    """From `at` on an edit had the result of a key; `reused`: nothing was paid for it then."""

    edit: str
    environment: str
    key: str
    at: float
    reused: bool
    billable_s: float  # what rendering it would have been billed then
    booking: Booking
