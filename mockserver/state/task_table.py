"""The table of tasks, with what every POST asks of it held in memory.

SQL would cost more than the rest of an answer. So the number of each task, how many there are of
each job, and the last ends of each lane are kept here, new tasks wait until somebody reads or
changes the table, or the state is committed, and tasks that are new or were asked for are held:
whoever waits for a task asks again and again.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections import OrderedDict
from operator import itemgetter
from typing import Any

from mockserver.fields import Doc
from mockserver.state.schema import STATUS, get_status

Row = sqlite3.Row | Doc
HELD = 4096  # tasks held in memory, at most: the last ones

_FIND = "SELECT * FROM tasks WHERE n = ?"


class TaskTable:
    """The tasks of every account. Times are seconds since 1970; `now` decides a task's `status`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._new: list[Doc] = []  # tasks that are not yet in the table
        # An index of these random texts in the table would cost as much as all the rest of a task.
        self._numbers: dict[str, int] = dict(db.execute("SELECT task_id, n FROM tasks"))  # by id
        self._count = max(self._numbers.values(), default=0)
        jobs = db.execute("SELECT job_sha256, max(nth) + 1 FROM tasks GROUP BY job_sha256")
        self._jobs: dict[bytes, int] = {_pack(job): count for job, count in jobs}
        self._held: OrderedDict[str, Doc] = OrderedDict()  # whole tasks by id
        # The last ends of a lane, as many as it has running places.
        self._ends: dict[str, list[float]] = {}

    # ---- adding and changing

    @property
    def has_new(self) -> bool:
        """Whether tasks wait to be written."""
        return bool(self._new)

    def write(self) -> None:
        """Put new tasks into the table. Done before anything that reads or changes it."""
        if self._new:
            for names, rows in itertools.groupby(self._new, _list_given):
                sql = (
                    f"INSERT INTO tasks ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
                )
                self._db.executemany(sql, map(itemgetter(*names), rows))
            self._new.clear()

    def add(self, row: Doc) -> None:
        """Store a new task, all its columns, with the next commit of the state. It is kept."""
        self._new.append(row)
        self._hold(row)
        self._count = self._numbers[row["task_id"]] = row["n"]
        self._jobs[_pack(row["job_sha256"])] = row["nth"] + 1
        if row["lane"] in self._ends:
            self._ends[row["lane"]].append(row["end_at"])

    def update(self, task_id: str, changes: dict[str, Any]) -> None:
        """Set columns of a task, with the next commit of the state."""
        self.write()
        self._ends.clear()
        self._held.pop(task_id, None)
        columns = ", ".join(f"{name} = :{name}" for name in changes)
        self._db.execute(
            f"UPDATE tasks SET {columns} WHERE n = :n", {**changes, "n": self._numbers[task_id]}
        )

    def move(self, times: list[tuple[float, float, int]]) -> None:
        """Give tasks new times (scheduled_at, end_at, n), with the next commit of the state."""
        self.write()
        self._ends.clear()
        self._held.clear()
        self._db.executemany("UPDATE tasks SET scheduled_at = ?, end_at = ? WHERE n = ?", times)

    # ---- counting and scheduling

    @property
    def count(self) -> int:
        """How many tasks there are, which is also the number of the newest."""
        return self._count

    def count_of_job(self, job_sha256: str) -> int:
        """How many tasks of a job there are."""
        return self._jobs.get(_pack(job_sha256), 0)

    def get_last_ends(self, lane: str, count: int) -> list[float]:
        """The latest end times in a lane.

        They tell when each of its `count` running places is free, as far as it was taken.
        """
        ends = self._ends.get(lane)
        if ends is None:
            self.write()
            sql = "SELECT end_at FROM tasks WHERE lane = ? ORDER BY end_at DESC LIMIT ?"
            ends = [row[0] for row in self._db.execute(sql, (lane, count))]
        self._ends[lane] = sorted(ends, reverse=True)[:count]
        return self._ends[lane]

    def get_begun_ends(self, lane: str, now: float, count: int) -> list[float]:
        """Like `get_last_ends`, counting only tasks that have begun."""
        self.write()
        sql = (
            "SELECT end_at FROM tasks WHERE lane = ? AND scheduled_at <= ?"
            " ORDER BY end_at DESC LIMIT ?"
        )
        return [row[0] for row in self._db.execute(sql, (lane, now, count))]

    def list_waiting(self, lane: str, now: float) -> list[Row]:
        """The tasks of a lane that have not begun, in the order of acceptance."""
        self.write()
        where = "lane = :lane AND end_at > :now AND scheduled_at > :now"
        sql = f"SELECT n, submit_at, wait_s, run_s FROM tasks WHERE {where} ORDER BY n"
        return self._db.execute(sql, {"lane": lane, "now": now}).fetchall()

    # ---- reading

    def find(self, task_id: str, now: float) -> Row | None:
        """What answers tell of a task, with its `status` at a time; None for an unknown one."""
        task = self._held.get(task_id)
        if task is None:
            if task_id not in self._numbers:
                return None
            self.write()
            task = dict(self._db.execute(_FIND, (self._numbers[task_id],)).fetchone())
            self._hold(task)
        return {**task, "status": get_status(task, now)}

    def _hold(self, task: Doc) -> None:
        if len(self._held) >= HELD:
            self._held.popitem(last=False)
        self._held[task["task_id"]] = task

    def get_plan(self, task_id: str) -> str:
        """The plan (JSON) of the film of a task that has one."""
        self.write()
        sql = "SELECT plan FROM tasks WHERE n = ?"
        return str(self._db.execute(sql, (self._numbers[task_id],)).fetchone()[0])

    def list_page(self, filters: dict[str, Any], size: int, offset: int) -> tuple[int, list[Row]]:
        """The number of tasks that fit, and one page of them, newest first.

        `filters` holds now, account, start and end (of submit_at), and task_id, model, status and
        api_key_id, which are None where they do not matter.
        """
        self.write()
        where = "account = :account AND submit_at >= :start AND submit_at <= :end"
        where += " AND (forget_s IS NULL OR :now < end_at + forget_s)"
        where += "".join(
            f" AND {name} = :{name}" for name in ("model", "api_key_id") if filters[name]
        )
        if filters["task_id"]:
            filters = self._find_number(filters)
            where += " AND n = :n"
        if filters["status"]:
            where += f" AND {STATUS} = :status"
        counted = self._db.execute(f"SELECT count(*) FROM tasks WHERE {where}", filters)
        total = int(counted.fetchone()[0])
        sql = f"SELECT *, {STATUS} AS status FROM tasks WHERE {where}"
        sql += " ORDER BY submit_at DESC, n DESC LIMIT :size OFFSET :offset"
        return total, self._db.execute(sql, {**filters, "size": size, "offset": offset}).fetchall()

    def list_all(self, filters: dict[str, Any]) -> list[Row]:
        """All tasks as the controls show them.

        `filters` holds now, and what task_id, status, account, model or label must be.
        """
        self.write()
        if "task_id" in filters:
            filters = self._find_number(filters)
        where = "".join(f" AND {name} = :{name}" for name in filters if name != "now")
        sql = f"SELECT * FROM (SELECT *, {STATUS} AS status FROM tasks) WHERE 1{where} ORDER BY n"
        return self._db.execute(sql, filters).fetchall()

    def _find_number(self, filters: dict[str, Any]) -> dict[str, Any]:
        """Filters with the number `n` of a task, None for an unknown one, in place of its id."""
        others = {name: value for name, value in filters.items() if name != "task_id"}
        return {**others, "n": self._numbers.get(filters["task_id"])}

    def list_costs(self, now: float) -> list[Row]:
        """Every task with its status and what it costs (`billed_s`) at a time."""
        self.write()
        sql = f"""SELECT task_id, account, model, request_sha256, job_sha256, status,
            CASE status WHEN 'SUCCEEDED' THEN billed_s ELSE 0.0 END AS billed_s
            FROM (SELECT *, {STATUS} AS status FROM tasks) ORDER BY n"""
        return self._db.execute(sql, {"now": now}).fetchall()

    def list_untold(self, now: float) -> list[Row]:
        """The tasks that have ended without the webhooks being told, in the order of their ends."""
        self.write()
        sql = f"""SELECT *, {STATUS} AS status FROM tasks
            WHERE told = 0 AND (end_at <= :now OR cancelled_at <= :now)
            ORDER BY coalesce(cancelled_at, end_at), n"""
        return self._db.execute(sql, {"now": now}).fetchall()

    def list_films(self, ended_after: float) -> dict[str, str]:
        """The names of the films of tasks that end after a time, with the plans (JSON) of them."""
        self.write()
        sql = "SELECT film, plan FROM tasks WHERE film IS NOT NULL AND end_at > ?"
        return {row["film"]: row["plan"] for row in self._db.execute(sql, (ended_after,))}


def _list_given(row: Doc) -> tuple[str, ...]:
    """The columns of a row that have a value; to hand an empty one to SQLite takes the longest."""
    return tuple([name for name, value in row.items() if value is not None])


def _pack(digest: str) -> bytes:
    """A digest in the form that takes the least memory."""
    return bytes.fromhex(digest)
