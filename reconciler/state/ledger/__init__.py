"""What was tried and paid: attempts, tasks, uploads, books. SQLite on a local disk; the only user
of sqlite3.
"""

from reconciler.state.ledger.attempts import AlreadyOpen, Intent, Ledger

__all__ = ["AlreadyOpen", "Intent", "Ledger"]
