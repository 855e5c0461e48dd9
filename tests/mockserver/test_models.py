"""Model files of one's own: what they add, what they extend, and which are refused."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from mockserver import MockServer, ServerError
from mockserver.__main__ import serve as serve_command
from mockserver.catalogue import find_schemas_folder, load_catalogue
from mockserver.project_models import find_project_models

SHIPPED = yaml.safe_load((find_schemas_folder() / "models/wan2.7-videoedit.yaml").read_text())
LIKE_WAN = """
model: studio-edit
extends: wan2.7-videoedit
title: Like Wan 2.7, for longer clips
names: {studio-edit: {singapore: allowed}, studio-edit-0901: {beijing: allowed}}
limits: {submits_per_s: 1}
billing: {seconds: [output]}
media:
  video: {duration_s: [2, 20]}
  reference_image: null
variants:
  - function: null
    input:
      required: [prompt, media]
      properties:
        media:
          x-counts: {video: [1, 1]}
          items: {properties: {type: {enum: [video]}}}
    parameters:
      properties:
        duration: {anyOf: [{const: 0}, {minimum: 2, maximum: 20}]}
        mood: {type: string, enum: [calm, wild]}
"""
ALONE = yaml.safe_dump(SHIPPED | {"model": "alone", "names": {"alone": {"beijing": "allowed"}}})


@pytest.fixture
def folder(tmp_path):
    """Writes model files into a folder, and gives that."""

    def write(**files):
        place = tmp_path / "models"
        place.mkdir(exist_ok=True)
        for name, text in files.items():
            (place / f"{name}.yaml").write_text(text)
        return place

    return write


async def test_a_file_that_extends_says_only_what_differs(serve, folder):
    """Its fields, counts, limits and price are its own; all else is that of what it extends."""
    async with serve(models=folder(studio=LIKE_WAN)) as api:

        async def end(**changes):
            body = {**api.wan(duration=2), "model": "studio-edit", **changes}
            output = (await api.finished(body))["output"]
            return output.get("message", output["task_status"])

        assert await end() == "SUCCEEDED"
        assert api.server.bill()["total_billed_s"] == 2.0  # wan2.7 bills the input too
        assert await end(model="studio-edit-0901") == "SUCCEEDED"
        media = api.wan()["input"]["media"]
        assert "Field required: input.prompt" in await end(input={"media": media})
        assert "mood" in await end(parameters={"mood": "sad"})
        assert await end(parameters={"duration": 15}) == "SUCCEEDED"
        assert "resolution" in await end(parameters={"resolution": "8K"})
        image = [*media, {"type": "reference_image", "url": "https://e.c/i"}]
        assert "media" in await end(input={"prompt": "x", "media": image})
        assert await end(**api.wan()) == "SUCCEEDED"  # what it extends is as it was
        index = (await api.mock("GET", "")).json()["models"]
        assert {item["name"]: item["file"] for item in index if item["file"]} == dict.fromkeys(
            ("studio-edit", "studio-edit-0901"), str(folder() / "studio.yaml")
        )
        page = await api.mock("GET", "", headers={"Accept": "text/html"})
        assert "<code>studio-edit</code><td>your own: " in page.text


async def test_files_extend_files_and_take_the_place_of_shipped_ones(serve, folder):
    """A file may extend the shipped model that it replaces; one that stands alone extends none."""
    files = {
        "a": "model: wan2.7-videoedit\nextends: wan2.7-videoedit\n"
        "names: {wan2.7-videoedit: {beijing: allowed}}\ntitle: Mine\nlimits: {running_tasks: 1}\n",
        "b": "model: second\nextends: studio-edit\ntitle: S\nnames: {second: {beijing: allowed}}\n",
        "c": LIKE_WAN,
        "d": ALONE,
    }
    async with serve(models=[folder(**files)]) as api:
        for model in ("second", "alone", "wan2.7-videoedit"):
            done = await api.finished({**api.wan(), "model": model})
            assert done["output"]["task_status"] == "SUCCEEDED"
    models = load_catalogue(own=[folder()]).models
    assert models["second"].billed == ("output",)
    assert models["wan2.7-videoedit"].running_tasks == 1
    assert load_catalogue().models["wan2.7-videoedit"].running_tasks == 5


async def test_variants_are_laid_over_by_their_function(folder):
    """Those that a file does not name stay, and a new one comes last."""
    text = """
model: vace-two
extends: wan2.1-vace-plus
title: V
names: {vace-two: {singapore: allowed}}
variants:
  - {function: video_edit, output: {fps: 24}}
"""
    models = load_catalogue(own=[folder(vace=text)]).models
    shipped, own = models["wan2.1-vace-plus"].variants, models["vace-two"].variants
    assert [item.function for item in own] == [item.function for item in shipped]
    changed = [a.function for a, b in zip(own, shipped, strict=True) if a.output != b.output]
    assert changed == ["video_edit"]


# ---- the files of a project


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["models/*.yaml"], ["a.yaml", "b.yaml"]),
        (["models"], ["a.yaml", "b.yaml", "c.yml"]),
        (["models/a.yaml", "./models/a.yaml"], ["a.yaml"]),
        ([], []),
        (None, []),
    ],
)
def test_a_project_names_its_models(tmp_path, names, found):
    """From any folder of it: files, folders, and patterns in the last part of a name."""
    (tmp_path / "models").mkdir()
    for name in ("a.yaml", "b.yaml", "c.yml", "d.txt"):
        (tmp_path / "models" / name).write_text("x")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "cutlist.yaml").write_text(yaml.safe_dump({"spec": {"models": names}}))
    models = find_project_models(tmp_path / "deep" / "er")
    assert [path.name for path in models] == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spec: {models: [/etc/*]}", "not in the project"),
        ("spec: {models: [../*.yaml]}", "not in the project"),
        ("spec: {models: [none.yaml]}", "where no file is"),
        ("spec: {models: [link.yaml]}", "not in the project"),
        ("spec: {models: ['*.yaml']}", "leads out of the project"),
        ("spec: {models: models}", "should be a list of files"),
    ],
)
def test_a_project_names_no_file_of_others(tmp_path, text, words):
    """Neither by its path nor by a link."""
    (tmp_path / "film").mkdir()
    (tmp_path / "other.yaml").write_text("secret")
    (tmp_path / "film" / "link.yaml").symlink_to(tmp_path / "other.yaml")
    (tmp_path / "film" / "cutlist.yaml").write_text(text)
    with pytest.raises(ServerError, match=words):
        find_project_models(tmp_path / "film")


@pytest.mark.parametrize("text", ["a: [", "- 1", "a: &a [*a]", "spec: 7", "\0", ""])
def test_a_project_file_that_is_none_names_no_models(tmp_path, text):
    """What is wrong with it is said by other commands."""
    (tmp_path / "cutlist.yaml").write_text(text)
    assert find_project_models(tmp_path) == ()


def test_the_command_serves_the_models_of_the_project_around(folder, tmp_path):
    """Without --models, `cutlist -C DIR mock --compare` knows those of DIR; a bad one is told."""
    recording = tmp_path / "x.jsonl"
    recording.write_text('{"recording": 1}\n')
    (folder(odd="model: 7").parent / "cutlist.yaml").write_text("spec: {models: [models]}")
    done = CliRunner().invoke(serve_command, ["--compare", str(recording)], obj=tmp_path)
    assert (done.exit_code, "odd.yaml should say `model: NAME`" in done.stderr) == (1, True)


def alter(text, **changes):
    """A model file with other fields."""
    return yaml.safe_dump({**yaml.safe_load(text), **changes})


def deep(**sections):
    """The text of LIKE_WAN with changes deep in its one variant."""
    document = yaml.safe_load(LIKE_WAN)
    del document["media"]
    document["variants"] = [{"function": None, **sections}]
    return yaml.safe_dump(document)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "should hold one document, not 0"),
        ("- 1", "should be a mapping"),
        ("a: [", "is not the YAML of a model file"),
        ("model: x\n---\nmodel: y", "one document, not 2"),
        ("model: &a x\ntitle: *a", ":1 has an alias, an anchor or a tag"),
        ("model: !!python/object:os.system x", ":1 has an alias, an anchor or a tag"),
        ("model: " + "[" * 60 + "]" * 60, "deeper than 50 levels"),
        ("model: x\nmodel: y", ":2 says model twice"),
        ("model: x\n720: y", ":2 has a name that is no text"),
        ("model: x\ntitle: 2026-01-01", "is not the YAML"),
        ("model: x\nlimits: {submits_per_s: .nan}", "is not the YAML"),
        ("title: x", "should say `model: NAME`"),
        ("model: x", "should say `names:"),
        ("model: x\nnames: {x: [1]}", "should say `names:"),
        ("model: x\nnames: {x: {beijing: allowed}}\nlimits: {}", ""),
        ("model: " + "x" * 300_000, "larger than the 256 KiB"),
        (alter(LIKE_WAN, extends="wan"), "extends wan, which is none of "),
        (alter(LIKE_WAN, extends="studio-edit"), "extends studio-edit, which is none of"),
        (alter(LIKE_WAN, extends=["x"]), "which is none of"),
        (alter(LIKE_WAN, names={"wan2.7-videoedit": {"beijing": "allowed"}}) and
         alter(ALONE, names={"wan2.7-videoedit": {"beijing": "allowed"}}),
         "says `extends: wan2.7-videoedit`; else choose another name"),
        (alter(ALONE, model="wan2.1-vace-plus"), "says `extends: wan2.1-vace-plus`"),
        (alter(LIKE_WAN, variants=7), "variants should be a list"),
        (deep(input={"properties": {"more": {"type": "string", "x-media": "hologram"}}}),
         "more takes hologram, of which `media` says nothing"),
        (deep(parameters={"properties": {"resolution": {"enum": ["720P", "4K"]}}}),
         "contradicts itself: no '4K'"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used(folder, text, words):
    """One sentence that begins with the file's name, and no server."""
    place = folder(odd=text)
    with pytest.raises(ServerError) as caught:
        MockServer(models=place)
    message = str(caught.value)
    assert message.startswith(str(place / "odd.yaml"))
    assert words in message
    assert "\n" not in message
    assert len(message) < 700


@pytest.mark.skipif(
    not (find_schemas_folder() / "model.schema.json").is_file(),
    reason="there is no JSON Schema of model files",
)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: x\nnames: {x: {beijing: allowed}}", "is a required property"),
        (alter(LIKE_WAN, billing={"seconds": ["frames"]}), "billing.seconds"),
        (alter(LIKE_WAN, surprise=1), "surprise"),
        (deep(input={"properties": {"prompt": {"pattern": "(a+)+$"}}}), "pattern"),
        (deep(input={"properties": {"prompt": {"$ref": "file:///etc/passwd"}}}), "$ref"),
    ],
)
def test_a_file_that_does_not_keep_the_form(folder, text, words):
    """What the JSON Schema of model files refuses, at its place."""
    place = folder(odd=text)
    with pytest.raises(ServerError) as caught:
        MockServer(models=place)
    assert str(caught.value).startswith(str(place / "odd.yaml"))
    assert words in str(caught.value)


def test_files_that_extend_each_other_without_end(folder):
    """A circle, and a chain of more than eight."""

    def chain(name, base):
        return alter(LIKE_WAN, model=name, extends=base, names={name: {"beijing": "allowed"}})

    with pytest.raises(ServerError, match="a → b → a"):
        MockServer(models=folder(a=chain("a", "b"), b=chain("b", "a")))
    names = [f"m{i}" for i in range(9)]
    bases = [*names[1:], "wan2.7-videoedit"]
    files = {name: chain(name, base) for name, base in zip(names, bases, strict=True)}
    place = folder(**files)
    (place / "a.yaml").unlink()
    (place / "b.yaml").unlink()
    with pytest.raises(ServerError, match="more than 8 files extend each other"):
        MockServer(models=place)
    (place / "m0.yaml").unlink()
    assert "m1" in load_catalogue(own=[place]).models


def test_places_that_hold_no_models(tmp_path):
    """A folder without files, a file that is not there."""
    with pytest.raises(ServerError, match="holds no model files"):
        MockServer(models=tmp_path)
    with pytest.raises(ServerError, match="is no file that is there"):
        MockServer(models=[Path("none.yaml")])
    with pytest.raises(ServerError, match=r"says what studio-edit is, and so does"):
        one, two = tmp_path / "1.yaml", tmp_path / "2.yaml"
        one.write_text(LIKE_WAN)
        two.write_text(LIKE_WAN)
        MockServer(models=[one, two])
