"""What fuzzers bend: manifests, project files, and whatever lies in their folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
FUZZERS = 5


def fuzz(per_second: int, quick: int) -> settings:
    """How many examples: `quick` in the suite, or as many as fit into this fuzzer's part of
    FUZZ_SECONDS.
    """
    many = int(SECONDS / FUZZERS * per_second)
    return settings(
        max_examples=many or quick, derandomize=not many, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


EDIT: dict[str, Any] = {
    "apiVersion": "cutlist/v1",
    "kind": "Edit",
    "metadata": {"name": "remote", "labels": {"a": "b"}},
    "spec": {
        "model": "wan2.7-videoedit",
        "input": {
            "prompt": "rain",
            "media": [{"type": "video", "url": "https://clips.example/a.mp4?Signature=x"}],
        },
        "parameters": {"resolution": "720P", "duration": 2, "seed": 7},
        "take": 1,
        "output": "renders/remote.mp4",
    },
}
PROJECT: dict[str, Any] = {
    "apiVersion": "cutlist/v1",
    "kind": "Project",
    "metadata": {"name": "film"},
    "spec": {
        "manifests": ["specs/"],
        "endpoint": "http://127.0.0.1:9/api/v1",
        "realm": "live",
        "account": "studio",
        "workspace": "ws",
        "store": "shelf",
        "defaults": {"model": "wan2.7-videoedit", "parameters": {"duration": 2}},
        "prices": {
            "currency": "USD",
            "models": {"wan2.7-videoedit": {"720P": 0.1}, "wan2.1-vace-plus": 0.1},
        },
        "budget": {"per_apply": 9},
        "limits": {"running_tasks": 2, "poll_interval_s": 1, "settle_s": 2},
        "result_hosts": ["clips.example"],
        "environments": {"final": {"policy": {"resolution": ["1080P"], "labels": []}}},
        "policy": {
            "models": ["wan2.7-videoedit"],
            "resolution": ["720P"],
            "labels": ["a"],
            "prompt_deny": ["rival brand"],
            "watermark": False,
            "waive": [{"edits": ["remote*"], "rules": ["models"], "reason": "agreed"}],
        },
    },
}
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            ".",
            "..",
            "../x.mp4",
            "/etc/passwd",
            "edit://remote",
            "edit://",
            "oss://",
            "file:///x",
            "http://[",
            "data:image/png;base64,",
            "https://user@h/",
            "${{ matrix.look }}",
            "${{ matrix.x }}",
            "renders/a.mp4",
            "720P",
            "wan2.1-vace-plus",
            "\u202e.mp4",
            "a" * 5000,
            "http://127.0.0.1:9/x.mp4",
            "SUCCEEDED",
            "FAILED",
            "UNKNOWN",
        ]
    ),
)


def build_values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Whatever JSON can say, with these texts."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(),
        texts,
        st.just(10**400),
        st.just(0),
    )
    return st.recursive(
        scalars,
        lambda each: st.lists(each, max_size=3) | st.dictionaries(texts, each, max_size=3),
        max_leaves=6,
    )


VALUES = build_values(TEXTS)


def _places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, each in pairs:
        yield from _places(each, (*here, name))


@st.composite
def bent(
    draw: st.DrawFn,
    good: Any,
    texts: st.SearchStrategy[str] = TEXTS,
    values: st.SearchStrategy[Any] = VALUES,
) -> Any:
    """Something good with up to three of its parts replaced, taken out, or with company."""
    made = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(list(_places(made)))) or (None,)
        if last is None:
            return draw(values)
        parent = made
        for step in way:
            parent = parent[step]
        match draw(st.sampled_from(("replace", "replace", "remove", "add"))):
            case "remove":
                del parent[last]
            case "add" if isinstance(parent, dict):
                parent[draw(texts)] = draw(values)
            case _:
                parent[last] = draw(values)
    return made


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """Bytes that were good: cut short, overwritten in the middle, or others altogether."""
    at = draw(st.integers(0, len(good)))
    match draw(st.sampled_from(("cut", "overwrite", "insert", "other"))):
        case "cut":
            return good[:at]
        case "overwrite":
            new = draw(st.binary(min_size=1, max_size=64))
            return good[:at] + new + good[at + len(new) :]
        case "insert":
            return good[:at] + draw(st.binary(max_size=16)) + good[at:]
        case _:
            return draw(st.binary(max_size=200))


def text(good: Any) -> st.SearchStrategy[bytes]:
    """A JSON (and so YAML) file gone wrong: in its structure, or in its bytes."""
    return st.one_of(
        bent(good).map(lambda each: json.dumps(each).encode()), spoilt(json.dumps(good).encode())
    )


DEEP = b"[" * 100_000
