"""`policy`: what each rule takes, whom a waiver covers, and that it costs next to nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from reconciler.desired.edit import Edit
from reconciler.desired.policy import RULES, Policy
from reconciler.formats.names import compile_wildcard
from reconciler.system.shipped import read_schema
from tests.making import (
    CLIP,
    MODELS,
    build_rules,
    make_edit,
    make_project_document,
    make_vace,
    read_edit,
    read_text,
    write_text,
)

WIDER = {"video_url": "./a.mp4"}


def faults(
    policy: dict[str, Any], *edits: Edit, environment: str = "default", **environments: Any
) -> list[str]:
    """What edits do against a policy, in words."""
    spec = {
        "policy": policy,
        "environments": {name: {"policy": each} for name, each in environments.items()},
    }
    made = Policy.of(make_project_document(json.dumps({"spec": spec})), environment)
    pairs = []
    for each in edits:
        variant = MODELS.by_name[each.model].variant(each.function)
        assert variant is not None
        pairs.append((each, variant))
    return [fault.message.partition(" (policy.")[0] for fault in made.check(pairs)]


def prompt(text: str) -> Edit:
    return make_edit(
        "film", input={"prompt": text, "negative_prompt": "no competitor", "media": [CLIP]}
    )


CASES: dict[str, tuple[dict[str, Any], Edit, list[str]]] = {
    "a model that is allowed": ({"models": ["wan2.7-videoedit"]}, make_edit("a"), []),
    "a model that is not": (
        {"models": ["wan2.7-videoedit"]},
        make_vace("a", "video_outpainting", **WIDER),
        ['model is "wan2.1-vace-plus"; legal is wan2.7-videoedit'],
    ),
    "another name of an allowed model": (
        {"models": ["wanx2.1-vace-plus"]},
        make_vace("a", "video_outpainting", **WIDER),
        ['model is "wan2.1-vace-plus"; legal is wanx2.1-vace-plus'],
    ),
    "a resolution that is allowed": ({"resolution": ["1080P", "720P"]}, make_edit("a"), []),
    "a resolution that is not": (
        {"resolution": ["1080P"]},
        make_edit("a"),
        ['parameters.resolution is "720P"; legal is 1080P'],
    ),
    "the default counts": (
        {"resolution": ["720P"]},
        make_edit("a", parameters={}),
        ['parameters.resolution is not set, and by default it is "1080P"; legal is 720P'],
    ),
    "VACE makes 720P": ({"resolution": ["720P"]}, make_vace("a", "video_outpainting", **WIDER), []),
    "whatever its size": (
        {"resolution": ["720P"]},
        make_vace(
            "a",
            "image_reference",
            {"size": "832*1088", "obj_or_bg": ["obj"]},
            ref_images_url=["./a.png"],
        ),
        [],
    ),
    "VACE cannot make more": (
        {"resolution": ["1080P"]},
        make_vace("a", "video_outpainting", **WIDER),
        ['wan2.1-vace-plus makes "720P"; legal is 1080P'],
    ),
    "a watermark that is not": (
        {"watermark": True},
        make_edit("a", parameters={"watermark": False}),
        ["parameters.watermark is false; legal is true"],
    ),
    "a watermark that is": (
        {"watermark": True},
        make_edit("a", parameters={"watermark": True}),
        [],
    ),
    "a watermark by default": (
        {"watermark": True},
        make_edit("a"),
        ["parameters.watermark is not set, and by default it is false; legal is true"],
    ),
    "a watermark that must not be": (
        {"watermark": False},
        make_edit("a", parameters={"watermark": True}),
        ["parameters.watermark is true; legal is false"],
    ),
    "none by default": ({"watermark": False}, make_edit("a"), []),
    "VACE cannot write one": (
        {"watermark": True},
        make_vace("a", "video_outpainting", **WIDER),
        ["wan2.1-vace-plus writes no watermark; legal is true"],
    ),
    "and need not": ({"watermark": False}, make_vace("a", "video_outpainting", **WIDER), []),
    "labels": (
        {"labels": ["team"]},
        make_edit("a"),
        ['metadata.labels lacks "team"; every edit needs it'],
    ),
    "a suspended edit is checked too": (
        {"labels": ["team"]},
        make_edit("a", suspend=True),
        ['metadata.labels lacks "team"; every edit needs it'],
    ),
    "nothing asked for": ({"labels": [], "prompt_deny": []}, make_edit("a"), []),
}


@pytest.mark.parametrize("case", CASES)
def test_rules(case: str) -> None:
    """A rule is about the video that comes of an edit: as set, by default, or by what the model
    makes.
    """
    policy, checked, said = CASES[case]
    assert faults(policy, checked) == said


def test_labels_are_there_and_say_something() -> None:
    """Every label that is asked for is told; an empty one is none. Inherited labels count."""
    text = write_text("a", {"input": {"media": [CLIP]}, "model": "wan2.7-videoedit"})
    labelled = text.replace('"name": "a"', '"name": "a", "labels": {"owner": "", "team": "film"}')
    wanted = {"labels": ["owner", "team", "campaign"]}
    lacking = 'metadata.labels lacks "{}"; every edit needs it'
    assert faults(wanted, read_edit(labelled)) == [
        lacking.format("owner"),
        lacking.format("campaign"),
    ]
    inherits = build_rules("spec: {defaults: {labels: {campaign: spring, owner: me}}}")
    assert faults(wanted, read_edit(text, inherits)) == [lacking.format("team")]


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("competitor", "Show the COMPETITOR's shoes", True),
        ("competitor", "Competitors run", False),
        ("competitor", "a noncompetitor", False),
        ("competitor", "ｃｏｍｐｅｔｉｔｏｒ", True),
        ("competitor", "comp\u200betitor", True),
        ("rival brand", "the Rival\n  Brand, in blue", True),
        ("rival brand", "a rival of the brand", False),
        ("STRASSE", "auf der Straße", True),
        ("café", "cafe\u0301 noir", True),
        ("C++", "C sharp", False),
        ("C++", "written in c++, well", True),
        ("竞争对手", "展示竞争对手的产品", True),
        ("竞争对手", "展示竞争的对手", False),
        ("nike", "把鞋换成Nike鞋", True),
        ("คู่แข่ง", "แสดงคู่แข่งของเรา", True),
    ],
)
def test_denied_words(phrase: str, text: str, found: bool) -> None:
    """Whole words where a script parts them, whatever their case, width and form; anywhere in other
    scripts.
    """
    said = f'input.prompt has "{phrase}"; legal is a prompt without it'
    assert faults({"prompt_deny": [phrase]}, prompt(text)) == ([said] if found else [])


def test_negative_prompts_are_not_read() -> None:
    """To name somebody there keeps them out of the video."""
    assert faults({"prompt_deny": ["competitor"]}, prompt("Make it blue")) == []


@pytest.mark.parametrize(
    ("edits", "waived"),
    [
        (["street"], True),
        (["street[look=snow]"], True),
        (["str*"], True),
        (["*[look=snow]"], True),
        (["street[look=rain]"], False),
        (["stree"], False),
        (["street?"], False),
        (["other", "?treet"], True),
    ],
)
def test_whom_a_waiver_covers(edits: list[str], waived: bool) -> None:
    """Edits by name or pattern; the name of a matrix means all its cells."""
    spec = {
        "matrix": {"look": ["snow"]},
        "model": "wan2.7-videoedit",
        "input": {"prompt": "${{ matrix.look }}", "media": [CLIP]},
    }
    cell = read_text(write_text("street", spec)).edits[0]
    policy = {
        "models": ["wan2.1-vace-plus"],
        "waive": [{"edits": edits, "rules": ["models"], "reason": "so"}],
    }
    assert (faults(policy, cell) == []) is waived


def test_a_waiver_is_for_its_rules_alone() -> None:
    """The other rules hold."""
    policy = {
        "models": ["wan2.1-vace-plus"],
        "watermark": True,
        "waive": [{"edits": ["a"], "rules": ["models"], "reason": "so"}],
    }
    assert len(faults(policy, make_edit("a"))) == 1
    assert len(faults(policy, make_edit("b"))) == 2


def test_an_environment_says_otherwise_rule_by_rule() -> None:
    """Its rules count instead of the project's, the others stay, and waivers add up."""
    base = {
        "resolution": ["1080P"],
        "labels": ["team"],
        "waive": [{"edits": ["a"], "rules": ["labels"], "reason": "so"}],
    }
    draft = {
        "resolution": ["720P"],
        "waive": [{"edits": ["b"], "rules": ["labels"], "reason": "so"}],
    }
    told = {
        name: faults(base, make_edit("a"), make_edit("b"), environment=name, draft=draft)
        for name in ("default", "draft")
    }
    resolution = 'parameters.resolution is "720P"; legal is 1080P'
    assert told == {
        "default": [resolution, resolution, 'metadata.labels lacks "team"; every edit needs it'],
        "draft": [],
    }


def test_the_schema_knows_the_rules() -> None:
    """The hand-kept schema of the project file has each rule, in the policy and in its waivers."""
    fields = read_schema("project")["properties"]["spec"]["properties"]["policy"]["properties"]
    assert tuple(fields) == (*RULES, "waive")
    assert tuple(fields["waive"]["items"]["properties"]["rules"]["items"]["enum"]) == RULES


def test_patterns_take_no_time() -> None:
    """A pattern comes from a file of strangers: no name makes it slow."""
    start = time.process_time()
    assert not compile_wildcard("*a" * 30 + "b").fullmatch("a" * 5000)
    assert compile_wildcard("*a" * 30).fullmatch("a" * 5000)
    assert time.process_time() - start < 2
