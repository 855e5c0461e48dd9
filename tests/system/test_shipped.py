"""What was found valid is checked again where anything has changed by which it was judged."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import reconciler
from reconciler.system import shipped

PACKAGE = Path(reconciler.__file__).parent
# they say how a fault is shown, where files lie, and what is remembered: none decides about a text
NO_JUDGES = ("errors", "system", "config.settings", "service.routes")


def list_imports(module: str) -> Iterator[str]:
    """The modules of the package that a module imports, without the package's own name."""
    path = find_file(module)
    assert path is not None
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reconciler."):
            assert node.module is not None
            name = node.module.removeprefix("reconciler.")
            yield name
            yield from (f"{name}.{each.name}" for each in node.names)


def find_file(module: str) -> Path | None:
    """The file of a module; None where there is no such module."""
    path = PACKAGE / module.replace(".", "/")
    several = (path / "__init__.py", path.with_suffix(".py"))
    return next((each for each in several if each.is_file()), None)


def test_all_that_judges_is_in_the_fingerprint() -> None:
    """Whatever a manifest or a project file is read by, also through others."""
    known = set(shipped.list_judges())
    waiting, seen = ["desired.manifest", "desired.policy", "config.project_file"], set[str]()
    while waiting:
        module = waiting.pop()
        path = find_file(module)
        if path is None or module in seen or module.startswith(NO_JUDGES):
            continue
        seen.add(module)
        assert path in known or not path.read_text().strip().rpartition('"""')[2], module
        waiting += list_imports(module)
    assert {"formats.document", "desired.layers", "service.endpoints"} <= seen
