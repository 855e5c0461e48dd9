"""Manifest text → edits: defaults, places, several documents. What is refused stands in
tests/badinput.
"""

from __future__ import annotations

import pytest

from reconciler.desired.manifest import Reading
from tests.making import build_rules, read_edit, read_text, write_text

HEAD = "apiVersion: cutlist/v1\nkind: Edit\nmetadata: {name: film, labels: {season: spring}}\n"
PLAIN = (
    f"{HEAD}spec:\n  model: wan2.7-videoedit\n  input: {{media: [{{type: video, url: ./a.mp4}}]}}\n"
)


def faults(found: Reading) -> list[str]:
    """Faults as people read them."""
    return [str(fault) for fault in sorted(found.faults)]


def test_an_edit() -> None:
    """An edit is what its document says, and where nothing is said the usual."""
    edit = read_edit(PLAIN)
    assert (edit.name, edit.labels, edit.model, edit.function) == (
        "film",
        {"season": "spring"},
        "wan2.7-videoedit",
        None,
    )
    assert (edit.take, edit.output, edit.parameters) == (1, "renders/film.mp4", {})
    assert str(edit.place("/input/media/0/url")) == "specs/case.yaml:6:38"


def test_several_documents() -> None:
    """A manifest holds as many edits as it likes; empty documents ask for nothing."""
    found = read_text(
        f"---\n{PLAIN}---\n---\n# nothing\n---\n{PLAIN.replace('film', 'other')}---\n"
    )
    assert [edit.name for edit in found.edits] == ["film", "other"]
    assert (found.faults, found.names) == ([], ["film", "other"])


def test_an_empty_file() -> None:
    """A file of comments asks for nothing and is no fault."""
    assert read_text("# to be written\n") == Reading([], [], [])


def test_output_is_tidied() -> None:
    """Detours in an output are taken out, so that two spellings are one path."""
    assert read_edit(f"{PLAIN}  output: ./films//x/../a.mp4\n").output == "films/a.mp4"


def test_defaults_are_merged_under_an_edit() -> None:
    """Model, parameters, input and labels come from cutlist.yaml where the edit says nothing; only
    what fits.
    """
    project = build_rules(
        "spec:\n  defaults:\n    model: wan2.7-videoedit\n"
        "    parameters: {resolution: 720P, watermark: true, size: 720*1280}\n"
        "    input: {negative_prompt: rain}\n    labels: {season: winter, team: a}\n"
    )
    edit = read_edit(
        PLAIN.replace("  model: wan2.7-videoedit\n", "") + "  parameters: {watermark: false}\n",
        project,
    )
    assert edit.model == "wan2.7-videoedit"
    assert edit.parameters == {"resolution": "720P", "watermark": False}
    assert edit.input["negative_prompt"] == "rain"
    assert edit.labels == {"season": "spring", "team": "a"}


def test_a_wrong_default_is_told_where_it_stands() -> None:
    """A fault of an inherited value has the place in cutlist.yaml, not one in the manifest that did
    not write it.
    """
    project = build_rules("spec:\n  defaults:\n    parameters: {watermark: maybe}\n")
    said = ['cutlist.yaml:3:29: error: parameters.watermark is "maybe"; it must be true or false.']
    assert faults(read_text(PLAIN, against=project)) == said


def test_defaults_leave_the_manifest_as_it_is() -> None:
    """Two edits of one file do not inherit from each other."""
    project = build_rules("spec: {defaults: {parameters: {seed: 1}}}")
    first, second = read_text(
        f"{PLAIN}---\n{PLAIN.replace('film', 'b')}  parameters: {{ratio: '1:1'}}\n", against=project
    ).edits
    assert (first.parameters, second.parameters) == ({"seed": 1}, {"seed": 1, "ratio": "1:1"})


@pytest.mark.parametrize(
    ("region", "model", "said"),
    [
        (None, "wanx2.1-vace-plus", ""),
        ("beijing", "wanx2.1-vace-plus", ""),
        ("singapore", "wan2.1-vace-plus", ""),
        ("beijing", "wan2.1-vace-plus", "warning: the guides name wanx2.1-vace-plus for beijing"),
        (
            "singapore",
            "wanx2.1-vace-plus",
            'error: the model "wanx2.1-vace-plus" is not offered in singapore',
        ),
    ],
)
def test_regions(region: str | None, model: str, said: str) -> None:
    """A model of another region is an error, a doubtful name a warning, and a mock takes all."""
    spec = {
        "model": model,
        "input": {"function": "video_outpainting", "prompt": "Wider", "video_url": "./a.mp4"},
    }
    found = faults(read_text(write_text("film", spec), against=build_rules(region=region)))
    assert said in found[0] if said else found == []


@pytest.mark.parametrize(("length", "warned"), [(800, False), (801, True)])
def test_long_prompts(length: int, warned: bool) -> None:
    """A prompt is warned about from the first character the service does not read; one letter or
    one sign is one.
    """
    spec = {
        "model": "wan2.1-vace-plus",
        "input": {
            "function": "video_outpainting",
            "prompt": "\u5bbd" * length,
            "video_url": "./a.mp4",
        },
    }
    found = read_text(write_text("film", spec)).faults
    assert [fault.severity for fault in found] == (["warning"] if warned else [])


VACE = (
    f"{HEAD}spec:\n  model: wan2.1-vace-plus\n"
    "  input: {function: %s, prompt: Snow, video_url: ./a.mp4%s}\n  parameters: {%s}\n"
)


@pytest.mark.parametrize(
    ("function", "more_input", "parameters", "section", "name"),
    [
        ("video_outpainting", "", "watermark: true", "parameters", "watermark"),
        ("video_repainting", "", "control_condition: depth, watermark: true", "parameters",
         "watermark"),
        ("video_edit", ", mask_image_url: ./m.png", "control_condition: depth", "parameters",
         "control_condition"),
        ("video_extension", ", first_clip_url: ./b.mp4", "", "input", "video_url"),
    ],
)  # fmt: skip
def test_what_the_service_does_not_read_is_left_out(
    function: str, more_input: str, parameters: str, section: str, name: str
) -> None:
    """A field that real requests carry and the service ignores is a warning, and in no request."""
    found = read_text(VACE % (function, more_input, parameters))
    (edit,) = found.edits
    assert name not in getattr(edit, section)
    (warning,) = [fault for fault in found.faults if f"{section}.{name} is ignored" in str(fault)]
    assert warning.severity == "warning"
    assert warning.place.line == (6 if section == "input" else 7)


@pytest.mark.parametrize("function", ["video_repainting", "video_edit"])
def test_more_reference_images_than_the_pages_speak_of(function: str) -> None:
    """Repainting and local editing take "a reference image": more are sent, with a warning."""
    more = ", mask_image_url: ./m.png" if function == "video_edit" else ""
    images = ", ref_images_url: [./r.png, ./s.png]"
    found = read_text(VACE % (function, more + images, "strength: 1.0" if not more else ""))
    assert len(found.edits[0].input["ref_images_url"]) == 2
    assert [fault.severity for fault in found.faults if "2 entries" in str(fault)] == ["warning"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "spec:\n  model: wan2.7-videoedit\n  input:\n    prompt: Make it #1 red\n",
            '7:21: warning: input.prompt is "Make it"',
        ),
        (
            "spec:\n  model: wan2.7-videoedit\n  input:\n    negative_prompt: #ff0000\n",
            "7:22: warning: input.negative_prompt is empty",
        ),
        (
            "spec:\n  matrix:\n    look:\n      - Take #5\n      - rain\n  input: {}\n",
            '7:14: warning: matrix.look[0] is "Take"',
        ),
    ],
)
def test_a_text_that_is_cut_short(text: str, said: str) -> None:
    """Prompts and the like say where a comment cut them, and how to keep the whole text."""
    warnings = [each for each in faults(read_text(HEAD + text)) if "warning: " in each]
    assert len([each for each in warnings if "is a comment and is left out" in each]) == 1
    assert any(each.startswith(f"specs/case.yaml:{said}: what follows") for each in warnings)


def test_comments_behind_other_values() -> None:
    """What is chosen from a list, and media, may have a comment however it is written."""
    text = PLAIN.replace("./a.mp4}]}", "./a.mp4 #1\n    }]} #2").replace(
        "wan2.7-videoedit", "wan2.7-videoedit #fast"
    )
    assert faults(read_text(f"{text}  output: a.mp4 # as before\n  take: 1 #one\n")) == []


def test_a_label_that_is_cut_short() -> None:
    """A label is a text of people, too, also within braces."""
    cut = PLAIN.replace("{season: spring}", "{season: spring #1\n }")
    assert faults(read_text(cut))[0].startswith(
        'specs/case.yaml:3:48: warning: metadata.labels.season is "spring": what follows'
    )
