"""The data files behind the server."""

import pytest

from mockserver import ServerError, catalogue
from mockserver.tasks.validation import _TYPES


def test_the_files_are_found_in_a_checkout_and_in_a_wheel(tmp_path):
    """Beside the package, or in cutlist_data beside it; else one clear error."""
    with pytest.raises(ServerError, match="install it again"):
        catalogue.find_schemas_folder(tmp_path)
    for folder in (tmp_path / "cutlist_data" / "schemas", tmp_path / "schemas"):
        folder.mkdir(parents=True)
        (folder / "service.yaml").write_text("{}")
        assert catalogue.find_schemas_folder(tmp_path) == folder


def test_regions_know_their_models():
    """None is any region."""
    models = catalogue.load_catalogue()
    names = ("wan2.7-videoedit", "wan2.1-vace-plus", "wanx2.1-vace-plus")
    known = {
        region: [models.find_model(name, region) is not None for name in names]
        for region in (None, "singapore", "beijing")
    }
    assert known == {None: [True] * 3, "singapore": [True, True, False], "beijing": [True] * 3}


KEYWORDS = {
    *(
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "minLength",
        "minItems",
        "maxItems",
        "required",
        "properties",
    ),
    *("items", "anyOf", "additionalProperties", "default", "description", "examples"),
    *(
        "x-counts",
        "x-exactly-one",
        "x-at-least-one",
        "x-same-length-as",
        "x-at-most",
        "x-media",
        "x-media-by",
    ),
    *(
        "x-default",
        "x-source",
        "x-truncated-at",
        "x-warn-absent",
        "x-warn-more-than",
        "x-ignored",
        "x-only-with",
        "x-legal",
        "x-combinations",
        "x-counts-together",
        "x-maximum-with",
    ),
}


def test_every_rule_of_the_model_files_is_known_to_the_validation():
    """A keyword that the server does not know would be a rule it does not keep."""

    def fields(schema):
        yield schema
        for inner in (
            *schema.get("properties", {}).values(),
            schema.get("items"),
            *schema.get("anyOf", ()),
        ):
            if inner is not None:
                yield from fields(inner)

    for model in catalogue.load_catalogue().models.values():
        for variant in model.variants:
            for field in (*fields(variant.input), *fields(variant.parameters)):
                assert set(field) <= KEYWORDS
                assert field.get("type", "string") in _TYPES
