"""What can be asked of the server: its OpenAPI file, an index, and help for wrong paths."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from mockserver.catalogue import Doc, find_schemas_folder, read_data_file

API = "/api/v1"
CONTROLS = "/_mock/"
# Like the controls these are no part of the service, so no fault meets them.
PAGES = ("/", "/_mock", "/openapi.json")
FILE = "dashscope.openapi.yaml"
LEAST_LIKENESS = 0.6  # below it the nearest path is no help
_METHODS = ("get", "post", "put", "delete")
_read = functools.cache(read_data_file)
_HOLE = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked: a method, a path from the server's root, and what it is for."""

    method: str
    path: str
    summary: str
    tag: str


@functools.cache
def list_operations() -> tuple[Operation, ...]:
    """Everything that the OpenAPI file describes, in its order."""
    return tuple(_read_operations())


def _read_operations() -> Iterator[Operation]:
    for path, item in _read(find_schemas_folder() / FILE)["paths"].items():
        root = "" if "servers" in item else API
        for method in _METHODS:
            if method in item:
                yield Operation(
                    method=method.upper(),
                    path=f"{root}{path}",
                    summary=item[method]["summary"],
                    tag=item[method]["tags"][0],
                )


def build_openapi(root_url: str) -> Doc:
    """The OpenAPI file as one JSON document that names this server; `root_url` is without a path.

    What it refers to in other files is put in its place, since those files are not served.
    """
    document = json.loads(_read_whole_file())
    document["servers"] = [{"url": f"{root_url}{API}"}]
    for item in document["paths"].values():
        if "servers" in item:
            item["servers"] = [{"url": root_url}]
    return dict(document)


@functools.cache
def _read_whole_file() -> str:
    folder = find_schemas_folder()
    return json.dumps(_resolve_files(_read(folder / FILE), folder), ensure_ascii=False)


def _resolve_files(value: Any, folder: Path) -> Any:
    """A value with every reference to another file replaced by what it refers to."""
    if isinstance(value, list):
        return [_resolve_files(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    file, _, pointer = str(value.get("$ref", "")).partition("#")
    if file:
        target: Any = _read(folder / file)
        for part in pointer.strip("/").split("/"):
            target = target[int(part)] if isinstance(target, list) else target[part]
        return _resolve_files(target, folder)
    return {name: _resolve_files(item, folder) for name, item in value.items()}


# ---- the index


def build_index(root_url: str, models: list[Doc]) -> Doc:
    """What there is, for programs; `models` have a name, regions, and a file if it is one's own."""
    return {
        "api": f"{root_url}{API}",
        "openapi": f"{root_url}/openapi.json",
        "operations": [
            {
                "method": operation.method,
                "path": operation.path,
                "summary": operation.summary,
                "tag": operation.tag,
            }
            for operation in list_operations()
        ],
        "models": models,
    }


_TITLES = {
    "tasks": "The service: tasks",
    "files": "The service: files",
    "controls": "Controls: what the server knows",
    "orders": "Orders: what it is to do",
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td { padding: .25rem .75rem .25rem 0; vertical-align: top; border-top: 1px solid #8884 }
code { font: 14px ui-monospace, monospace; overflow-wrap: anywhere }
:root { color-scheme: light dark }
"""


def build_page(root_url: str, models: list[Doc]) -> str:
    """What there is, for people: one page of HTML without a script."""
    tables = "".join(_build_table(tag, title) for tag, title in _TITLES.items())
    api = escape(f"{root_url}{API}")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>cutlist mock server</title><style>{_STYLE}</style>"
        "<h1>cutlist mock server</h1>"
        f"<p>The DashScope video-editing task API is at <code>{api}</code>; its description is"
        ' <a href="/openapi.json">openapi.json</a>. What lies below <code>/_mock/</code> is no part'
        " of the service.</p>"
        f"{tables}<h2>Models</h2><table>{''.join(map(_build_model_row, models))}</table></html>\n"
    )


def _build_model_row(model: Doc) -> str:
    where = f"your own: {model['file']}" if model["file"] else ", ".join(model["regions"])
    return f"<tr><td><code>{escape(model['name'])}</code><td>{escape(where)}"


def _build_table(tag: str, title: str) -> str:
    rows = "".join(
        f"<tr><td><code>{operation.method}</code><td>{_build_link(operation)}"
        f"<td>{escape(operation.summary)}"
        for operation in list_operations()
        if operation.tag == tag
    )
    return f"<h2>{title}</h2><table>{rows}</table>"


def _build_link(operation: Operation) -> str:
    code = f"<code>{escape(operation.path)}</code>"
    is_page = operation.method == "GET" and "{" not in operation.path
    if is_page and not operation.path.startswith(API):
        return f'<a href="{escape(operation.path)}">{code}</a>'
    return code


# ---- help for wrong paths


def describe_miss(method: str, path: str) -> str:
    """Words for a request that nothing answers: what there is at this path, or nearest to it."""
    methods = [
        operation.method for operation in list_operations() if _matches(operation.path, path)
    ]
    if methods:
        legal = ", ".join(methods)
        return f"{path} takes {legal}, not {method}."
    if any(_matches(operation.path, f"{API}{path}") for operation in list_operations()):
        return f"There is nothing at {path}: the base URL ends in {API}. Ask {API}{path}."
    nearest = max(list_operations(), key=lambda operation: _measure_likeness(operation.path, path))
    hint = f"The API is at {API}."
    if _measure_likeness(nearest.path, path) > LEAST_LIKENESS:
        hint = f"The nearest is {nearest.method} {nearest.path}."
    return f"There is nothing at {path}. {hint} {CONTROLS} lists all there is."


def _measure_likeness(template: str, path: str) -> float:
    """How alike a path is to a template with holes, from 0 to 1.

    What stands in a hole does not count.
    """
    parts, names = template.split("/"), path.rstrip("/").split("/")
    if len(parts) == len(names):
        parts = [
            name if _HOLE.fullmatch(part) else part for part, name in zip(parts, names, strict=True)
        ]
    return difflib.SequenceMatcher(None, "/".join(parts), "/".join(names)).ratio()


def _matches(template: str, path: str) -> bool:
    parts = (re.escape(part) for part in _HOLE.split(template))
    hole = ".+" if template.endswith("{key}") else "[^/]+"
    return re.fullmatch(f"{hole.join(parts)}/?", path) is not None
