"""What follows from the list, as a table: one row a rule of docs/operations.md, "Submit"."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.apply.listing import ExpectedTask, Listing
from reconciler.apply.verdict import (
    INTENT_LIFE_S,
    PROOFS,
    Adopt,
    Evidence,
    NotSent,
    Undecided,
    judge,
)
from reconciler.service.model_files import load_models
from reconciler.service.pages import ListedTask

EDIT = "wan2.7-videoedit"
WANTED = ExpectedTask(EDIT, load_models(), ())
NAMED = ExpectedTask(EDIT, WANTED.models, (), named_id="named")
GARBLED = Listing({}, ("is odd",))
OLD = INTENT_LIFE_S + 1.0


def rows(*ids: str, model: str | None = EDIT) -> dict[str, ListedTask]:
    """Candidates."""
    return {each: ListedTask(each, model, "RUNNING", None) for each in ids}


def seen(**fields: Any) -> Evidence:
    """A whole listing, after settle, that shows nothing new."""
    return Evidence(**{"wanted": WANTED, "listing": Listing({}), "candidates": {}, **fields})


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        # nothing new
        ({}, None),
        ({"proofs": PROOFS - 1}, None),
        ({"proofs": PROOFS}, NotSent()),
        ({"proofs": PROOFS, "patient": False}, NotSent()),
        ({"proofs": PROOFS, "age_s": OLD}, "more than 23 h ago"),
        ({"proofs": PROOFS, "age_s": None}, "does not tell"),
        ({"proofs": PROOFS, "wanted": NAMED}, "named the task named"),
        ({"proofs": PROOFS, "listing": GARBLED}, None),
        # a list that proves nothing
        ({"listing": GARBLED}, None),
        ({"listing": GARBLED, "patient": False}, "the service's list is odd"),
        ({"listing": GARBLED, "candidates": rows("a")}, None),
        ({"listing": GARBLED, "candidates": rows("a"), "patient": False}, "what could be it: a ("),
        # one
        ({"candidates": rows("a")}, Adopt("a", vouched=True)),
        ({"candidates": rows("a"), "settled": False}, Adopt("a", vouched=True)),
        ({"candidates": rows("a", model=None)}, Adopt("a", vouched=False)),
        ({"candidates": rows("a"), "baseline_is_whole": False}, Adopt("a", vouched=False)),
        ({"candidates": rows("a"), "age_s": None}, Adopt("a", vouched=True)),
        ({"candidates": rows("a"), "age_s": OLD}, "what could be it: a ("),
        ({"candidates": rows("a"), "claimed": {"a"}}, Adopt("a", vouched=True)),
        ({"candidates": rows("a", model=None), "claimed": {"a"}}, "another lost request"),
        # one, and no prompt that will tell
        ({"candidates": rows("a"), "prompt_is_told": False}, Adopt("a", vouched=True)),
        ({"candidates": rows("a"), "prompt_is_told": False, "settled": False}, None),
        (
            {"candidates": rows("a", model="new"), "prompt_is_told": False},
            "does not tell its model",
        ),
        (
            {"candidates": rows("a"), "prompt_is_told": False, "baseline_is_whole": False},
            "was not whole before",
        ),
        # several, and an answer that named one
        ({"candidates": rows("a", "b")}, "2 tasks could be it: a ("),
        ({"candidates": rows("a", "b"), "settled": False}, "2 tasks could be it"),
        ({"candidates": rows("a", "named"), "wanted": NAMED}, Adopt("named", vouched=True)),
        (
            {"candidates": rows("named"), "wanted": NAMED, "listing": GARBLED},
            Adopt("named", vouched=True),
        ),
        ({"candidates": rows("a", "b"), "wanted": NAMED}, "2 tasks could be it"),
    ],
)
def test_verdict(fields: dict[str, Any], verdict: object) -> None:
    """What is done, and for a person: why."""
    found = judge(seen(**fields))
    if isinstance(verdict, str):
        assert isinstance(found, Undecided)
        assert verdict in found.message
    else:
        assert found == verdict
