"""schemas/dashscope.openapi.yaml as a judge of answers: does it describe this one, and as which of
its forms?
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import yaml
from aiohttp import web
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from mockserver import MockServer

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
FILE = "dashscope.openapi.yaml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Doc = dict[str, Any]


class Form(NamedTuple):
    """One described answer: its operation, its status, and which of several schemas it fits (or
    "").
    """

    operation: str
    status: str
    name: str = ""


class Undescribed(AssertionError):
    """An answer that the description does not have."""


class Description:
    """The OpenAPI file, its references resolved."""

    def __init__(self) -> None:
        files = [SCHEMAS / FILE, *sorted((SCHEMAS / "models").glob("*.yaml"))]
        docs = {
            path.relative_to(SCHEMAS).as_posix(): yaml.load(path.read_text("utf-8"), LOADER)
            for path in files
        }
        resources = [(name, DRAFT202012.create_resource(doc)) for name, doc in docs.items()]
        self.document: Doc = docs[FILE]
        self.registry: Registry[Any] = Registry().with_resources(resources)
        self._validators: dict[str, Draft202012Validator] = {}

    def resolved(self, node: Doc, base: str = FILE) -> tuple[Doc, str]:
        """A node without its `$ref`, whatever file that leads to, and the file."""
        while "$ref" in node:
            found = self.registry.resolver(base).lookup(node["$ref"])
            node, base = found.contents, node["$ref"].partition("#")[0] or base
        return node, base

    @functools.cached_property
    def operations(self) -> dict[str, tuple[str, str, Doc]]:
        """(path with the server's prefix, METHOD, operation) by operationId."""
        found = {}
        for path, item in self.document["paths"].items():
            prefix = "" if "servers" in item else "/api/v1"
            for method in ("get", "post", "put", "delete"):
                if method in item:
                    found[item[method]["operationId"]] = (
                        prefix + path,
                        method.upper(),
                        item[method],
                    )
        return found

    def operation(self, method: str, path: str) -> str | None:
        """The operationId that a request is for, or None. A slash at the end does not matter."""
        for name, (template, known, _) in self.operations.items():
            anything = ".+" if name == "download" else "[^/]+"
            pattern = anything.join(re.escape(part) for part in re.split(r"\{\w+\}", template))
            if known == method and re.fullmatch(pattern + "/?", path):
                return name
        return None

    def forms(self) -> set[Form]:
        """Every described answer."""
        every = set()
        for name, (_, _, operation) in self.operations.items():
            for status in operation["responses"]:
                every |= {Form(name, status, form) for form, _ in self._schemas(name, status)}
        return every

    def form(
        self,
        method: str,
        path: str,
        status: int | str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Form | None:
        """Which described answer this is; None for requests outside the description. `body` is
        None for a video.

        Raises Undescribed when the request is described, but not this answer to it. The status
        `default` asks whether it is an answer that only an order brings about.
        """
        name = self.operation(method, path)
        if name is None:
            return None
        where = f"{name} answered {status} with {(body or b'')[:600]!r}"
        response = self._response(name, str(status))
        if response is None:
            raise Undescribed(f"{where}: no such status")
        for header, node in response.get("headers", {}).items():
            wanted, _ = self.resolved(node)
            if header not in headers or not self.fits(wanted["schema"], headers[header]):
                raise Undescribed(f"{where}: header {header} is {headers.get(header)!r}")
        content_type = headers.get("Content-Type", "").partition(";")[0]
        content = response.get("content", {})
        if content and content_type not in content:
            raise Undescribed(f"{where}: content type {content_type!r}")
        if content and "schema" not in content[content_type]:
            return Form(name, str(status))
        document = _parsed(content_type, body) if content and body is not None else None
        for form, schema in self._schemas(name, str(status)):
            if schema is None or self.fits(schema, document):
                return Form(name, str(status), form)
        raise Undescribed(f"{where}: no form fits")

    def _response(self, name: str, status: str) -> Doc | None:
        node = self.operations[name][2]["responses"].get(status)
        return None if node is None else self.resolved(node)[0]

    def _schemas(self, name: str, status: str) -> Iterator[tuple[str, Doc | None]]:
        """The names and schemas of a response's forms; one without a name where there is
        no choice.
        """
        content = (self._response(name, status) or {}).get("content", {})
        media: Doc = next(iter(content.values()), {})
        if "schema" not in media:
            yield "", None
            return
        schema, _ = self.resolved(media["schema"])
        for choice in schema.get("anyOf", [media["schema"]]):
            yield (
                str(choice.get("$ref", "")).rpartition("/")[2] if "anyOf" in schema else "",
                choice,
            )

    def fits(self, schema: Doc, value: Any) -> bool:
        """Whether a value fits a schema of the file."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            absolute = json.loads(key.replace('"$ref": "#', f'"$ref": "{FILE}#'))
            self._validators[key] = Draft202012Validator(absolute, registry=self.registry)
        return self._validators[key].is_valid(value)


@functools.cache
def description() -> Description:
    """The description, read once."""
    return Description()


class Watch:
    """Looks at every answer of servers as it goes out: which forms were seen, and what is not
    described.

    A server with faults or scenarios gives what was ordered: of its answers only the described ones
    are noted, but for those of the controls, which are always as described.
    """

    def __init__(self) -> None:
        self.seen: set[Form] = set()
        self.undescribed: list[str] = []

    def over(self, server: MockServer) -> MockServer:
        """Watch a server that has not been started yet."""

        async def look(request: web.Request, response: web.StreamResponse) -> None:
            self._look(request, response, bool(server.faults) or bool(server.scenarios.show()))

        server.app.on_response_prepare.append(look)
        return server

    def _look(self, request: web.Request, response: web.StreamResponse, ordered: bool) -> None:
        body = response.body if isinstance(response, web.Response) else None
        whole = body if isinstance(body, bytes) else b"" if body is None else None
        ordered = ordered and not request.path.startswith("/_mock/")
        for status in (response.status, "default") if ordered else (response.status,):
            try:
                form = description().form(
                    request.method, request.path, status, response.headers, whole
                )
            except (Undescribed, ValueError, ElementTree.ParseError) as problem:
                if not ordered:
                    self.undescribed.append(str(problem))
            else:
                self.seen |= {form} if form else set()
                break


def _parsed(content_type: str, body: bytes) -> Any:
    if content_type == "application/x-tar":
        return None
    if content_type != "application/xml":
        return json.loads(body)
    root = ElementTree.fromstring(body)
    return {child.tag: child.text or "" for child in root} if root.tag == "Error" else None
