"""The life of tasks: PENDING, RUNNING, then SUCCEEDED, FAILED or CANCELED; UNKNOWN after 24 h.

When a task is accepted its whole future is laid down: when it gets one of its lane's running
places, when it ends, and how. What it shows later follows from that row and the clock.
"""

from __future__ import annotations

import heapq
import math
from typing import Any, NamedTuple

from mockserver.accounts import Caller
from mockserver.catalogue import Catalogue, Model
from mockserver.clock import Clock
from mockserver.digest import derive_share, derive_uuid
from mockserver.errors import NOT_PENDING, ControlError, Failure
from mockserver.fields import Doc
from mockserver.orders.scenarios import Scenario
from mockserver.state.schema import NEVER
from mockserver.state.state import State
from mockserver.state.task_table import Row
from mockserver.tasks.outcome import Outcome

# From the POST to FAILED when the fields are wrong: measured by third parties.
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
    outcome: Outcome | Failure
    nth: int = 0  # tasks of the same job before it
    label: str | None = None
    scenario: Scenario | None = None  # what was ordered for it; None: the usual course


class Tasks:
    """The tasks of every account.

    `task_seconds` is the range of a task's time; None takes each model's usual times.
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
        self.tell_ends = False  # whether webhooks are told of the tasks accepted from now on

    # ---- accepting

    def accept(self, draft: Draft, request_id: str) -> str:
        """Accept a request as a task, durable with the next commit. Returns the task_id."""
        n = self._state.tasks.count + 1
        task_id = derive_uuid(self._seed, "task", n)
        now = round(self._clock.now(), 3)
        row: Doc = {
            "n": n,
            "task_id": task_id,
            "request_id": request_id,
            "account": draft.caller.account.name,
            "api_key_id": draft.caller.key.id,
            "model": draft.model_name,
            "submit_at": now,
            "cancelled_at": None,
            "request_sha256": draft.request_sha256,
            "job_sha256": draft.job_sha256,
            "nth": draft.nth,
            "label": draft.label,
            "polls_left": None,
            "forget_s": None,
            "lost_s": None,
            "no_url": None,
            "told": 0 if self.tell_ends else None,
        }
        if isinstance(draft.outcome, Failure):
            row |= _build_refused_columns(now, draft.outcome)
        else:
            row |= self._build_accepted_columns(n, now, draft, draft.outcome)
            if draft.scenario is not None:
                row |= _build_scenario_columns(draft.scenario)
        self._state.tasks.add(row)
        return task_id

    def _build_accepted_columns(self, n: int, now: float, draft: Draft, outcome: Outcome) -> Doc:
        """The columns of a task that will succeed, unless a scenario says otherwise."""
        lane = f"{draft.caller.account.name}/{draft.model.name}"
        wait_s, run_s = self._plan_times(n, draft)
        places = draft.model.running_tasks
        ends = self._state.tasks.get_last_ends(lane, places)
        free_at = min(ends) if len(ends) == places else now
        scheduled_at = round(max(now + wait_s, free_at), 3)
        return {
            "lane": lane,
            "wait_s": wait_s,
            "run_s": run_s,
            "scheduled_at": scheduled_at,
            "end_at": round(scheduled_at + run_s, 3),
            "outcome": "SUCCEEDED",
            "code": None,
            "message": None,
            "orig_prompt": outcome.orig_prompt,
            "usage": outcome.usage,
            "billed_s": outcome.billed_s,
            "plan": outcome.plan,
            "film": outcome.film,
        }

    def _plan_times(self, n: int, draft: Draft) -> tuple[float, float]:
        """How long a task waits at least, and how long it runs, in seconds."""
        total_s: float | None = None
        wait_s = 0.0
        if draft.scenario is not None:
            if draft.scenario.untimed:
                return draft.scenario.pending_s, NEVER
            total_s, wait_s = draft.scenario.after_s, draft.scenario.pending_s
        if total_s is None:
            total_s = self._draw_seconds(n, draft.model)
        wait_s = min(total_s, wait_s or round(total_s * PENDING_SHARE, 3))
        return wait_s, round(total_s - wait_s, 3)

    def _draw_seconds(self, n: int, model: Model) -> float:
        """The time of the n-th task from its POST to its end, as the seed decides."""
        share = derive_share(self._seed, "task time", n)
        if self._task_seconds is not None:
            shortest, longest = self._task_seconds
            return shortest + share * (longest - shortest)
        usual = model.usual
        return draw_triangular(share, usual["shortest_s"], usual["longest_s"], usual["duration_s"])

    # ---- what clients ask

    def find(self, account: str, task_id: str) -> Row | None:
        """A task of an account with its `status` now; None for what the service calls UNKNOWN."""
        now = self._clock.now()
        row = self._state.tasks.find(task_id, now)
        if row is None or row["account"] != account or now >= row["submit_at"] + self._lifetime_s:
            return None
        if row["forget_s"] is not None and now >= row["end_at"] + row["forget_s"]:
            return None
        return row

    def count_poll(self, row: Row) -> bool:
        """Count a fetch of a task that ends with its n-th fetch; returns whether this ended it."""
        if row["polls_left"] is None or row["status"] not in OPEN:
            return False
        left: int = row["polls_left"] - 1
        self._state.tasks.update(row["task_id"], {"polls_left": left})
        if left == 0:
            self._end_now(row, {})
        return left == 0

    def has_video(self, row: Row) -> bool:
        """Whether a task's video can be fetched: it succeeded, and the video was not lost."""
        lost = row["lost_s"] is not None and self._clock.now() >= row["end_at"] + row["lost_s"]
        return row["status"] == "SUCCEEDED" and row["film"] is not None and not lost

    def cancel(self, account: str, task_id: str) -> None:
        """Cancel a PENDING task and let those behind it move up.

        Raises ApiError 400 for every other one.
        """
        row = self.find(account, task_id)
        if row is None or row["status"] != "PENDING":
            raise NOT_PENDING
        now = round(self._clock.now(), 3)
        self._state.tasks.update(task_id, {"cancelled_at": now, "lane": None})
        self._move_up(row, now)

    # ---- by hand; each raises ControlError for an id that is unknown

    def finish(self, task_id: str) -> None:
        """End a task now, as its outcome says. Raises ControlError for one that has ended."""
        self._end_now(self._get_open(task_id), {})

    def fail(self, task_id: str, failure: Failure) -> None:
        """End a task now as FAILED. Raises ControlError for one that has ended."""
        changes = {"code": failure.code, "message": failure.message, "billed_s": 0.0}
        self._end_now(self._get_open(task_id), {"outcome": "FAILED", **changes})

    def withdraw(self, task_id: str) -> None:
        """Cancel a task, also a RUNNING one, as the service's own people could.

        Raises ControlError for one that has ended.
        """
        self._end_now(self._get_open(task_id), {"outcome": "CANCELED"})

    def expire(self, task_id: str) -> None:
        """Make a task UNKNOWN from now on; what it costs stays."""
        row = self._get(task_id)
        self._state.tasks.update(task_id, {"forget_s": self._clock.now() - row["end_at"]})

    def lose_video(self, task_id: str) -> None:
        """Let a task's video be gone from now on."""
        row = self._get(task_id)
        self._state.tasks.update(task_id, {"lost_s": self._clock.now() - row["end_at"]})

    def _get(self, task_id: str) -> Row:
        row = self._state.tasks.find(task_id, self._clock.now())
        if row is None:
            raise ControlError(f"there is no task {task_id}", 404)
        return row

    def _get_open(self, task_id: str) -> Row:
        row = self._get(task_id)
        if row["status"] not in OPEN:
            raise ControlError(f"the task {task_id} has ended: it is {row['status']}", 409)
        return row

    def _end_now(self, row: Row, changes: dict[str, Any]) -> None:
        now = round(self._clock.now(), 3)
        times = {"scheduled_at": min(row["scheduled_at"], now), "end_at": now}
        self._state.tasks.update(row["task_id"], {**times, **changes})
        self._move_up(row, now)

    def _move_up(self, ended: Row, now: float) -> None:
        """A running place is free: give those that wait in the lane their new times."""
        lane = ended["lane"]
        if lane is None:
            return
        model = self._catalogue.get_model(ended["model"])
        places = self._state.tasks.get_begun_ends(lane, now, model.running_tasks)
        places += [now] * (model.running_tasks - len(places))
        heapq.heapify(places)
        times = []
        for row in self._state.tasks.list_waiting(lane, now):
            scheduled_at = round(max(row["submit_at"] + row["wait_s"], places[0], now), 3)
            end_at = round(scheduled_at + row["run_s"], 3)
            heapq.heapreplace(places, end_at)
            times.append((scheduled_at, end_at, row["n"]))
        self._state.tasks.move(times)


def _build_refused_columns(now: float, failure: Failure) -> Doc:
    """The columns of a task whose request is wrong: it fails a moment after the POST."""
    end_at = now + REFUSED_AFTER_S
    return {
        "lane": None,
        "wait_s": REFUSED_AFTER_S,
        "run_s": 0.0,
        "scheduled_at": end_at,
        "end_at": end_at,
        "outcome": "FAILED",
        "code": failure.code,
        "message": failure.message,
        "orig_prompt": None,
        "usage": None,
        "billed_s": 0.0,
        "plan": None,
        "film": None,
    }


def _build_scenario_columns(scenario: Scenario) -> Doc:
    """The columns in which a task of a scenario differs from the usual course."""
    no_film = {"plan": None, "film": None}
    columns: Doc = {"polls_left": scenario.after_polls}
    if scenario.failure is not None:
        code, message = scenario.failure
        columns |= {"outcome": "FAILED", "code": code, "message": message, "billed_s": 0.0}
        columns |= no_film
    match scenario.end:
        case "cancel":
            columns |= {"outcome": "CANCELED", **no_film}
        case "expire":
            columns |= {"forget_s": 0.0}
        case "no_url":
            columns |= {"no_url": 1, **no_film}
        case "lose":
            columns |= {"lost_s": scenario.lost_after_s}
    return columns


def draw_triangular(share: float, low: float, high: float, mode: float) -> float:
    """The value below which a `share` of a triangular distribution lies."""
    span = high - low
    if share * span < mode - low:
        return low + math.sqrt(share * span * (mode - low))
    return high - math.sqrt((1 - share) * span * (high - mode))
