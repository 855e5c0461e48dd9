"""How a sync is, as values: sync and health of its edits, conditions, and its last passes. Pure.

The words are those of GitOps. `Ready` is always there; `Reconciling` and `Stalled` only while they
are true, and never both: what is stalled waits for a person, and nothing goes on until one came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

STATUS_VERSION = 1
MOST_PASSES = 20  # that are kept


class SyncState(StrEnum):
    """Whether something is as it is asked for."""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"  # what is asked for, or what is, could not be read


class Health(StrEnum):
    """How something does, from the best to the worst."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"  # left alone on purpose
    PROGRESSING = "Progressing"  # a task is at the service
    MISSING = "Missing"  # to be rendered or written
    DEGRADED = "Degraded"  # goes on only with a person, or was refused


class ConditionType(StrEnum):
    """What a condition is about."""

    READY = "Ready"  # the last pass went well
    RECONCILING = "Reconciling"  # a pass works on it, or will try again
    STALLED = "Stalled"  # a person is needed


class Truth(StrEnum):
    """Whether a condition is so."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class PassEnd(StrEnum):
    """How a pass ended."""

    APPLIED = "applied"
    PLANNED = "planned"  # what it would do is told, and not done
    WAITING = "waiting"  # for a person to agree to its plan
    FAILED = "failed"  # the next one tries again
    STALLED = "stalled"  # a person is needed
    SUPERSEDED = "superseded"  # a newer commit came
    INTERRUPTED = "interrupted"  # the controller ended


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement about a sync, and since when it is so (seconds since 1970)."""

    type: ConditionType
    status: Truth
    reason: str  # one word in CamelCase, for programs
    message: str  # for people
    observed_revision: str  # the commit that it is about; empty: none was read yet
    since: float  # changes only when the status does


@dataclass(frozen=True, slots=True)
class EditStatus:
    """How one edit is, and why."""

    name: str
    sync: SyncState
    health: Health
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PassRecord:
    """One pass of the past; several in a row that ended alike are one, with their number."""

    started: float  # seconds since 1970; of the first of them
    ended: float  # of the last of them
    revision: str
    end: PassEnd
    counts: Mapping[str, int] = field(default_factory=dict)  # what was rendered, written, failed, …
    cost: float | None = 0.0  # in `currency`; None: a price was not known
    currency: str = ""
    message: str = ""
    times: int = 1

    @property
    def idle(self) -> bool:
        """Whether it did nothing and paid nothing."""
        return not any(self.counts.values()) and self.cost == 0


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How one sync is. `transitions` says how it becomes another."""

    name: str
    conditions: tuple[Condition, ...] = ()
    sync: SyncState = SyncState.UNKNOWN
    health: Health = Health.MISSING
    suspended: bool = False
    last_applied_revision: str = ""  # the last commit all of whose edits are there
    last_attempted_revision: str = ""
    waiting_plan: str = ""  # id of the saved plan that a person is asked about
    pass_started: float | None = None  # seconds since 1970, while a pass runs
    edits: tuple[EditStatus, ...] = ()
    history: tuple[PassRecord, ...] = ()  # the newest last

    def find(self, kind: ConditionType) -> Condition | None:
        """The condition of a type; None where it is not there."""
        return next((one for one in self.conditions if one.type is kind), None)

    def to_json(self) -> dict[str, object]:
        """The status for programs; `from_json` reads it again."""
        return {
            "version": STATUS_VERSION,
            "name": self.name,
            "sync": self.sync.value,
            "health": self.health.value,
            "suspended": self.suspended,
            "conditions": [_write_condition(condition) for condition in self.conditions],
            "last_applied_revision": self.last_applied_revision,
            "last_attempted_revision": self.last_attempted_revision,
            "waiting_plan": self.waiting_plan,
            "pass_started": None if self.pass_started is None else _write_time(self.pass_started),
            "edits": [_write_edit(edit) for edit in self.edits],
            "history": [_write_pass(record) for record in self.history],
        }

    @classmethod
    def from_json(cls, data: object) -> SyncStatus:
        """The status that `to_json` wrote. Raises ValueError for anything else."""
        if not isinstance(data, Mapping) or data.get("version") != STATUS_VERSION:
            raise ValueError("no status of this version")
        started = data.get("pass_started")
        return cls(
            name=_read(data, "name", str),
            conditions=tuple(map(_read_condition, _read(data, "conditions", list))),
            sync=SyncState(_read(data, "sync", str)),
            health=Health(_read(data, "health", str)),
            suspended=_read(data, "suspended", bool),
            last_applied_revision=_read(data, "last_applied_revision", str),
            last_attempted_revision=_read(data, "last_attempted_revision", str),
            waiting_plan=_read(data, "waiting_plan", str),
            pass_started=None if started is None else _read_time(data, "pass_started"),
            edits=tuple(map(_read_edit, _read(data, "edits", list))),
            history=tuple(map(_read_pass, _read(data, "history", list)[-MOST_PASSES:])),
        )


# ------------------------------------------------------------------ of many, one


def add_up_sync(edits: Iterable[EditStatus]) -> SyncState:
    """Whether all of a project is as it is asked for."""
    states = {edit.sync for edit in edits}
    for state in (SyncState.UNKNOWN, SyncState.OUT_OF_SYNC):
        if state in states:
            return state
    return SyncState.SYNCED


def add_up_health(edits: Iterable[EditStatus]) -> Health:
    """How a project does: as the worst of its edits; those that are left alone on purpose count
    only where all are.
    """
    order = list(Health)
    healths = {edit.health for edit in edits}
    counted = healths - {Health.SUSPENDED} or healths or {Health.HEALTHY}
    return max(counted, key=order.index)


# ------------------------------------------------------------------ JSON


def _write_time(at: float) -> str:
    """`2027-01-15T08:00:00.250Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_time(data: Mapping[str, Any], name: str) -> float:
    moment = datetime.fromisoformat(_read(data, name, str))
    if moment.tzinfo is None:
        raise ValueError(f"{name} names no time zone")
    return moment.timestamp()


def _write_condition(condition: Condition) -> dict[str, object]:
    return {
        "type": condition.type.value,
        "status": condition.status.value,
        "reason": condition.reason,
        "message": condition.message,
        "observed_revision": condition.observed_revision,
        "since": _write_time(condition.since),
    }


def _read_condition(data: object) -> Condition:
    fields = _require_mapping(data)
    return Condition(
        type=ConditionType(_read(fields, "type", str)),
        status=Truth(_read(fields, "status", str)),
        reason=_read(fields, "reason", str),
        message=_read(fields, "message", str),
        observed_revision=_read(fields, "observed_revision", str),
        since=_read_time(fields, "since"),
    )


def _write_edit(edit: EditStatus) -> dict[str, object]:
    return {
        "name": edit.name,
        "sync": edit.sync.value,
        "health": edit.health.value,
        "reason": edit.reason,
    }


def _read_edit(data: object) -> EditStatus:
    fields = _require_mapping(data)
    return EditStatus(
        name=_read(fields, "name", str),
        sync=SyncState(_read(fields, "sync", str)),
        health=Health(_read(fields, "health", str)),
        reason=_read(fields, "reason", str),
    )


def _write_pass(record: PassRecord) -> dict[str, object]:
    return {
        "started": _write_time(record.started),
        "ended": _write_time(record.ended),
        "revision": record.revision,
        "end": record.end.value,
        "counts": dict(record.counts),
        "cost": record.cost,
        "currency": record.currency or None,
        "message": record.message,
        "times": record.times,
    }


def _read_pass(data: object) -> PassRecord:
    fields = _require_mapping(data)
    counts = _require_mapping(_read(fields, "counts", dict))
    cost, currency = fields.get("cost"), fields.get("currency")
    return PassRecord(
        started=_read_time(fields, "started"),
        ended=_read_time(fields, "ended"),
        revision=_read(fields, "revision", str),
        end=PassEnd(_read(fields, "end", str)),
        counts={name: _read(counts, name, int) for name in counts},
        cost=None if cost is None else _read_amount(fields, "cost"),
        currency="" if currency is None else _read(fields, "currency", str),
        message=_read(fields, "message", str),
        times=_read(fields, "times", int),
    )


def _read_amount(data: Mapping[str, Any], name: str) -> float:
    amount = float(_read(data, name, (int, float)))
    if not math.isfinite(amount):
        raise ValueError(f"{name} is no amount")
    return amount


def _require_mapping(data: object) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ValueError(f"{type(data).__name__} where a mapping is wanted")
    return data


def _read(data: Mapping[str, Any], name: str, kind: Any) -> Any:
    """A field of one of these types. Raises ValueError where it is another, or missing."""
    value = data.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name} is {type(value).__name__}")
    return value
