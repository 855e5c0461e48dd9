"""The table of uploads: which object key stands for which bytes, whose they are, and since when."""

from __future__ import annotations

import sqlite3


class UploadTable:
    """Stored uploads. Times are seconds since 1970."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(
        self, object_key: str, account: str, model: str, sha256: str, size_bytes: int, now: float
    ) -> None:
        """Record a stored upload, with the next commit of the state."""
        values = (object_key, account, model, sha256, size_bytes, now)
        self._db.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)", values)

    def find(self, object_key: str) -> sqlite3.Row | None:
        """An upload by its key, or None."""
        sql = "SELECT * FROM uploads WHERE object_key = ?"
        row: sqlite3.Row | None = self._db.execute(sql, (object_key,)).fetchone()
        return row

    def list_digests(self, stored_after: float) -> set[str]:
        """The SHA-256 of every upload since a time."""
        sql = "SELECT sha256 FROM uploads WHERE stored_at > ?"
        return {row[0] for row in self._db.execute(sql, (stored_after,))}
