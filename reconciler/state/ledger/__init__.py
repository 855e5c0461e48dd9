"""What was tried and paid: a protocol, and its implementation in a file of SQLite."""

from reconciler.state.ledger.base import (
    AlreadyOpen,
    Baseline,
    Intent,
    Ledger,
    TaskTaken,
    UploadPlace,
)
from reconciler.state.ledger.sqlite.attempts import SqliteLedger

__all__ = [
    "AlreadyOpen",
    "Baseline",
    "Intent",
    "Ledger",
    "SqliteLedger",
    "TaskTaken",
    "UploadPlace",
]
