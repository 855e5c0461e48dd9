"""Models in words and as JSON, and the manifests that are offered to be pasted."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import UsageError
from reconciler.plan.model_view import find_model_view, view_models
from reconciler.report.models import lay_out_model, lay_out_models, write_manifest
from reconciler.report.page import Page, write_blocks
from reconciler.service.models import Model, Models, Variant
from reconciler.system import shipped
from tests.making import MODELS, PRICES, read_text

GOLDEN = Path(__file__).parents[1] / "golden"
VARIANTS = [
    pytest.param(model, variant, id=f"{model.model} {variant.function or ''}".strip())
    for model in {model.model: model for model in MODELS.by_name.values()}.values()
    for variant in model.variants
]


def find_document(name: str) -> dict[str, Any]:
    """The file of a shipped model, as data."""
    return next(each for each in shipped.read_model_documents() if each["model"] == name)


def test_the_list(golden: Callable[[Path, str], None]) -> None:
    """Every name once, with regions, and prices where the project has them."""
    golden(GOLDEN / "models.txt", write_blocks(lay_out_models(view_models(MODELS, PRICES, "USD"))))


@pytest.mark.parametrize("name", ["wan2.7-videoedit", "wan2.1-vace-plus"])
def test_one(name: str, golden: Callable[[Path, str], None]) -> None:
    """All that its file says of it."""
    view = find_model_view(MODELS, PRICES, "USD", name)
    golden(GOLDEN / f"models-{name}.txt", write_blocks(lay_out_model(view)))


def test_one_for_programs(golden: Callable[[Path, str], None]) -> None:
    """The same with every figure, by another of its names."""
    view = find_model_view(MODELS, PRICES, "USD", "wanx2.1-vace-plus")
    text = json.dumps(view.to_json(), indent=2, ensure_ascii=False)
    golden(GOLDEN / "models.json", f"{text}\n")
    assert json.loads(text)["prices"] == {"wan2.1-vace-plus": 0.2}


@pytest.mark.parametrize(("model", "variant"), VARIANTS)
def test_what_is_offered_to_be_pasted_is_valid(model: Model, variant: Variant) -> None:
    """Nothing is wrong with it, and nothing is warned of."""
    reading = read_text(write_manifest(model, variant))
    assert [str(fault) for fault in reading.faults] == []
    [edit] = reading.edits
    assert (edit.model, edit.function) == (model.model, variant.function)


@pytest.mark.parametrize(("model", "variant"), VARIANTS)
def test_an_example_is_copied_as_it_is(model: Model, variant: Variant) -> None:
    """On the narrowest page each of its lines is whole, so that what is copied is YAML."""
    view = find_model_view(MODELS, PRICES, "USD", model.model)
    shown = write_blocks(lay_out_model(view), Page(width=40))
    assert write_manifest(model, variant) in shown


def test_a_strangers_model_moves_no_cursor() -> None:
    """The words of a model file are a stranger's."""
    document = find_document("wan2.7-videoedit") | {"title": "a\x1b[2Jb\u202e"}
    views = view_models(Models.of([document]), {}, "")
    shown = write_blocks([*lay_out_models(views), *lay_out_model(views[0])])
    assert "\x1b" not in shown and "\u202e" not in shown


def test_a_strangers_model_is_shown_in_bounds() -> None:
    """A file may leave out types and items, and ask for a million media; the example is short."""
    document = copy.deepcopy(find_document("wan2.7-videoedit"))
    document["media"]["video"] |= {"aspect": [0, 8], "size_bytes": 1000}
    fields, section = document["variants"][0]["input"], {"odd": {}, "list": {"type": "array"}}
    section["deep"] = {"type": "object", "required": ["a", "b"], "properties": {"a": {}}}
    section["lists"] = functools.reduce(
        lambda items, _: {"type": "array", "minItems": 10**6, "items": items}, range(9), {}
    )
    fields["properties"] |= section
    fields["required"] = [*section, "media"]
    fields["properties"]["media"]["x-counts"] = {"video": [10**6, 10**6]}
    (view,) = view_models(Models.of([document]), {}, "")
    made = view.to_json()["variants"][0]["example"]["spec"]["input"]
    assert (made["odd"], made["list"], made["deep"]) == ("text", ["text"], {"a": "text"})
    assert len(made["media"]) == 20
    assert str(made["lists"]).count("text") == 20
    assert "at most 8:1" in write_blocks(lay_out_model(view))


def test_an_unknown_name_is_told_the_nearest() -> None:
    """And all that there are."""
    with pytest.raises(UsageError, match=r"Did you mean wan2\.7-videoedit\?") as told:
        find_model_view(MODELS, PRICES, "USD", "wan2.7-vidoedit")
    assert "wanx2.1-vace-plus" in told.value.hint
