"""What was tried and paid: a protocol, and its implementation in a file of SQLite, which is loaded
when somebody asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.state.ledger.base import Ending, Intent, Ledger, Sighting, SpendingLimit
from reconciler.state.ledger.errors import (
    AlreadyOpen,
    KeyTaken,
    LaneBusy,
    LaneFull,
    MovedOn,
    NoAttempt,
    TaskTaken,
)
from reconciler.state.ledger.parts import Baseline, Books, UploadPlace

if TYPE_CHECKING:
    from reconciler.state.ledger.sqlite import SqliteLedger

__all__ = [
    "AlreadyOpen",
    "Baseline",
    "Books",
    "Ending",
    "Intent",
    "KeyTaken",
    "LaneBusy",
    "LaneFull",
    "Ledger",
    "MovedOn",
    "NoAttempt",
    "Sighting",
    "SpendingLimit",
    "SqliteLedger",
    "TaskTaken",
    "UploadPlace",
]

if not TYPE_CHECKING:

    def __getattr__(name):
        """The implementation, on its first use."""
        if name != "SqliteLedger":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from reconciler.state.ledger.sqlite import SqliteLedger  # lazy: start-up time

        globals()[name] = SqliteLedger
        return SqliteLedger
