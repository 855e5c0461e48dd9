"""The journal: the last requests of a server, held in memory and written to its table in batches.

They are held in memory because every answer adds one, and SQL would cost more than the rest of the
answer. They become JSON when they are written or read, because few ever are in memory.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from operator import itemgetter

from mockserver.digest import encode_compact, load_json
from mockserver.fields import Doc

JOURNAL_LENGTH = 10_000  # requests kept: the last ones
BATCH = 256  # requests that wait, at most, for a commit
_get_number = itemgetter("n")


class Journal:
    """The last requests in the order in which they were answered; each has a number `n`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        rows = db.execute(
            "SELECT entry FROM journal ORDER BY n DESC LIMIT ?", (JOURNAL_LENGTH,)
        ).fetchall()
        texts = ",".join(row["entry"] for row in reversed(rows))
        self._entries: deque[Doc] = deque(load_json(f"[{texts}]"), maxlen=JOURNAL_LENGTH)
        self._swept = -1  # the batch in which the oldest rows were last removed
        self.unwritten = 0  # how many of the last requests are not yet in the table

    def add(self, entry: Doc) -> None:
        """Note a request, which does not change from now on; `write` puts it into the table."""
        self._entries.append(entry)
        self.unwritten += 1

    def list_entries(self) -> list[Doc]:
        """The last requests, in order of arrival."""
        entries: list[Doc] = load_json(encode_compact(sorted(self._entries, key=_get_number)))
        return entries

    def get_last(self) -> Doc | None:
        """The newest request; None when there is none."""
        return max(self._entries, key=_get_number, default=None)

    def write(self) -> None:
        """Put new requests into the table; the oldest rows are removed in batches too."""
        length = len(self._entries)
        new = [self._entries[i] for i in range(max(0, length - self.unwritten), length)]
        self.unwritten = 0
        if not new:
            return
        rows = [(entry["n"], encode_compact(entry).decode()) for entry in new]
        self._db.executemany("INSERT OR REPLACE INTO journal VALUES (?, ?)", rows)
        newest = rows[-1][0]
        if newest // BATCH != self._swept:
            self._swept = newest // BATCH
            self._db.execute("DELETE FROM journal WHERE n <= ?", (newest - JOURNAL_LENGTH,))
