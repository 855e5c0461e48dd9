"""What `extends` means, and that the shipped models keep the rules that others are held to."""

from __future__ import annotations

import copy

import pytest

from reconciler.formats.document import Document
from reconciler.formats.model_layers import find_pointer, lay_over
from reconciler.formats.schema import validate_document
from reconciler.service.model_checks import find_slips
from reconciler.service.models import Models
from reconciler.system import shipped

SHIPPED = {model["model"]: model for model in shipped.read_model_documents()}
WAN, VACE = SHIPPED["wan2.7-videoedit"], SHIPPED["wan2.1-vace-plus"]
OWN = {"model": "own", "title": "Ours", "names": {"own": {"beijing": "allowed"}}}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_keep_the_rules(name: str) -> None:
    """A model of the program's is a model file like any other."""
    model = SHIPPED[name]
    assert validate_document(Document(name, model), shipped.read_schema("model")) == []
    assert list(find_slips(model, list(shipped.read_service()["regions"]))) == []


def test_nothing_but_its_name_is_the_file_s_own() -> None:
    """What a file does not say is as in the model that it extends, which stays as it was."""
    before = copy.deepcopy(WAN)
    whole = lay_over(WAN, {**OWN, "extends": "wan2.7-videoedit"})
    assert before == WAN
    assert whole == {**WAN, **OWN}
    assert Models.of([whole]).find("own").media == Models.of([WAN]).find(WAN["model"]).media


def test_mappings_merge_lists_replace_and_null_takes_away() -> None:
    """As in a JSON merge patch."""
    own = {
        **OWN,
        "media": {"video": {"formats": ["mp4"], "side_px": None}, "reference_image": None},
        "variants": [{"parameters": {"properties": {"seed": None, "ratio": {"enum": ["1:1"]}}}}],
    }
    whole = lay_over(WAN, own)
    video = {name: value for name, value in WAN["media"]["video"].items() if name != "side_px"}
    assert whole["media"] == {"video": {**video, "formats": ["mp4"]}}
    (variant,) = whole["variants"]
    fields = WAN["variants"][0]["parameters"]["properties"]
    assert variant["parameters"]["properties"].keys() == fields.keys() - {"seed"}
    assert variant["parameters"]["properties"]["ratio"] == {**fields["ratio"], "enum": ["1:1"]}
    assert variant["output"] == WAN["variants"][0]["output"]


def test_variants_are_matched_by_their_function() -> None:
    """Those that are not named stay, in their order; a new one comes last."""
    new = {"function": "zoom", "input": {}}
    title = {"function": "video_edit", "title": "Edit"}
    whole = lay_over(VACE, {**OWN, "variants": [new, title]})
    functions = [variant["function"] for variant in VACE["variants"]]
    assert [variant["function"] for variant in whole["variants"]] == [*functions, "zoom"]
    number = functions.index("video_edit")
    assert whole["variants"][number] == {**VACE["variants"][number], "title": "Edit"}
    assert find_pointer("/variants/1/title", whole, {"variants": [new, title]}) == (
        f"/variants/{number}/title"
    )


def test_a_model_that_is_gone_has_patient_figures() -> None:
    """Its tasks are still brought home."""
    gone = Models.of([WAN]).find("gone")
    assert gone.running_tasks == 1 and gone.variant(None) is None
