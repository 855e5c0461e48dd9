"""An open state: the tables of tasks, uploads and requests in one SQLite file, or in memory.

Every change is committed before an answer goes out that could tell of it, so a killed server loses
nothing it has said; a task and the journal's row of its request are one commit. Requests that are
answered at the same time share a commit (`record`). Rows of requests that changed nothing are
written in batches: a kill may lose the last few of those.
With write-ahead logging and synchronous=NORMAL a commit survives the death of the process without
an fsync; only a power cut may lose the last ones, and never tears the file. One process at a time
has a state: the file is opened exclusively.

Only the modules of this folder speak SQL.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from mockserver.errors import ServerError
from mockserver.fields import Doc
from mockserver.state.journal import BATCH, Journal
from mockserver.state.schema import SCHEMA, add_missing_columns
from mockserver.state.task_table import TaskTable
from mockserver.state.upload_table import UploadTable

# Pages of the write-ahead log, 32 MB, after which it is moved into the file with an fsync.
CHECKPOINT_PAGES = 8000


class State:
    """What the server remembers: a file, or memory when `path` is None.

    `tasks`, `uploads` and `journal` are its tables. They are other objects after `reopen`, `load`
    and `reset`, so they are asked for anew each time. Raises ServerError when the file cannot be
    used.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        # What the requests wait for that share the next commit.
        self._waiting: list[asyncio.Future[None]] = []
        self._db = self._open()
        self._read_tables()

    def _open(self) -> sqlite3.Connection:
        path = self._path
        try:
            db = sqlite3.connect(
                ":memory:" if path is None else path, check_same_thread=False, timeout=1.0
            )
        except sqlite3.Error as error:
            raise ServerError(f"cannot open the state {path}: {error}") from error
        db.row_factory = sqlite3.Row
        try:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            add_missing_columns(db)
            db.executescript(SCHEMA)
            db.commit()
        except sqlite3.Error as error:
            db.close()
            hint = "it is no state of this server"
            if "locked" in str(error):
                hint = "another server is using it"
            raise ServerError(
                f"cannot use the state {path} ({error}): {hint}; name another folder"
            ) from error
        return db

    def _read_tables(self) -> None:
        """Begin with what the file holds, and nothing that waits to be written."""
        self.journal = Journal(self._db)
        self.tasks = TaskTable(self._db)
        self.uploads = UploadTable(self._db)

    def close(self) -> None:
        """Write everything and release the file."""
        self.commit()
        self._db.close()

    def reopen(self) -> None:
        """Let go of the file and open it again, as a restart does. What is only in memory stays."""
        self.commit()
        if self._path is not None:
            self._db.close()
            self._db = self._open()
            self._read_tables()

    def commit(self) -> None:
        """Make every change so far durable, with the requests that the journal holds back."""
        self.tasks.write()
        if self._path is not None:
            self.journal.write()
        self._db.commit()
        for waiter in self._take_waiting():
            waiter.set_result(None)

    def record(self, entry: Doc) -> asyncio.Future[None] | None:
        """Note a request in the journal.

        Returns what has to be waited for before the request is answered: the commit of what it
        changed, or could have seen of the changes of others. None when there is nothing such, as
        there never is in memory.
        """
        self.journal.add(entry)
        if self._path is not None and (self.tasks.has_new or self._db.in_transaction):
            return self._join_commit()
        if not self.journal.unwritten % BATCH:
            self.commit()
        return None

    def _join_commit(self) -> asyncio.Future[None]:
        """Take part in the commit that comes when the requests that are at hand have been here."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._commit_for_all)
        waiter = loop.create_future()
        self._waiting.append(waiter)
        return waiter

    def _commit_for_all(self) -> None:
        """Commit, unless that was done meanwhile; if it fails, so do those who wait for it."""
        if not self._waiting:
            return
        try:
            self.commit()
        except Exception as error:
            for waiter in self._take_waiting():
                waiter.set_exception(error)

    def _take_waiting(self) -> list[asyncio.Future[None]]:
        """What waits for the commit that is over, without requests that nobody waits for now."""
        waiting, self._waiting = self._waiting, []
        return [waiter for waiter in waiting if not waiter.done()]

    def save(self, target: Path) -> None:
        """Write a copy of the whole state to a new file."""
        self.journal.write()
        self.commit()
        self._db.execute("VACUUM INTO ?", (str(target),))

    def load(self, source: Path) -> None:
        """Take over all that a saved copy holds. Raises ServerError for a file that is none."""
        self.commit()
        saved = State(source)
        try:
            saved._db.execute("PRAGMA locking_mode=NORMAL")
            saved._db.backup(self._db)
            self._read_tables()
        except sqlite3.Error as error:
            raise ServerError(f"cannot restore {source.name}: {error}") from error
        finally:
            saved.close()

    def reset(self) -> None:
        """Forget every task, upload and request; keep what belongs to the server itself (meta)."""
        with self._db:
            for table in ("tasks", "uploads", "journal"):
                self._db.execute(f"DELETE FROM {table}")
        self._read_tables()

    def get_meta(self, name: str) -> str | None:
        """A remembered value of the server itself, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_meta(self, name: str, value: str) -> None:
        """Remember a value of the server itself, durably."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
