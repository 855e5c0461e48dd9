"""schemas/http-api.yaml and the server: every route and field is described, and all that is
described is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from tests.docs.pages import ROOT, text
from tests.web.conftest import ask_for
from tests.web.controller import ControllerPage
from tests.web.stage import Page, serve
from tests.web.test_feed import Listener
from tests.workspace import manifest

DESCRIPTION: dict[str, Any] = yaml.safe_load((ROOT / "schemas/http-api.yaml").read_text())
SCHEMAS: dict[str, Any] = DESCRIPTION["components"]["schemas"]


def resolve(schema: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A schema, and its name where it has one."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return (name, SCHEMAS[name]) if name else ("", schema)


def list_fields(schema: dict[str, Any], owner: str = "") -> Iterator[str]:
    """Every field that a schema describes, by the schema that has it: `Card.name`."""
    name, body = resolve(schema)
    owner = name or owner
    for field, part in body.get("properties", {}).items():
        yield f"{owner}.{field}"
        yield from list_fields(part, f"{owner}.{field}")
    for part in (*body.get("anyOf", ()), body.get("items"), body.get("additionalProperties")):
        if isinstance(part, dict):
            yield from list_fields(part, owner)


def find_fields(schema: dict[str, Any], value: Any, owner: str = "") -> Iterator[str]:
    """Those of them that an answer gives."""
    name, body = resolve(schema)
    owner = name or owner
    for part in body.get("anyOf", ()):
        if value is not None:
            yield from find_fields(part, value, owner)
    if isinstance(value, list) and isinstance(body.get("items"), dict):
        for one in value:
            yield from find_fields(body["items"], one, owner)
    if isinstance(value, dict):
        for field, given in value.items():
            if field in body.get("properties", {}):
                yield f"{owner}.{field}"
                yield from find_fields(body["properties"][field], given, f"{owner}.{field}")
            elif isinstance(body.get("additionalProperties"), dict):
                yield from find_fields(body["additionalProperties"], given, owner)


OF_CONTROLLERS = ("Sync.", "Syncs.", "PassRecord.")  # tests/web/test_syncs.py asks for these


class Described:
    """Asks, and holds each answer against its description."""

    def __init__(self, page: Page | ControllerPage) -> None:
        self._page = page
        self.at = ""  # where the paths begin
        self.given: set[str] = set()

    async def ask(self, method: str, path: str, at: str, status: int, data: Any = None) -> Any:
        """The JSON at `path`, which is described under `at`."""
        address = f"{self._page.origin}{self.at}/api/v1{path}"
        async with self._page.session.request(method, address, json=data) as answer:
            assert answer.status == status, await answer.text()
            told = await answer.json()
        responses = DESCRIPTION["paths"][f"/api/v1{at}"][method.lower()]["responses"]
        named = responses.get(str(status), responses["default"])["$ref"].rpartition("/")[2]
        content = DESCRIPTION["components"]["responses"][named]["content"]
        schema = content["application/json"]["schema"]
        whole = {**schema, "components": DESCRIPTION["components"]}
        Draft202012Validator(whole).validate(told)
        self.given |= set(find_fields(schema, told))
        return told


async def test_every_answer_is_described_and_everything_described_is_given(project: Path) -> None:
    """A field that is added, renamed or dropped has to be so in both places."""
    (project / "specs" / "snow.yaml").write_text(manifest("snow", ask_for("Let it snow")))
    async with serve(project) as page, Listener(page) as listener:
        described = Described(page)
        ask = described.ask
        for path in ("/project", "/board", "/status", "/cost", "/log"):
            await ask("GET", path, path, 200)
        for name in ("rain", "night", "snow"):
            await ask("GET", f"/edits/{name}", "/edits/{name}", 200)
        await ask("GET", "/edits/none", "/edits/{name}", 404)
        edit = await ask("GET", "/edits/rain", "/edits/{name}", 200)
        await ask("POST", "/edits/rain/pick", "/edits/{name}/pick", 400, {})
        pick = {"number": 1, "digest": edit["digest"], "lock": edit["lock"]}
        await ask("POST", "/edits/rain/pick", "/edits/{name}/pick", 200, pick)
        plan = await ask("POST", "/plans", "/plans", 201, {})
        schema = json.loads((ROOT / "schemas/plan.schema.json").read_bytes())
        Draft202012Validator(schema).validate(plan["plan"])
        await ask("GET", f"/plans/{plan['id']}", "/plans/{id}", 200)
        at = "/plans/{id}/apply"
        run = (await ask("POST", f"/plans/{plan['id']}/apply", at, 202, {"max_cost": None}))["run"]
        await ask("GET", f"/runs/{run}", "/runs/{run}", 200)
        while (await listener.hear("run")).get("state") in (None, "running"):
            pass
        await ask("GET", f"/runs/{run}", "/runs/{run}", 200)
        await ask("POST", f"/runs/{run}/stop", "/runs/{run}/stop", 202, {})
        await ask("POST", f"/plans/{plan['id']}/apply", at, 409, {})
        rain = project / "specs" / "rain.yaml"
        rain.write_text(rain.read_text().replace('"prompt"', '"promt"'))
        await page.watched.look()
        await ask("GET", "/board", "/board", 200)
        await ask("POST", "/plans", "/plans", 409, {})
        wanted = {
            field
            for answer in DESCRIPTION["components"]["responses"].values()
            for field in list_fields(answer["content"]["application/json"]["schema"])
        }
        only_there = {f"Follower.{field}" for field in ("name", "action", "billable_s", "price")}
        at_controllers = {name for name in wanted if name.startswith(OF_CONTROLLERS)}
        assert (
            wanted - described.given == only_there | at_controllers
        )  # of a pick that others build on


async def test_every_route_is_described(rendered: Path) -> None:
    """And none is described that there is not; the prose has them all."""
    async with serve(rendered) as page:
        served = page.server.list_routes()
    described = {
        (method.upper(), path)
        for path, operations in DESCRIPTION["paths"].items()
        for method in operations
        if method in ("get", "post")
    }
    assert described - served == {  # of a controller's page alone
        ("GET", "/api/v1/syncs"),
        ("POST", "/api/v1/syncs/{name}/{order}"),
    }
    assert served <= described
    prose = text("docs/http-api.md")
    for _, path in described:
        short = path.removeprefix("/api/v1").replace("{still}", "poster.webp")
        words = re.sub(r"{(\w+)}", lambda found: found[1].upper(), short)
        assert words in prose, path
