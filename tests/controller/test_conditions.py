"""The status of a sync as a value: what it says of many edits, and that a file brings it back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.controller.conditions import (
    EditStatus,
    Health,
    SyncState,
    SyncStatus,
    add_up_health,
    add_up_sync,
)
from tests.controller.test_transitions import DONE, STUCK, after


@pytest.mark.parametrize(
    ("healths", "whole"),
    [
        ("", "Healthy"),
        ("Healthy", "Healthy"),
        ("Healthy Progressing", "Progressing"),
        ("Progressing Missing Healthy", "Missing"),
        ("Missing Degraded Progressing", "Degraded"),
        ("Suspended Healthy", "Healthy"),
        ("Suspended Missing", "Missing"),
        ("Suspended", "Suspended"),
    ],
)
def test_a_project_does_as_its_worst_edit(healths: str, whole: str) -> None:
    """What is left alone on purpose holds up nothing."""
    edits = [EditStatus("e", SyncState.SYNCED, Health(word)) for word in healths.split()]
    assert add_up_health(edits) == whole


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ("", "Synced"),
        ("Synced", "Synced"),
        ("Synced OutOfSync", "OutOfSync"),
        ("Synced OutOfSync Unknown", "Unknown"),
    ],
)
def test_a_project_is_in_sync_when_all_is(states: str, whole: str) -> None:
    """One edit that cannot be compared makes the whole unknown."""
    edits = [EditStatus("e", SyncState(word), Health.HEALTHY) for word in states.split()]
    assert add_up_sync(edits) == whole


def test_the_json_of_a_status() -> None:
    """The words of GitOps, times in UTC."""
    data: Any = after(DONE, STUCK).to_json()
    assert (data["version"], data["sync"], data["health"]) == (1, "OutOfSync", "Missing")
    assert data["conditions"][0] == {
        "type": "Ready",
        "status": "False",
        "reason": "NeedsPerson",
        "message": "late: nothing goes on without a person.",
        "observed_revision": "a" * 40,
        "since": "2027-01-15T08:01:10.000Z",
    }
    assert data["history"][0] == {
        "started": "2027-01-15T08:00:00.000Z",
        "ended": "2027-01-15T08:00:10.000Z",
        "revision": "a" * 40,
        "end": "applied",
        "counts": {"rendered": 1},
        "cost": 0.5,
        "currency": "USD",
        "message": "All of aaaaaaaaaaaa is there.",
        "times": 1,
    }


@pytest.mark.parametrize("pointer", ["", "version", "name", "conditions", "history", "suspended"])
@pytest.mark.parametrize("value", [None, 7, "x", [7], [{}], {}, float("nan")])
def test_a_damaged_status_is_refused(pointer: str, value: object) -> None:
    """A file that somebody changed is told by a ValueError, and nothing else."""
    data = json.loads(json.dumps(after(DONE, STUCK).to_json()))
    if pointer == "name" and value == "x":
        return
    with pytest.raises(ValueError, match=r"."):
        SyncStatus.from_json({**data, pointer: value} if pointer else value)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("conditions", "since", "yesterday"),
        ("conditions", "since", "2027-01-15T08:01:10"),
        ("conditions", "status", "Maybe"),
        ("conditions", "type", "Healthy"),
        ("edits", "health", "fine"),
        ("edits", "name", 1),
        ("history", "cost", float("inf")),
        ("history", "cost", True),
        ("history", "counts", {"rendered": "1"}),
        ("history", "end", "won"),
    ],
)
def test_a_damaged_part_is_refused(part: str, field: str, value: object) -> None:
    """Each part is held to its types and its words."""
    data = json.loads(json.dumps(after(DONE, STUCK).to_json()))
    data[part][0][field] = value
    with pytest.raises(ValueError, match=r"."):
        SyncStatus.from_json(data)
