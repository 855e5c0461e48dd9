"""What the server remembers, in SQLite: tasks, uploads, the journal. The only module that speaks
SQL.

Every change is committed before the answer that tells of it goes out (`commit`), so a killed server
loses nothing it has said; a task and the journal's row of its request are one commit. Rows of
requests that changed nothing are written in batches: a kill may lose the last few of those. With
write-ahead logging and synchronous=NORMAL a commit survives the death of the process without an
fsync; only a power cut may lose the last ones, and never tears the file. One process at a time: the
file is opened exclusively.

What every POST asks for is also held in memory, because SQL would cost more than the rest of the
answer: the journal, the number of tasks, how many there are of each job, the last ends of each
lane. A state without a file writes new tasks in batches, or when somebody asks for them.

A task's status is not stored. It follows from the row and the time (STATUS), so a task goes on
while no server runs.
"""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from operator import itemgetter
from pathlib import Path
from typing import Any

from mockserver.digest import compact
from mockserver.errors import ServerError
from mockserver.orders.rules import Doc

Row = sqlite3.Row

JOURNAL_LENGTH = 10_000  # requests kept: the last ones
BATCH = 256  # requests, and tasks of a state without a file, that wait, at most, for a commit
# of the write-ahead log, 32 MB, before it is moved into the file with an fsync
CHECKPOINT_PAGES = 8000
NEVER = 1e11  # a time that does not come (the year 5138): the end of a task that is held

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
    nth INTEGER NOT NULL DEFAULT 0,  -- tasks of the same job before it
    orig_prompt TEXT,
    usage TEXT,                      -- JSON
    billed_s REAL NOT NULL,          -- when it succeeds
    plan TEXT,                       -- JSON: what to render
    film TEXT,                       -- name of the rendered file
    label TEXT,                      -- of the request: X-Mock-Label
    polls_left INTEGER,              -- it ends with so many more fetches
    forget_s REAL,                   -- so long after its end the service does not know it any more
    lost_s REAL,                     -- so long after its end its video is gone
    no_url INTEGER,                  -- 1: it succeeds without a video_url
    told INTEGER                     -- 0: its end is to be told to the webhooks; 1: told
);
DROP INDEX IF EXISTS tasks_by_time;
CREATE INDEX IF NOT EXISTS tasks_in_time ON tasks (account, submit_at, forget_s, end_at);  -- a list counts in it alone
CREATE INDEX IF NOT EXISTS tasks_by_lane ON tasks (lane, end_at) WHERE lane IS NOT NULL;
DROP INDEX IF EXISTS tasks_of_job;
CREATE INDEX IF NOT EXISTS tasks_to_tell ON tasks (end_at) WHERE told = 0;
CREATE TABLE IF NOT EXISTS uploads (
    object_key TEXT PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, stored_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (n INTEGER PRIMARY KEY, entry TEXT NOT NULL);
"""

TASK_COLUMNS = (
    "n",
    "task_id",
    "request_id",
    "account",
    "api_key_id",
    "model",
    "lane",
    "submit_at",
    "wait_s",
    "run_s",
    "scheduled_at",
    "end_at",
    "outcome",
    "code",
    "message",
    "request_sha256",
    "job_sha256",
    "nth",
    "orig_prompt",
    "usage",
    "billed_s",
    "plan",
    "film",
    "label",
    "polls_left",
    "forget_s",
    "lost_s",
    "no_url",
    "told",
)
# columns that states of the first release lack
_ADDED = (
    "nth INTEGER NOT NULL DEFAULT 0",
    "label TEXT",
    "polls_left INTEGER",
    "forget_s REAL",
    "lost_s REAL",
    "no_url INTEGER",
    "told INTEGER",
)
_INSERT = (
    f"INSERT INTO tasks ({', '.join(TASK_COLUMNS)}) VALUES ({', '.join('?' * len(TASK_COLUMNS))})"
)
_values = itemgetter(*TASK_COLUMNS)


class State:
    """An open state: a file, or memory when `path` is None. Raises ServerError when the file cannot
    be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._swept = -1
        self._db = self._open()
        self._recall()

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
            _grow(db)
            db.executescript(_SCHEMA)
            db.commit()
        except sqlite3.Error as error:
            db.close()
            hint = (
                "another server is using it"
                if "locked" in str(error)
                else "it is no state of this server"
            )
            raise ServerError(
                f"cannot use the state {path} ({error}): {hint}; name another folder"
            ) from error
        return db

    def _recall(self) -> None:
        """Read what is held in memory beside the tables; nothing waits to be written."""
        rows = self._db.execute(
            "SELECT entry FROM journal ORDER BY n DESC LIMIT ?", (JOURNAL_LENGTH,)
        ).fetchall()
        self._journal = deque((json.loads(row[0]) for row in reversed(rows)), maxlen=JOURNAL_LENGTH)
        self._unwritten = 0  # of the journal's last requests: not yet in the table
        self._new: list[tuple[Any, ...]] = []  # tasks that are not yet in the table
        self._count = int(self._db.execute("SELECT coalesce(max(n), 0) FROM tasks").fetchone()[0])
        jobs = self._db.execute("SELECT job_sha256, max(nth) + 1 FROM tasks GROUP BY job_sha256")
        self._jobs: dict[bytes, int] = {_key(job): count for job, count in jobs}
        # of a lane: the last ones, as many as it has running places
        self._ends: dict[str, list[float]] = {}

    def close(self) -> None:
        """Write out and release the file."""
        self.commit()
        self._db.close()

    def reopen(self) -> None:
        """Let go of the file and open it again, as a restart does. What is in memory only stays."""
        self.commit()
        if self._path is not None:
            self._db.close()
            self._db = self._open()
            self._recall()

    def commit(self) -> None:
        """Make every change so far durable, with the requests that the journal holds back."""
        self._write_tasks()
        if self._path is not None:
            self._write_journal()
        self._db.commit()

    def _write_tasks(self) -> None:
        """Put new tasks into their table. Before anything that reads or changes it."""
        if self._new:
            self._db.executemany(_INSERT, self._new)
            self._new.clear()

    def _write_journal(self) -> None:
        """Put new requests into their table; the oldest rows go in batches too."""
        last = len(self._journal)
        new = [self._journal[i] for i in range(max(0, last - self._unwritten), last)]
        self._unwritten = 0
        if not new:
            return
        rows = [(entry["n"], compact(entry).decode()) for entry in new]
        self._db.executemany("INSERT OR REPLACE INTO journal VALUES (?, ?)", rows)
        newest = new[-1]["n"]
        if newest // BATCH != self._swept:
            self._swept = newest // BATCH
            self._db.execute("DELETE FROM journal WHERE n <= ?", (newest - JOURNAL_LENGTH,))

    def save(self, target: Path) -> None:
        """Write a copy of the whole state to a new file."""
        self._write_journal()
        self.commit()
        self._db.execute("VACUUM INTO ?", (str(target),))

    def load(self, source: Path) -> None:
        """Take over everything that a saved copy holds. Raises ServerError for a file that is none."""
        saved = State(source)
        try:
            saved._db.execute("PRAGMA locking_mode=NORMAL")
            saved._db.backup(self._db)
            self._recall()
        except sqlite3.Error as error:
            raise ServerError(f"cannot restore {source.name}: {error}") from error
        finally:
            saved.close()

    def reset(self) -> None:
        """Forget every task, upload and request; keep what belongs to the server itself (meta)."""
        with self._db:
            for table in ("tasks", "uploads", "journal"):
                self._db.execute(f"DELETE FROM {table}")
        self._recall()

    # ---- the server's own
    # ------------------------------------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        """A remembered value of the server, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_meta(self, name: str, value: str) -> None:
        """Remember a value of the server."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # ---- tasks
    # -----------------------------------------------------------------------------------------------------

    def task_count(self) -> int:
        """How many tasks there are, which is also the number of the newest."""
        return self._count

    def job_count(self, job_sha256: str) -> int:
        """How many tasks of this job there are."""
        return self._jobs.get(_key(job_sha256), 0)

    def add_task(self, row: Doc) -> None:
        """Store a new task, with the next `commit`."""
        self._new.append(_values(row))
        self._count = row["n"]
        self._jobs[_key(row["job_sha256"])] = row["nth"] + 1
        if row["lane"] in self._ends:
            self._ends[row["lane"]].append(row["end_at"])

    def task(self, task_id: str, now: float) -> Row | None:
        """A task with its `status` at a time, or None."""
        self._write_tasks()
        sql = f"SELECT *, {STATUS} AS status FROM tasks WHERE task_id = :task_id"
        row: Row | None = self._db.execute(sql, {"task_id": task_id, "now": now}).fetchone()
        return row

    def last_ends(self, lane: str, count: int) -> list[float]:
        """The latest end times in a lane: when each of its `count` running places is free, as far
        as it was taken.
        """
        ends = self._ends.get(lane)
        if ends is None:
            self._write_tasks()
            sql = "SELECT end_at FROM tasks WHERE lane = ? ORDER BY end_at DESC LIMIT ?"
            ends = [row[0] for row in self._db.execute(sql, (lane, count))]
        self._ends[lane] = sorted(ends, reverse=True)[:count]
        return self._ends[lane]

    def waiting(self, lane: str, now: float) -> list[Row]:
        """The tasks of a lane that have not begun, in the order of acceptance."""
        self._write_tasks()
        where = "lane = :lane AND end_at > :now AND scheduled_at > :now"
        sql = f"SELECT n, submit_at, wait_s, run_s FROM tasks WHERE {where} ORDER BY n"
        return self._db.execute(sql, {"lane": lane, "now": now}).fetchall()

    def begun_ends(self, lane: str, now: float, count: int) -> list[float]:
        """Like `last_ends`, counting only tasks that have begun."""
        self._write_tasks()
        sql = (
            "SELECT end_at FROM tasks WHERE lane = ? AND scheduled_at <= ? ORDER BY end_at DESC"
            " LIMIT ?"
        )
        return [row[0] for row in self._db.execute(sql, (lane, now, count))]

    def change_task(self, task_id: str, changes: dict[str, Any]) -> None:
        """Set columns of a task, with the next `commit`."""
        self._write_tasks()
        self._ends.clear()
        columns = ", ".join(f"{name} = :{name}" for name in changes)
        self._db.execute(
            f"UPDATE tasks SET {columns} WHERE task_id = :task_id", {**changes, "task_id": task_id}
        )

    def move_tasks(self, times: list[tuple[float, float, int]]) -> None:
        """Give tasks new times (scheduled_at, end_at, n), with the next `commit`."""
        self._write_tasks()
        self._ends.clear()
        self._db.executemany("UPDATE tasks SET scheduled_at = ?, end_at = ? WHERE n = ?", times)

    def page(self, wanted: dict[str, Any], size: int, offset: int) -> tuple[int, list[Row]]:
        """The number of tasks that fit, and one page of them, newest first.

        `wanted` holds now, account, start and end (of submit_at), and task_id, model, status, api_key_id or None.
        """
        self._write_tasks()
        where = "account = :account AND submit_at >= :start AND submit_at <= :end"
        where += " AND (forget_s IS NULL OR :now < end_at + forget_s)"
        where += "".join(
            f" AND {name} = :{name}" for name in ("task_id", "model", "api_key_id") if wanted[name]
        )
        where += f" AND {STATUS} = :status" if wanted["status"] else ""
        total = int(
            self._db.execute(f"SELECT count(*) FROM tasks WHERE {where}", wanted).fetchone()[0]
        )
        sql = f"SELECT *, {STATUS} AS status FROM tasks WHERE {where}"
        sql += " ORDER BY submit_at DESC, n DESC LIMIT :size OFFSET :offset"
        return total, self._db.execute(sql, {**wanted, "size": size, "offset": offset}).fetchall()

    def bill(self, now: float) -> list[Row]:
        """Every task with its status and what it costs at a time."""
        self._write_tasks()
        sql = f"""SELECT task_id, account, model, request_sha256, job_sha256, status,
            CASE status WHEN 'SUCCEEDED' THEN billed_s ELSE 0.0 END AS billed_s
            FROM (SELECT *, {STATUS} AS status FROM tasks) ORDER BY n"""
        return self._db.execute(sql, {"now": now}).fetchall()

    def every_task(self, wanted: dict[str, Any]) -> list[Row]:
        """All tasks as the controls show them; `wanted` holds now, and what status, account, model
        or label must be.
        """
        self._write_tasks()
        where = "".join(f" AND {name} = :{name}" for name in wanted if name != "now")
        sql = f"SELECT * FROM (SELECT *, {STATUS} AS status FROM tasks) WHERE 1{where} ORDER BY n"
        return self._db.execute(sql, wanted).fetchall()

    def ended_untold(self, now: float) -> list[Row]:
        """The tasks that have ended and whose end is still to be told, in the order of their ends."""
        self._write_tasks()
        sql = f"""SELECT *, {STATUS} AS status FROM tasks WHERE told = 0 AND (end_at <= :now OR cancelled_at <= :now)
            ORDER BY coalesce(cancelled_at, end_at), n"""
        return self._db.execute(sql, {"now": now}).fetchall()

    def films(self, ended_after: float) -> dict[str, str]:
        """The rendered files of tasks that end after a time, by name, each with the plan (JSON) it
        is made by.
        """
        self._write_tasks()
        sql = "SELECT film, plan FROM tasks WHERE film IS NOT NULL AND end_at > ?"
        return {row["film"]: row["plan"] for row in self._db.execute(sql, (ended_after,))}

    # ---- uploads
    # ---------------------------------------------------------------------------------------------------

    def add_upload(
        self, object_key: str, account: str, model: str, sha256: str, size_bytes: int, now: float
    ) -> None:
        """Record a stored upload, with the next `commit`."""
        values = (object_key, account, model, sha256, size_bytes, now)
        self._db.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)", values)

    def uploads(self, stored_after: float) -> set[str]:
        """SHA-256 of every upload since a time."""
        sql = "SELECT sha256 FROM uploads WHERE stored_at > ?"
        return {row[0] for row in self._db.execute(sql, (stored_after,))}

    def upload(self, object_key: str) -> Row | None:
        """An upload by its key, or None."""
        row: Row | None = self._db.execute(
            "SELECT * FROM uploads WHERE object_key = ?", (object_key,)
        ).fetchone()
        return row

    # ---- journal
    # ---------------------------------------------------------------------------------------------------

    def add_entry(self, entry: Doc) -> None:
        """Note a request by its number `n`, and keep what it changed: at once when there is a file,
        else in batches.
        """
        self._journal.append(entry)
        self._unwritten += 1
        changed = self._path is not None and (self._new or self._db.in_transaction)
        if changed or not self._unwritten % BATCH:
            self.commit()

    def entries(self) -> list[Doc]:
        """The last requests, in order of arrival."""
        return sorted(self._journal, key=itemgetter("n"))

    def last_entry(self) -> Doc | None:
        """The newest request; None when there is none."""
        return max(self._journal, key=itemgetter("n"), default=None)


def _key(job_sha256: str) -> bytes:
    """A digest as it takes the least memory."""
    return bytes.fromhex(job_sha256)


def _grow(db: sqlite3.Connection) -> None:
    """Add the columns that a state of the first release lacks."""
    names = {row["name"] for row in db.execute("PRAGMA table_info(tasks)")}
    for column in _ADDED if names else ():
        if column.partition(" ")[0] not in names:
            db.execute(f"ALTER TABLE tasks ADD COLUMN {column}")
