"""What the server remembers, in SQLite: tasks, uploads, the journal. The only module that speaks SQL.

Every change is committed before the answer that tells of it goes out, so a killed server loses nothing it has said.
With write-ahead logging and synchronous=NORMAL a commit survives the death of the process without an fsync; only a
power cut may lose the last ones, and never tears the file. One process at a time: the file is opened exclusively.

A task's status is not stored. It follows from the row and the time (STATUS), so a task goes on while no server runs.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from mockserver.errors import ServerError

Row = sqlite3.Row

JOURNAL_LENGTH = 10_000  # requests kept: the last ones

STATUS = """CASE WHEN cancelled_at IS NOT NULL THEN 'CANCELED' WHEN :now < scheduled_at THEN 'PENDING'
    WHEN :now < end_at THEN 'RUNNING' ELSE outcome END"""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
    n INTEGER PRIMARY KEY,           -- 1, 2, 3 in the order of acceptance
    task_id TEXT NOT NULL UNIQUE,
    request_id TEXT NOT NULL,
    account TEXT NOT NULL,
    api_key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    lane TEXT,                       -- account and model, while the task takes or waits for a running place
    submit_at REAL NOT NULL,         -- seconds since 1970, like every time here
    wait_s REAL NOT NULL,            -- least time as PENDING
    run_s REAL NOT NULL,             -- time as RUNNING
    scheduled_at REAL NOT NULL,
    end_at REAL NOT NULL,
    cancelled_at REAL,
    outcome TEXT NOT NULL,           -- SUCCEEDED or FAILED: what it shows from end_at on
    code TEXT, message TEXT,         -- of a FAILED one
    request_sha256 TEXT NOT NULL,
    job_sha256 TEXT NOT NULL,
    orig_prompt TEXT,
    usage TEXT,                      -- JSON
    billed_s REAL NOT NULL,          -- when it succeeds
    plan TEXT,                       -- JSON: what to render
    film TEXT                        -- name of the rendered file
);
CREATE INDEX IF NOT EXISTS tasks_by_time ON tasks (account, submit_at);
CREATE INDEX IF NOT EXISTS tasks_by_lane ON tasks (lane, end_at) WHERE lane IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_by_job ON tasks (job_sha256);
CREATE TABLE IF NOT EXISTS uploads (
    object_key TEXT PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, stored_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (n INTEGER PRIMARY KEY, entry TEXT NOT NULL);
"""

TASK_COLUMNS = (
    "n", "task_id", "request_id", "account", "api_key_id", "model", "lane", "submit_at", "wait_s", "run_s",
    "scheduled_at", "end_at", "outcome", "code", "message", "request_sha256", "job_sha256", "orig_prompt",
    "usage", "billed_s", "plan", "film",
)  # fmt: skip
_INSERT = f"INSERT INTO tasks ({', '.join(TASK_COLUMNS)}) VALUES ({', '.join(':' + c for c in TASK_COLUMNS)})"


class State:
    """An open state: a file, or memory when `path` is None. Raises ServerError when the file cannot be used."""

    def __init__(self, path: Path | None) -> None:
        try:
            self._db = sqlite3.connect(":memory:" if path is None else path, check_same_thread=False, timeout=1.0)
        except sqlite3.Error as error:
            raise ServerError(f"cannot open the state {path}: {error}") from error
        self._db.row_factory = sqlite3.Row
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
            self._db.commit()
        except sqlite3.Error as error:
            self._db.close()
            hint = "another server is using it" if "locked" in str(error) else "it is no state of this server"
            raise ServerError(f"cannot use the state {path} ({error}): {hint}; name another folder") from error

    def close(self) -> None:
        """Write out and release the file."""
        self._db.close()

    def reset(self) -> None:
        """Forget every task, upload and request; keep what belongs to the server itself (meta)."""
        with self._db:
            for table in ("tasks", "uploads", "journal"):
                self._db.execute(f"DELETE FROM {table}")

    # ---- the server's own ------------------------------------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        """A remembered value of the server, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_meta(self, name: str, value: str) -> None:
        """Remember a value of the server."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # ---- tasks -----------------------------------------------------------------------------------------------------

    def task_count(self) -> int:
        """How many tasks there are, which is also the number of the newest."""
        return int(self._db.execute("SELECT coalesce(max(n), 0) FROM tasks").fetchone()[0])

    def job_count(self, job_sha256: str) -> int:
        """How many tasks of this job there are."""
        return int(self._db.execute("SELECT count(*) FROM tasks WHERE job_sha256 = ?", (job_sha256,)).fetchone()[0])

    def add_task(self, row: dict[str, Any]) -> None:
        """Store a new task."""
        with self._db:
            self._db.execute(_INSERT, row)

    def task(self, task_id: str, now: float) -> Row | None:
        """A task with its `status` at a time, or None."""
        sql = f"SELECT *, {STATUS} AS status FROM tasks WHERE task_id = :task_id"
        row: Row | None = self._db.execute(sql, {"task_id": task_id, "now": now}).fetchone()
        return row

    def last_ends(self, lane: str, count: int) -> list[float]:
        """The latest end times in a lane: when each of its `count` running places is free, as far as it was taken."""
        sql = "SELECT end_at FROM tasks WHERE lane = ? ORDER BY end_at DESC LIMIT ?"
        return [row[0] for row in self._db.execute(sql, (lane, count))]

    def waiting(self, lane: str, now: float) -> list[Row]:
        """The tasks of a lane that have not begun, in the order of acceptance."""
        where = "lane = :lane AND end_at > :now AND scheduled_at > :now"
        sql = f"SELECT n, submit_at, wait_s, run_s FROM tasks WHERE {where} ORDER BY n"
        return self._db.execute(sql, {"lane": lane, "now": now}).fetchall()

    def begun_ends(self, lane: str, now: float, count: int) -> list[float]:
        """Like `last_ends`, counting only tasks that have begun."""
        sql = "SELECT end_at FROM tasks WHERE lane = ? AND scheduled_at <= ? ORDER BY end_at DESC LIMIT ?"
        return [row[0] for row in self._db.execute(sql, (lane, now, count))]

    def cancel(self, task_id: str, now: float, times: list[tuple[float, float, int]]) -> None:
        """Mark a task cancelled, and move the tasks behind it to new (scheduled_at, end_at, n), in one commit."""
        with self._db:
            self._db.execute("UPDATE tasks SET cancelled_at = ?, lane = NULL WHERE task_id = ?", (now, task_id))
            self._db.executemany("UPDATE tasks SET scheduled_at = ?, end_at = ? WHERE n = ?", times)

    def fail_task(self, task_id: str, code: str, message: str) -> None:
        """Turn a task's outcome into a failure, which is free."""
        with self._db:
            sql = "UPDATE tasks SET outcome = 'FAILED', code = ?, message = ?, billed_s = 0 WHERE task_id = ?"
            self._db.execute(sql, (code, message, task_id))

    def page(self, wanted: dict[str, Any], size: int, offset: int) -> tuple[int, list[Row]]:
        """The number of tasks that fit, and one page of them, newest first.

        `wanted` holds now, account, start and end (of submit_at), and task_id, model, status, api_key_id or None.
        """
        where = "account = :account AND submit_at >= :start AND submit_at <= :end"
        where += "".join(f" AND {name} = :{name}" for name in ("task_id", "model", "api_key_id") if wanted[name])
        where += f" AND {STATUS} = :status" if wanted["status"] else ""
        total = int(self._db.execute(f"SELECT count(*) FROM tasks WHERE {where}", wanted).fetchone()[0])
        sql = f"SELECT *, {STATUS} AS status FROM tasks WHERE {where}"
        sql += " ORDER BY submit_at DESC, n DESC LIMIT :size OFFSET :offset"
        return total, self._db.execute(sql, {**wanted, "size": size, "offset": offset}).fetchall()

    def bill(self, now: float) -> list[Row]:
        """Every task with its status and what it costs at a time."""
        sql = f"""SELECT task_id, account, model, request_sha256, job_sha256, status,
            CASE status WHEN 'SUCCEEDED' THEN billed_s ELSE 0.0 END AS billed_s
            FROM (SELECT *, {STATUS} AS status FROM tasks) ORDER BY n"""
        return self._db.execute(sql, {"now": now}).fetchall()

    def films(self, ended_after: float) -> set[str]:
        """Names of the rendered files of tasks that end after a time."""
        return {row[0] for row in self._db.execute("SELECT film FROM tasks WHERE end_at > ?", (ended_after,)) if row[0]}

    # ---- uploads ---------------------------------------------------------------------------------------------------

    def add_upload(self, object_key: str, account: str, model: str, sha256: str, size_bytes: int, now: float) -> None:
        """Record a stored upload."""
        with self._db:
            values = (object_key, account, model, sha256, size_bytes, now)
            self._db.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)", values)

    def upload(self, object_key: str) -> Row | None:
        """An upload by its key, or None."""
        row: Row | None = self._db.execute("SELECT * FROM uploads WHERE object_key = ?", (object_key,)).fetchone()
        return row

    # ---- journal ---------------------------------------------------------------------------------------------------

    def add_entry(self, n: int, entry: str) -> None:
        """Store the n-th request, and forget those beyond JOURNAL_LENGTH."""
        with self._db:
            self._db.execute("INSERT INTO journal VALUES (?, ?)", (n, entry))
            self._db.execute("DELETE FROM journal WHERE n <= ?", (n - JOURNAL_LENGTH,))

    def entries(self) -> list[str]:
        """The requests that are kept, in order of arrival, each as JSON."""
        return [row[0] for row in self._db.execute("SELECT entry FROM journal ORDER BY n")]

    def last_entry(self) -> tuple[int, str | None]:
        """Number and text of the newest request; (0, None) when there is none."""
        row = self._db.execute("SELECT n, entry FROM journal ORDER BY n DESC LIMIT 1").fetchone()
        return (0, None) if row is None else (row["n"], row["entry"])
