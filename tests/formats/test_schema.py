"""JSON Schema faults in words, and the schema files themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from reconciler.desired.edit_schema import build_editor_schema
from reconciler.formats.parsing import parse_documents
from reconciler.formats.schema import validate_document
from reconciler.system import shipped
from tests.desired import legal
from tests.making import MODELS, SCHEMA, write_text

ROOT = Path(__file__).parents[2]
A_OR_B = [{"required": ["a"]}, {"required": ["b"]}]
SCHEMAS = sorted((ROOT / "schemas").glob("*.schema.json"))


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_schemas_are_schemas(path: Path) -> None:
    """Every schema is valid JSON Schema 2020-12 and says which it is."""
    schema = json.loads(path.read_bytes())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_pattern_ends_where_the_text_ends() -> None:
    """A line break after the last letter is no part of a name: `$` is the end, as JSON
    Schema says.
    """
    rule = {"properties": {"name": {"pattern": "^[a-z]+$"}, "price": {"pattern": r"^a\$$"}}}
    document = parse_documents(b'{name: "ab\\n", price: "a$"}', "x.yaml")[0][0]
    assert [fault.place.column for fault in validate_document(document, rule)] == [8]
    assert not validate_document(parse_documents(b"{name: ab}", "x.yaml")[0][0], rule)


def test_manifest_schema_is_the_generated_one() -> None:
    """schemas/manifest.schema.json is what schemas/models make; `make schemas` writes it."""
    written = (ROOT / "schemas" / "manifest.schema.json").read_text(encoding="utf-8")
    assert written == json.dumps(build_editor_schema(MODELS), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", ["manifest", "project"])
def test_editors_get_help(name: str) -> None:
    """Every field of manifests and project files has a description (a constant, or an entry of a
    list, needs none).
    """

    def undescribed(schema: Any, at: str) -> list[str]:
        found = []
        for field, part in schema.get("properties", {}).items():
            named = {"description", "const", "properties"} & part.keys() or part.keys() <= {"enum"}
            found += ([] if named else [f"{at}.{field}"]) + undescribed(part, f"{at}.{field}")
        for part in (schema[key] for key in ("then", "items") if key in schema):
            found += undescribed(part, at)
        for part in schema.get("allOf", ()):
            found += undescribed(part, at)
        return found

    assert undescribed(shipped.read_schema(name), "") == []


@given(legal.specs())
def test_what_is_legal_is_valid(spec: dict[str, Any]) -> None:
    """Whatever schemas/models allow, the manifest's schema allows."""
    documents, _ = parse_documents(write_text("legal", spec).encode(), "a.yaml")
    assert validate_document(documents[0], SCHEMA) == []
    assert validate_document(documents[0], shipped.read_schema("manifest")) == []


EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {{name: "street-${{{{ matrix.look }}}}", labels: {{look: "${{{{ matrix.look }}}}"}}}}
spec:
  matrix: {{look: [snow]}}
  model: {model}
  input: {input}
  parameters: {parameters}
  suspend: {suspend}
  take: {take}
"""
WRITTEN = {
    "model": "wan2.7-videoedit",
    "input": "{media: [{type: video, url: './${{ matrix.look }}.mp4'}]}",
    "parameters": (
        "{resolution: '${{ matrix.tier }}', seed: '${{ matrix.seed }}', duration: '${{matrix.s}}'}"
    ),
    "suspend": "'${{ matrix.off }}'",
    "take": "${{ matrix.take }}",
}
VACE = "{{function: {}, prompt: a, ref_images_url: [./a.png]}}"


@pytest.mark.parametrize(
    ("field", "value", "editors_say"),
    [
        ("take", "${{ matrix.take }}", ""),
        ("take", "0", "take is 0"),
        ("take", "1${{ matrix.take }}", "take is"),
        ("model", "wan2.${{ matrix.model }}", ""),
        ("model", "wan3", "model is"),
        ("suspend", "perhaps", "suspend is"),
        ("parameters", "{resolution: 4K}", "parameters.resolution is"),
        ("parameters", "{duration: 1}", "parameters.duration is"),
        ("parameters", "{ratio: '${{ matrix.w }}:9'}", ""),
        ("parameters", "${{ matrix.all }}", "parameters is"),
        (
            "input",
            "{media: [{type: '${{ matrix.x }}', url: a.mp4}, {type: video, url: a.mp4}]}",
            "",
        ),
    ],
)
def test_editors_see_a_matrix_before_it_is_expanded(
    field: str, value: str, editors_say: str
) -> None:
    """Where a value is wanted a hole may stand, and nothing else that is no value; the loader's own
    rules take none.
    """
    documents, faults = parse_documents(EDIT.format(**{**WRITTEN, field: value}).encode(), "a.yaml")
    assert not faults
    said = [
        fault.message for fault in validate_document(documents[0], shipped.read_schema("manifest"))
    ]
    assert [text.startswith(editors_say) for text in said] == ([True] if editors_say else [])
    assert any("legal" in fault.message for fault in validate_document(documents[0], SCHEMA))


@pytest.mark.parametrize(
    ("function", "count"), [("image_reference", 0), ("'${{ matrix.f }}'", 0), ("magic", 1)]
)
def test_editors_see_holes_in_functions(function: str, count: int) -> None:
    """The function of VACE may come of the matrix; then its fields are checked when that
    is known.
    """
    edit = {
        **WRITTEN,
        "model": "wan2.1-vace-plus",
        "input": VACE.format(function),
        "parameters": "{}",
    }
    documents, _ = parse_documents(EDIT.format(**edit).encode(), "a.yaml")
    assert len(validate_document(documents[0], shipped.read_schema("manifest"))) == count


@pytest.mark.parametrize(
    ("schema", "text", "said"),
    [
        ({"enum": ["a"]}, "b", 'v is "b"; legal are a.'),
        ({"enum": [1, 2]}, "3", "v is 3; legal are 1, 2."),
        ({"const": "Edit"}, "Project", 'v is "Project"; legal is Edit.'),
        ({"type": ["string", "null"]}, "1", "v is 1; it must be text or nothing."),
        ({"type": "string", "enum": ["a"]}, "1", "v is 1; legal are a."),
        ({"minimum": 1}, "0", "v is 0; legal is at least 1."),
        ({"maximum": 1}, "2", "v is 2; legal is at most 1."),
        ({"exclusiveMinimum": 0, "maximum": 5}, "0", "v is 0; legal is 0 to 5."),
        ({"maxLength": 2}, "abc", "v has 3 characters; at most 2 are legal."),
        ({"minLength": 1}, "''", "v is empty; it must not be."),
        ({"minItems": 2}, "[1]", "v has 1 entry; at least 2 are legal."),
        ({"uniqueItems": True}, "[1, 1]", "v names the same entry twice."),
        (
            {"not": {"required": ["a"]}, "x-legal": "a is not for this"},
            "{a: 1}",
            "v: a is not for this.",
        ),
        ({"pattern": "^x$", "x-legal": "x alone"}, "y", 'v is "y"; legal is x alone.'),
        ({"multipleOf": 2}, "3", "v breaks the rule multipleOf: 2."),
        ({"oneOf": A_OR_B}, "{a: 1, b: 2}", "v has both a and b; exactly one of a, b is legal."),
        ({"anyOf": A_OR_B}, "{}", "v needs one of a, b."),
        ({"type": "string"}, f"[{'x' * 100}]", "v is a list; it must be text."),
        ({"const": "a"}, "x" * 100, f'v is "{"x" * 57}…"; legal is a.'),
        ({"const": "a"}, '"\\e[31m\\u202e"', 'v is "\ufffd[31m\ufffd"; legal is a.'),
    ],
)
def test_words(schema: dict[str, Any], text: str, said: str) -> None:
    """Each kind of fault says what was given and what is legal; long or hidden text is not echoed
    as it is.
    """
    documents, faults = parse_documents(f"v: {text}\n".encode(), "a.yaml")
    assert not faults
    assert [
        str(each) for each in validate_document(documents[0], {"properties": {"v": schema}})
    ] == [f"a.yaml:1:4: error: {said}"]


@pytest.mark.parametrize(
    ("given_", "meant"), [("1080p", "1080P"), ("720 P", "720P"), ("originl", None), ("zebra", None)]
)
def test_did_you_mean(given_: str, meant: str | None) -> None:
    """A near miss is named; what is near nothing is not."""
    documents, _ = parse_documents(f"v: {given_}\n".encode(), "a.yaml")
    message = validate_document(documents[0], {"properties": {"v": {"enum": ["720P", "1080P"]}}})[
        0
    ].message
    assert message.endswith(f"Did you mean {meant}?") if meant else "Did you mean" not in message


def test_a_number_in_the_place_of_a_word() -> None:
    """Where a field has a closed list, a value of another type is told the list."""
    documents, _ = parse_documents(b"v: 720\n", "a.yaml")
    fault = validate_document(
        documents[0], {"properties": {"v": {"type": "string", "enum": ["720P", "1080P"]}}}
    )
    assert [str(each) for each in fault] == [
        "a.yaml:1:4: error: v is 720; legal are 720P, 1080P. Did you mean 720P?"
    ]


def test_part_of_a_document() -> None:
    """A schema for a part still gives places in the whole file."""
    documents, _ = parse_documents(b"a:\n  b:\n    c: 1\n", "a.yaml")
    faults = validate_document(documents[0], {"properties": {"c": {"type": "string"}}}, at="/a/b")
    assert [str(each) for each in faults] == ["a.yaml:3:8: error: a.b.c is 1; it must be text."]
