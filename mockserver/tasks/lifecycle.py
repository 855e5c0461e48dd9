"""The life of tasks: PENDING, RUNNING, then SUCCEEDED or FAILED; or CANCELED; UNKNOWN after 24
hours.

When a task is accepted its whole future is laid down: when it gets one of its lane's running
places, when it ends, and how. What it shows later follows from that row and the clock.
"""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from mockserver.accounts import Caller
from mockserver.catalogue import Catalogue, Doc, Model
from mockserver.clock import Clock
from mockserver.digest import compact, derived_share, derived_uuid, read
from mockserver.errors import NOT_PENDING, ControlError, Fault
from mockserver.orders.scenarios import Scenario
from mockserver.state.state import NEVER, Row, State
from mockserver.tasks.outcome import Outcome

# from the POST to FAILED when the fields are wrong: measured by third parties
REFUSED_AFTER_S = 0.1
OPEN = ("PENDING", "RUNNING")
PENDING_SHARE = 0.04  # of a task's time; the reference's sample waited 10 s of 234 s


class Draft(NamedTuple):
    """A checked request on its way to become a task."""

    caller: Caller
    model_name: str
    model: Model
    request_sha256: str
    job_sha256: str
    outcome: Outcome | Fault
    nth: int = 0  # tasks of the same job before it
    label: str | None = None
    scenario: Scenario | None = None  # what was ordered for it; None: the usual course


class Tasks:
    """The tasks of every account. `task_seconds` is the range of a task's time; None: each model's
    usual times.
    """

    def __init__(
        self,
        state: State,
        clock: Clock,
        catalogue: Catalogue,
        seed: int,
        task_seconds: tuple[float, float] | None,
    ) -> None:
        self._state, self._clock, self._catalogue = state, clock, catalogue
        self._seed, self._task_seconds = seed, task_seconds
        self._lifetime_s: float = catalogue.service["lifetimes"]["task_s"]
        self._zone = timezone(timedelta(hours=catalogue.service["utc_offset_h"]))
        self.tell = False  # whether the ends of tasks accepted from now on are told to somebody

    # ---- create
    # ----------------------------------------------------------------------------------------------------

    def create(self, draft: Draft, request_id: str) -> str:
        """Accept a request as a task, durable with the next commit of the state. Returns the
        task_id.
        """
        n = self._state.task_count() + 1
        task_id = derived_uuid(self._seed, "task", n)
        now = round(self._clock.now(), 3)
        row: dict[str, Any] = {
            "n": n,
            "task_id": task_id,
            "request_id": request_id,
            "account": draft.caller.account.name,
            "api_key_id": draft.caller.key.id,
            "model": draft.model_name,
            "submit_at": now,
            "request_sha256": draft.request_sha256,
            "job_sha256": draft.job_sha256,
            "nth": draft.nth,
            "label": draft.label,
            "polls_left": None,
            "forget_s": None,
            "lost_s": None,
            "no_url": None,
            "told": 0 if self.tell else None,
        }
        if isinstance(draft.outcome, Fault):
            row |= self._refused(now, draft.outcome)
        else:
            row |= self._accepted(n, now, draft, draft.outcome)
            row |= _ordered(draft.scenario) if draft.scenario else {}
        self._state.add_task(row)
        return task_id

    def _refused(self, now: float, fault: Fault) -> dict[str, Any]:
        end = now + REFUSED_AFTER_S
        return {
            "lane": None,
            "wait_s": REFUSED_AFTER_S,
            "run_s": 0.0,
            "scheduled_at": end,
            "end_at": end,
            "outcome": "FAILED",
            "code": fault.code,
            "message": fault.message,
            "orig_prompt": None,
            "usage": None,
            "billed_s": 0.0,
            "plan": None,
            "film": None,
        }

    def _accepted(self, n: int, now: float, draft: Draft, outcome: Outcome) -> dict[str, Any]:
        lane = f"{draft.caller.account.name}/{draft.model.name}"
        wait_s, run_s = self._times(n, draft)
        places = draft.model.running_tasks
        ends = self._state.last_ends(lane, places)
        free_at = min(ends) if len(ends) == places else now
        scheduled = round(max(now + wait_s, free_at), 3)
        return {
            "lane": lane,
            "wait_s": wait_s,
            "run_s": run_s,
            "scheduled_at": scheduled,
            "end_at": round(scheduled + run_s, 3),
            "outcome": "SUCCEEDED",
            "code": None,
            "message": None,
            "orig_prompt": outcome.orig_prompt,
            "usage": compact(outcome.usage).decode(),
            "billed_s": outcome.billed_s,
            "plan": outcome.plan,
            "film": outcome.film,
        }

    def _times(self, n: int, draft: Draft) -> tuple[float, float]:
        """How long a task waits at least, and how long it runs."""
        scenario = draft.scenario
        if scenario is not None and scenario.held:
            return scenario.pending_s, NEVER
        ordered_s = scenario.after_s if scenario is not None else None
        total_s = self._draw(n, draft.model) if ordered_s is None else ordered_s
        wait_s = min(
            total_s, (scenario and scenario.pending_s) or round(total_s * PENDING_SHARE, 3)
        )
        return wait_s, round(total_s - wait_s, 3)

    def _draw(self, n: int, model: Model) -> float:
        share = derived_share(self._seed, "task time", n)
        if self._task_seconds is not None:
            shortest, longest = self._task_seconds
            return shortest + share * (longest - shortest)
        usual = model.usual
        return triangular(share, usual["shortest_s"], usual["longest_s"], usual["duration_s"])

    # ---- look
    # ------------------------------------------------------------------------------------------------------

    def find(self, account: str, task_id: str) -> Row | None:
        """A task of an account with its `status` now; None for what the service calls UNKNOWN."""
        now = self._clock.now()
        row = self._state.task(task_id, now)
        if row is None or row["account"] != account or now >= row["submit_at"] + self._lifetime_s:
            return None
        forgotten = row["forget_s"] is not None and now >= row["end_at"] + row["forget_s"]
        return None if forgotten else row

    def polled(self, row: Row) -> bool:
        """Count a fetch of a task that ends with its n-th one; whether this was it."""
        if row["polls_left"] is None or row["status"] not in OPEN:
            return False
        left: int = row["polls_left"] - 1
        self._state.change_task(row["task_id"], {"polls_left": left})
        if left == 0:
            self._end_now(row, {})
        return left == 0

    def document(self, task_id: str, row: Row | None, video_url: str | None) -> Doc:
        """The answer to a fetch, without its request_id (API reference, step 2)."""
        if row is None:
            return {"output": {"task_id": task_id, "task_status": "UNKNOWN"}}
        status = row["status"]
        output: Doc = {
            "task_id": task_id,
            "task_status": status,
            "submit_time": self.local_time(row["submit_at"]),
        }
        if status not in ("PENDING", "CANCELED"):
            output["scheduled_time"] = self.local_time(row["scheduled_at"])
        if status in ("SUCCEEDED", "FAILED", "CANCELED"):
            output["end_time"] = self.local_time(row["cancelled_at"] or row["end_at"])
        if status == "FAILED":
            output |= {"code": row["code"], "message": row["message"]}
        if status != "SUCCEEDED":
            return {"output": output}
        if row["orig_prompt"] is not None:
            output["orig_prompt"] = row["orig_prompt"]
        if not row["no_url"]:
            output["video_url"] = video_url
        return {"output": output, "usage": read(row["usage"])}

    def local_time(self, at: float) -> str:
        """A time as the service writes it: UTC+8 to the millisecond, without a zone (API
        reference).
        """
        return _written(at, self._zone)

    # ---- cancel
    # ----------------------------------------------------------------------------------------------------

    def cancel(self, account: str, task_id: str) -> None:
        """Cancel a PENDING task and let those behind it move up. Raises ApiError 400 for every
        other one.
        """
        row = self.find(account, task_id)
        if row is None or row["status"] != "PENDING":
            raise NOT_PENDING
        now = round(self._clock.now(), 3)
        self._state.change_task(task_id, {"cancelled_at": now, "lane": None})
        self._move_up(row, now)

    # ---- by hand
    # ---------------------------------------------------------------------------------------------------

    def finish(self, task_id: str) -> None:
        """End a task now, as its outcome says. Raises ControlError for one that has ended."""
        self._end_now(self._open_task(task_id), {})

    def fail(self, task_id: str, fault: Fault) -> None:
        """End a task now as FAILED. Raises ControlError for one that has ended."""
        row = self._open_task(task_id)
        self._end_now(
            row,
            {"outcome": "FAILED", "code": fault.code, "message": fault.message, "billed_s": 0.0},
        )

    def withdraw(self, task_id: str) -> None:
        """Cancel a task, also a RUNNING one, as the service's own people could. Raises ControlError
        if it has ended.
        """
        self._end_now(self._open_task(task_id), {"outcome": "CANCELED"})

    def expire(self, task_id: str) -> None:
        """Make a task UNKNOWN from now on; what it costs stays. Raises ControlError for an unknown
        id.
        """
        row = self._any_task(task_id)
        self._state.change_task(task_id, {"forget_s": self._clock.now() - row["end_at"]})

    def lose(self, task_id: str) -> None:
        """Let a task's video be gone from now on. Raises ControlError for an unknown id."""
        row = self._any_task(task_id)
        self._state.change_task(task_id, {"lost_s": self._clock.now() - row["end_at"]})

    def has_video(self, row: Row) -> bool:
        """Whether a task's video can be fetched: it succeeded, and nothing was ordered to take it
        away.
        """
        lost = row["lost_s"] is not None and self._clock.now() >= row["end_at"] + row["lost_s"]
        return row["status"] == "SUCCEEDED" and row["film"] is not None and not lost

    def _any_task(self, task_id: str) -> Row:
        row = self._state.task(task_id, self._clock.now())
        if row is None:
            raise ControlError(f"there is no task {task_id}", 404)
        return row

    def _open_task(self, task_id: str) -> Row:
        row = self._any_task(task_id)
        if row["status"] not in OPEN:
            raise ControlError(f"the task {task_id} has ended: it is {row['status']}", 409)
        return row

    def _end_now(self, row: Row, changes: dict[str, Any]) -> None:
        now = round(self._clock.now(), 3)
        times = {"scheduled_at": min(row["scheduled_at"], now), "end_at": now}
        self._state.change_task(row["task_id"], {**times, **changes})
        self._move_up(row, now)

    def _move_up(self, gone: Row, now: float) -> None:
        """A running place is free: give those that wait in the lane their new times."""
        lane = gone["lane"]
        if lane is None:
            return
        model = self._catalogue.models[gone["model"]]
        places = self._state.begun_ends(lane, now, model.running_tasks)
        places += [now] * (model.running_tasks - len(places))
        heapq.heapify(places)
        times = []
        for row in self._state.waiting(lane, now):
            scheduled = round(max(row["submit_at"] + row["wait_s"], places[0], now), 3)
            heapq.heapreplace(places, round(scheduled + row["run_s"], 3))
            times.append((scheduled, round(scheduled + row["run_s"], 3), row["n"]))
        self._state.move_tasks(times)

    # ---- list and bill
    # ---------------------------------------------------------------------------------------------

    def rows(self, rows: Iterable[Row], region_id: str, uid: str) -> list[Doc]:
        """Rows of the list answer; times in epoch milliseconds, no prompt and no inputs (list
        reference).
        """
        return [self._list_row(row, region_id, uid) for row in rows]

    def _list_row(self, row: Row, region_id: str, uid: str) -> Doc:
        doc: Doc = {
            "api_key_id": row["api_key_id"],
            "caller_parent_id": uid,
            "caller_uid": uid,
            "gmt_create": _epoch_ms(row["submit_at"]),
            "model_name": row["model"],
            "region": region_id,
            "request_id": row["request_id"],
            "status": row["status"],
            "task_id": row["task_id"],
            "user_api_unique_key": unique_key(row["model"]),
        }
        if row["status"] not in ("PENDING", "CANCELED"):
            doc["start_time"] = _epoch_ms(row["scheduled_at"])
        if row["status"] not in ("PENDING", "RUNNING"):
            doc["end_time"] = _epoch_ms(row["cancelled_at"] or row["end_at"])
        return doc

    def bill(self) -> Doc:
        """What every task costs at this moment, and the sum, in seconds of video."""
        tasks = [dict(row) for row in self._state.bill(self._clock.now())]
        return {"tasks": tasks, "total_billed_s": round(sum(task["billed_s"] for task in tasks), 2)}


def unique_key(model: str) -> str:
    """What the service calls the API of a model in lists and events."""
    return f"apikey:v1:aigc:video-generation:video-synthesis:{model}"


def _ordered(scenario: Scenario) -> dict[str, Any]:
    """The columns in which a task of a scenario differs from the usual course."""
    ends: dict[str, dict[str, Any]] = {
        "cancel": {"outcome": "CANCELED", "plan": None, "film": None},
        "expire": {"forget_s": 0.0},
        "no_url": {"no_url": 1, "plan": None, "film": None},
        "lose": {"lost_s": scenario.lost_after_s},
    }
    columns = ends.get(scenario.end, {})
    if scenario.fault is not None:
        code, message = scenario.fault
        columns = {
            "outcome": "FAILED",
            "code": code,
            "message": message,
            "billed_s": 0.0,
            "plan": None,
            "film": None,
        }
    return {**columns, "polls_left": scenario.after_polls}


def triangular(share: float, low: float, high: float, mode: float) -> float:
    """The value below which a `share` of a triangular distribution lies."""
    span = high - low
    if share * span < mode - low:
        return low + math.sqrt(share * span * (mode - low))
    return high - math.sqrt((1 - share) * span * (high - mode))


@functools.lru_cache(maxsize=4096)
def _written(at: float, zone: timezone) -> str:
    return datetime.fromtimestamp(round(at, 3), zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _epoch_ms(at: float) -> int:
    return round(at * 1000)
