"""The page of the mock server is whole: every control, every field of an order, and an order file
that can be used.
"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from mockserver import MockServer
from mockserver.orders.faults import KINDS, ROUTES
from mockserver.orders.scenario_file import read_settings
from mockserver.orders.scenarios import ENDS, When
from mockserver.orders.verify import EXACT
from tests.described import description
from tests.docs.pages import fences, text, without_fences

PAGE = text("docs/mock-server.md")
WORDS = set(re.findall(r"`([^`]+)`", without_fences(PAGE)))


def properties(schema: str) -> set[str]:
    """The fields that a schema of the OpenAPI file has."""
    return set(description().document["components"]["schemas"][schema]["properties"])


def test_every_control_is_on_the_page() -> None:
    """By method and path, as the OpenAPI file has them; and none that is not there."""
    described = {
        f"{method} {path}"
        for path, method, _ in description().operations.values()
        if "/_mock/" in path
    }
    assert {word for word in WORDS if re.match("[A-Z]+ /_mock/", word)} == described


@pytest.mark.parametrize(
    "names",
    [
        properties("Scenario"),
        properties("Fault"),
        properties("WebhookOrder") - {"url"},
        properties("JournalQuery"),
        properties("CountQuestion") - {"request"},
        {field.name for field in fields(When)},
        set(ENDS),
        set(KINDS),
        set(ROUTES),
        set(EXACT),
    ],
)
def test_every_word_of_an_order_is_on_the_page(names: set[str]) -> None:
    """Fields of rules and of questions, kinds of trouble, ends of tasks."""
    assert {name for name in names if name not in WORDS} == set()


def test_the_words_of_the_openapi_file_are_the_servers() -> None:
    """Its enumerations of ends, kinds and routes are those that are read."""
    schemas = description().document["components"]["schemas"]
    assert schemas["Scenario"]["properties"]["then"]["enum"] == list(ENDS)
    assert schemas["Fault"]["properties"]["do"]["enum"] == list(KINDS)
    assert schemas["Fault"]["properties"]["route"]["enum"] == list(ROUTES)


def test_the_order_file_on_the_page_is_one(tmp_path: Path) -> None:
    """The server takes it, and what stands in it fits the OpenAPI file."""
    examples = (fence.body for fence in fences(PAGE) if fence.info == "yaml")
    (example,) = (body for body in examples if "scenarios:" in body)
    path = tmp_path / "orders.yaml"
    path.write_text(example, encoding="utf-8")
    options = read_settings(path)
    MockServer(**options)
    for name, schema in (
        ("scenarios", "Scenario"),
        ("faults", "Fault"),
        ("webhooks", "WebhookOrder"),
    ):
        assert options[name]
        for rule in options[name]:
            assert description().fits({"$ref": f"#/components/schemas/{schema}"}, rule), rule
