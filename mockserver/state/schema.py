"""The tables of the server's state, and the columns that states of earlier releases lack."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

NEVER = 1e11  # a time that does not come (the year 5138): the end of a task that is held

# A task's status is not stored. It follows from its row and the time, so a task goes on while no
# server runs.
STATUS = """CASE WHEN cancelled_at IS NOT NULL THEN 'CANCELED'
    WHEN :now < scheduled_at THEN 'PENDING' WHEN :now < end_at THEN 'RUNNING' ELSE outcome END"""


def get_status(task: Mapping[str, Any], now: float) -> str:
    """The status of a task at a time, by the rule of STATUS."""
    if task["cancelled_at"] is not None:
        return "CANCELED"
    if now < task["scheduled_at"]:
        return "PENDING"
    return "RUNNING" if now < task["end_at"] else str(task["outcome"])


SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
    n INTEGER PRIMARY KEY,           -- 1, 2, 3 in the order of acceptance
    task_id TEXT NOT NULL,           -- the table of tasks knows in memory which n it is
    request_id TEXT NOT NULL,
    account TEXT NOT NULL,
    api_key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    lane TEXT,                       -- account and model, while it takes or awaits a running place
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
-- a list counts in this index alone
CREATE INDEX IF NOT EXISTS tasks_in_time ON tasks (account, submit_at, forget_s, end_at);
CREATE INDEX IF NOT EXISTS tasks_by_lane ON tasks (lane, end_at) WHERE lane IS NOT NULL;
DROP INDEX IF EXISTS tasks_of_job;
CREATE INDEX IF NOT EXISTS tasks_to_tell ON tasks (end_at) WHERE told = 0;
CREATE TABLE IF NOT EXISTS uploads (
    object_key TEXT PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, stored_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (n INTEGER PRIMARY KEY, entry TEXT NOT NULL);
"""

# Columns that states of the first release lack.
_ADDED = (
    "nth INTEGER NOT NULL DEFAULT 0",
    "label TEXT",
    "polls_left INTEGER",
    "forget_s REAL",
    "lost_s REAL",
    "no_url INTEGER",
    "told INTEGER",
)


def add_missing_columns(db: sqlite3.Connection) -> None:
    """Add the columns that a state of the first release lacks; a new state has no table yet."""
    names = {row["name"] for row in db.execute("PRAGMA table_info(tasks)")}
    if not names:
        return
    for column in _ADDED:
        if column.partition(" ")[0] not in names:
            db.execute(f"ALTER TABLE tasks ADD COLUMN {column}")
