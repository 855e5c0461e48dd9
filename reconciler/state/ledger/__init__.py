"""What was tried and paid: attempts, tasks, uploads, books. SQLite on a local disk; the only user
of sqlite3.
"""

from reconciler.state.ledger.attempts import Intent, Ledger, TaskTaken
from reconciler.state.ledger.baselines import Baseline
from reconciler.state.ledger.database import AlreadyOpen

__all__ = ["AlreadyOpen", "Baseline", "Intent", "Ledger", "TaskTaken"]
