"""The fast library decides as the one decides that words the faults."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired.matrix import SCHEMA as MATRIX
from reconciler.formats import decide
from reconciler.formats.schema import _load_validator
from reconciler.system import shipped
from tests.desired import legal
from tests.making import SCHEMA

pytest.importorskip("jsonschema_rs")

PROJECT: dict[str, Any] = {
    "apiVersion": "cutlist/v1",
    "kind": "Project",
    "spec": {
        "endpoint": "singapore",
        "manifests": ["specs/"],
        "defaults": {"model": "wan2.7-videoedit", "parameters": {"resolution": "720P"}},
        "identity": {"ignore_query": ["sig"]},
        "prices": {"currency": "USD", "models": {"wan2.7-videoedit": 0.1}},
        "environments": {"draft": {"parameters": {"resolution": "1080P"}, "labels": {"a": "b"}}},
        "policy": {"models": ["wan2.7-videoedit"], "prompt_deny": ["blood"]},
    },
}
SYNC: dict[str, Any] = {
    "apiVersion": "cutlist/v1",
    "kind": "Sync",
    "metadata": {"name": "films"},
    "spec": {
        "repository": {"url": "https://git.example/films.git"},
        "endpoint": "mock",
        "writeBack": {"lock": True, "author": "bot <bot@example>"},
    },
}
LISTS = {"clip": ["a", 1], "include": [{"clip": "b"}], "exclude": [{"clip": 1.5}]}
# What engines of patterns, of numbers and of lengths may take otherwise.
ODD = st.sampled_from(
    ["", " ", "a\n", "\x1c", "a\x85b", "\ufeff", "\u2028", "é", "e\u0301", "ａ", "٣", "\U0001f3a5",
     "x" * 101, "\U0001f3a5" * 100, "-a", "a-", "default", "${{ matrix.a }}", 0, 1, 2, -1, 1.0, 1.5,
     -0.0, 1e300, 2**53, 2**63, 2**64 + 1, 10**400, 2**31 - 1, 2147483647.0, True, False, None, [],
     {}, [[]], ["a", "a"], [1, 1.0], [1, True], {"a": None}]
)  # fmt: skip
VALUES = (
    ODD.map(copy.deepcopy)
    | st.text(max_size=8)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)


def edits() -> st.SearchStrategy[Any]:
    """Legal documents of edits."""
    return legal.specs().map(
        lambda spec: {
            "apiVersion": "cutlist/v1",
            "kind": "Edit",
            "metadata": {"name": "a", "labels": {"b": "c"}},
            "spec": {**spec, "output": "renders/a.mp4", "protect": True},
        }
    )


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value."""
    yield at
    if isinstance(data, dict | list):
        for name, part in data.items() if isinstance(data, dict) else enumerate(data):
            yield from places(part, (*at, name))


@st.composite
def bent(draw: Any, documents: Callable[[], st.SearchStrategy[Any]]) -> Any:
    """A legal document in which some values are gone, others, or where they do not belong."""
    root = {"": copy.deepcopy(draw(documents()))}
    for _ in range(draw(st.integers(0, 3))):
        paths = [*places(root)][1:]
        *above, last = paths[draw(st.integers(0, len(paths) - 1))]
        holder: Any = root
        for name in above:
            holder = holder[name]
        match draw(st.sampled_from(["other", "gone", "more"])):
            case "other":
                holder[last] = draw(VALUES)
            case "gone" if last != "":
                del holder[last]
            case "more" if isinstance(holder[last], dict):
                name = draw(st.sampled_from(["take", "seed", "model", "function", "a b", "é\n"]))
                holder[last][name] = draw(VALUES)
            case "more" if isinstance(holder[last], list):
                again = draw(st.booleans()) and holder[last]
                holder[last].append(holder[last][0] if again else draw(VALUES))
    return root[""]


def agree(data: Any, rules: Any) -> None:
    right = next(_load_validator()(rules).iter_errors(data), None) is None
    # what the fast one does not let pass is looked at again; much of it would cost time
    assert decide.keeps_schema(data, rules) == right or (right and not _is_usual(data))


def _is_usual(data: Any) -> bool:
    """Whether no text has a blank that only one of two languages knows."""
    return "\ufeff" not in str(data)


@given(bent(edits))
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_deciders_agree_on_edits(data: Any) -> None:
    """Whatever stands in a manifest: both say yes, or both say no."""
    agree(data, SCHEMA)
    agree(data, shipped.read_schema("manifest"))


@pytest.mark.parametrize(
    ("name", "document"), [("project", PROJECT), ("sync", SYNC)], ids=["project", "sync"]
)
def test_deciders_agree_on_files_beside(name: str, document: Any) -> None:
    """So it is for the other files that people write."""
    rules = shipped.read_schema(name)
    assert decide.keeps_schema(document, rules)

    @given(bent(lambda: st.just(document)))
    @settings(max_examples=120, deadline=None, derandomize=True, database=None)
    def bend(data: Any) -> None:
        agree(data, rules)

    bend()


@given(bent(lambda: st.just(LISTS)))
@settings(max_examples=120, deadline=None, derandomize=True, database=None)
def test_deciders_agree_on_matrices(data: Any) -> None:
    """So it is for the part of a manifest that is checked before its cells."""
    agree(data, MATRIX)


def test_what_is_no_json_is_not_let_pass() -> None:
    """Keys that are no text, schemas that are none, schemas that lie elsewhere: another has to
    look.
    """
    assert decide.keeps_schema({"a": 1}, {"type": "object"})
    assert not decide.keeps_schema({1: 1}, {"type": "object"})
    assert not decide.keeps_schema({}, {"type": "thing"})
    assert not decide.keeps_schema({}, {"$ref": "https://schemas.example/a.json"})
