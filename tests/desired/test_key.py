"""The key: what changes it and what does not. The rule is schemas/key.md."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.project import Project
from reconciler.service.models import Model, Variant
from tests import making
from tests.desired import legal
from tests.desired.writing import Style
from tests.making import SIGNATURES, build_rules, make_job, make_key, write_text
from tests.workspace import Workspace

FIELDS = [
    pytest.param(
        name,
        model,
        variant,
        section,
        field,
        id=f"{name}:{variant.function or 'edit'}:{section}.{field}",
    )
    for name, model, variant in legal.VARIANTS
    for section, field, schema in variant.fields()
    if "const" not in schema  # `function`: see test_every_function_changes_the_key
]


def key(spec: dict[str, Any]) -> str:
    """The key of a `spec` written plainly."""
    return make_key(write_text("plain", spec))


# ------------------------------------------------------------------ what changes nothing


@given(legal.specs(), st.data())
def test_writing_changes_nothing(spec: dict[str, Any], data: st.DataObject) -> None:
    """Order of fields, comments, quotes, flow or block, 5 or 5.0: the same key."""
    document = json.loads(write_text("styled", spec))
    assert make_key(Style(data.draw).document(document)) == key(spec)


@given(legal.specs(), st.data())
def test_documented_defaults_change_nothing(spec: dict[str, Any], data: st.DataObject) -> None:
    """Any of the documented defaults, written out, leaves the key as it is."""
    model = making.MODELS.by_name[spec["model"]]
    variant = model.variant(spec["input"].get("function"))
    assert variant is not None
    given_ = spec.get("parameters", {})
    silent = [
        (name, variant.default(section, name))
        for section, name, _ in variant.fields()
        if variant.default(section, name) is not None and name not in given_
    ]
    written = dict(data.draw(st.lists(st.sampled_from(silent), unique=True))) if silent else {}
    assert key({**spec, "parameters": {**given_, **written}}) == key(spec)


@given(legal.specs())
def test_what_is_not_the_request_changes_nothing(spec: dict[str, Any]) -> None:
    """Name, labels, output, and the file an edit stands in are not part of the key."""
    text = json.dumps(
        {
            "apiVersion": "cutlist/v1",
            "kind": "Edit",
            "metadata": {"name": "another", "labels": {"a": "b"}},
            "spec": {**spec, "output": "films/another.mp4"},
        },
        ensure_ascii=False,
    )
    edit = making.read_text(text, "specs/deep/below/other.yaml").edits[0]
    assert make_job(edit).key == key(spec)


def test_take_1_changes_nothing() -> None:
    """`take: 1` is what is meant when nothing is said."""
    spec = legal.smallest(*legal.VARIANTS[0])
    assert key({**spec, "take": 1}) == key(spec) != key({**spec, "take": 2})


def test_defaults_of_the_project_are_as_if_written() -> None:
    """A default of cutlist.yaml and the same value in the manifest give one key; what the edit says
    wins.
    """
    base = {"model": "wan2.7-videoedit", "input": {"media": legal.media("./a.mp4")}}
    project = build_rules(
        "spec: {defaults: {parameters: {resolution: 720P, size: 720*1280}, input: {negative_prompt:"
        " rain}}}"
    )
    written = {
        **base,
        "input": {**base["input"], "negative_prompt": "rain"},
        "parameters": {"resolution": "720P"},
    }
    assert make_key(write_text("inherits", base), project) == key(written)
    own = {**written, "parameters": {"resolution": "1080P"}}
    assert make_key(write_text("own", own), project) == key(own)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/a.mp4", "HTTPS://Example.COM:443/a.mp4#t=3"),
        ("http://example.com/", "http://me:secret@example.com:80"),
        (
            "https://a.blob.core.windows.net/c?sv=1&sig=x&se=2&sp=r",
            "https://a.blob.core.windows.net/c?sig=y&sv=2&st=7&spr=https",
        ),
        ("https://example.com/a?b=1", "https://example.com/a?&b=1&"),
    ],
)
def test_the_same_object(one: str, other: str) -> None:
    """Two spellings of one address have one identity."""
    assert SIGNATURES.remove_signature(one) == SIGNATURES.remove_signature(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/a.mp4", "http://example.com/a.mp4"),
        ("https://example.com/a.mp4", "https://example.com/A.mp4"),
        ("https://example.com/a.mp4", "https://example.com:8443/a.mp4"),
        ("https://example.com/a?b=1&c=2", "https://example.com/a?c=2&b=1"),
        ("https://example.com/a?b=1", "https://example.com/a?b=2"),
        ("https://example.com/a?se=1", "https://example.com/a?se=2"),
        ("https://example.com/a?x-oss-process=one", "https://example.com/a?x-oss-process=two"),
        ("https://example.com/%41", "https://example.com/A"),
        # names that signatures have, with values that no signature has
        ("https://example.com/a?e=1&token=x", "https://example.com/a?e=2&token=x"),
        ("https://example.com/a?e=5&token=x", "https://example.com/a?e=5&token=y"),
        ("https://example.com/a?t=12345678&sign=1", "https://example.com/a?t=12345679&sign=1"),
        ("https://example.com/a?sv=1&sig=2&sr=x", "https://example.com/a?sv=1&sig=2&sr=y"),
        ("https://example.com/a?sig=x&se=1", "https://example.com/a?sig=y&se=1"),
        ("https://example.com/a?sign=a-1-2-b", "https://example.com/a?sign=a-1-3-b"),
        ("https://example.com/a?ex=1&is=2&hm=3", "https://example.com/a?ex=1&is=2&hm=4"),
        ("https://example.com/a?token=x&expires=1", "https://example.com/a?token=y&expires=1"),
        ("https://example.com/a?auth_key=1-a-b-c", "https://example.com/a?auth_key=1-a-b-d"),
    ],
)
def test_perhaps_another_object(one: str, other: str) -> None:
    """Where two addresses may name different bytes they have two identities."""
    assert SIGNATURES.remove_signature(one) != SIGNATURES.remove_signature(other)


# ------------------------------------------------------------------ what changes it


@pytest.mark.parametrize(("name", "model", "variant", "section", "field"), FIELDS)
def test_every_field_changes_the_key(
    name: str, model: Model, variant: Variant, section: str, field: str
) -> None:
    """Of every field of every model, different legal values (and leaving it out) give different
    keys.
    """
    schema = variant.section(section)["properties"][field]
    base = legal.smallest(name, model, variant)
    keys: dict[str, str] = {}
    for value in legal.samples(schema, model):
        spec = copy.deepcopy(base)
        spec[section][field] = value
        for others in (
            variant.section(section).get("x-exactly-one", ()),
            variant.section(section).get("x-at-least-one", ()),
        ):
            if field in others:
                spec[section] = {
                    each: v
                    for each, v in spec[section].items()
                    if each == field or each not in others
                }
        keys[json.dumps(value)] = key(spec)
    default = variant.default(section, field)
    if field not in base[section]:
        absent = key(base)
        same = [value for value, found in keys.items() if found == absent]
        assert same == (
            [json.dumps(each) for each in legal.samples(schema, model) if each == default]
            if default is not None
            else []
        )
    assert len(set(keys.values())) == len(keys)


def test_every_function_changes_the_key() -> None:
    """The smallest edits of all models and functions have different keys, the two names of VACE
    among them.
    """
    keys = [key(legal.smallest(*each)) for each in legal.VARIANTS]
    assert len(set(keys)) == len(keys)


@given(legal.specs(), st.integers(2, 1_000_000))
def test_take_changes_the_key(spec: dict[str, Any], take: int) -> None:
    """Another take is another key, so that it is rendered again."""
    assert (key({**spec, "take": take}) == key(spec)) == (spec.get("take", 1) == take)


@given(legal.specs(), legal.specs())
def test_different_jobs_different_keys(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two keys are the same if and only if the canonical forms are."""
    first, second = (make_job(making.read_edit(write_text("any", each))) for each in (one, other))
    assert (first.key == second.key) == (first.canonical == second.canonical)


@pytest.mark.parametrize(
    "parameters",
    [{"prompt_extend": True}, {"prompt_extend": False}, {"size": "1280*720"}],
    ids=["true", "false", "size"],
)
def test_undocumented_defaults_change_the_key(parameters: dict[str, Any]) -> None:
    """What the vendor does not promise is never left out, though it may be what the service does
    anyway.
    """
    name, model, variant = next(
        each for each in legal.VARIANTS if each[2].function == "image_reference"
    )
    spec = legal.smallest(name, model, variant)
    assert key({**spec, "parameters": parameters}) != key(spec)


def test_upstream_bytes_change_the_key() -> None:
    """An edit of another edit's output is a new job when that output has other bytes."""
    edit = making.make_chain("second", "first")
    assert make_job(edit, upstream="a" * 64).key != make_job(edit, upstream="b" * 64).key


def test_files_count_by_their_bytes(workspace: Workspace, media: Path) -> None:
    """Two clips with other bytes are two jobs; the same bytes under another name, or as a data URI,
    are one.
    """
    workspace.take(media, "ok.mp4", "other.mp4", "ok.png")
    workspace.write("specs/media/copy.mp4", (media / "ok.mp4").read_bytes())
    workspace.edit("a", input={"media": legal.media("./media/ok.mp4")})
    workspace.edit("b", input={"media": legal.media("./media/other.mp4")})
    workspace.edit("c", input={"media": legal.media("./media/copy.mp4")})
    workspace.edit("d", input={"media": legal.media("./media/ok.mp4", ["./media/ok.png"])})
    uri = f"data:image/png;base64,{base64.b64encode((media / 'ok.png').read_bytes()).decode()}"
    workspace.edit("e", input={"media": legal.media("./media/ok.mp4", [uri])})
    keys = {step.name: step.key for step in Project.open(workspace.root).plan().steps}
    assert keys["a"] == keys["c"] != keys["b"]
    assert keys["d"] == keys["e"] != keys["a"]
