"""The records of results: what stands in the store conforms to schemas/result.schema.json, and
nothing else does.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from reconciler.formats.records import build_record
from reconciler.state.observed import Result
from reconciler.system import shipped
from tests.e2e.bench import CREATE, Bench, Trouble, lost_after, write_video
from tests.repository import Repository
from tests.workspace import Workspace

SCHEMA = shipped.read_schema("result")


def records(bench: Bench) -> dict[str, dict[str, Any]]:
    """What the files of the store say, by edit."""
    folder = bench.project().store.folder / "results"
    found = [json.loads(path.read_bytes()) for path in sorted(folder.glob("*/*.json"))]
    return {each["edit"]: each for each in found}


async def written(bench: Bench) -> dict[str, dict[str, Any]]:
    """One record of each origin: asked for, adopted after a lost answer, of the other model,
    imported.
    """
    bench.edit("asked")
    Repository(bench.root).commit("first")
    await bench.apply(approve=lambda plan: "ada, typed yes")
    bench.edit("adopted", "make it snow")
    bench.network.trouble = [Trouble(*CREATE, lost_after)]
    await bench.apply()
    wide = {
        "function": "video_outpainting",
        "prompt": "wide",
        "video_url": "https://clips.example/v.mp4",
    }
    bench.edit("vace", model="wan2.1-vace-plus", input=wide)
    await bench.apply()
    bench.edit("imported", "make it hail")
    bench.project().import_file("imported", write_video(bench.root / "by-hand.mp4", 2))
    return records(bench)


async def test_every_record_conforms(bench: Bench) -> None:
    """Whatever way a result came, what its file says is what the schema says; the program reads the
    same.
    """
    found = await written(bench)
    assert sorted(found) == ["adopted", "asked", "imported", "vace"]
    for each in found.values():
        jsonschema.validate(each, SCHEMA)
        assert build_record(Result, each)
    assert [found[name]["adopted"] for name in sorted(found)] == [True, False, True, False]
    assert found["asked"]["approved_by"] == "ada, typed yes"
    assert found["adopted"]["commit"] == f"{found['asked']['commit']}+"


async def test_what_is_not_written_is_refused(bench: Bench) -> None:
    """An unknown field, one that is missing, one of another type: at every level that is ours."""
    good = (await written(bench))["asked"]
    for bad in bent(good):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, SCHEMA)


def bent(good: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The record with one thing wrong."""
    for name in good:
        yield {**good, name: []}
    for name in SCHEMA["required"]:
        yield without(good, name)
    for name in good["job"]:
        yield {**good, "job": {**good["job"], name: []}}
        yield {**good, "job": without(good["job"], name)}
    yield {**good, "surprise": 1}
    yield {**good, "job": {**good["job"], "surprise": 1}}
    yield {
        **good,
        "task": {**good["task"], "video_url": "https://clips.example/signed.mp4?Signature=x"},
    }
    yield {**good, "task": {"imported": "a.mp4", "surprise": 1}}
    yield {**good, "key": good["key"].upper()}


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """All fields but one."""
    return {each: value for each, value in fields.items() if each != name}


def test_the_schema_has_the_fields_of_the_program() -> None:
    """No field without a description's place; required is what has no default."""
    fields = dataclasses.fields(Result)
    assert set(SCHEMA["properties"]) == {each.name for each in fields}
    assert SCHEMA["required"] == [
        each.name for each in fields if each.default is dataclasses.MISSING
    ]
    assert all("description" in each for each in SCHEMA["properties"].values())


def test_the_command_prints_it(workspace: Workspace) -> None:
    """`cutlist schema result`."""
    assert json.loads(workspace.run("schema", "result").out) == SCHEMA
