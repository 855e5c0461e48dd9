"""Names of models and of vendors' fields stand in schemas/ and not in code."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.system import shipped
from tests.docs.pages import ROOT

# Modules that may name some of it, and why.
ALLOWED: Mapping[str, str] = {
    "mockserver/media/plan.py": "which medium a film is made of, the first that is there",
    "mockserver/media/scenes.py": "how a film of each function looks, which no data says",
    "mockserver/tasks/outcome.py": "how the server reckons figures, and which fields a film shows",
    "mockserver/tasks/answers.py": "a field of every answer with a result, of any model",
    "reconciler/service/answers.py": "a field of every answer with a result, of any model",
    "reconciler/cli/scaffold.py": "the first manifest of a new project",
    "reconciler/desired/matrix.py": "an example for editors",
    "reconciler/plan/reasons.py": "texts whose changes are shown word by word",
}


def _list_names(model: Mapping[str, Any]) -> Iterator[str]:
    yield from model["media"]
    for variant in model["variants"]:
        yield variant["function"] or ""
        yield from variant["output"]["usage"]
        for section in ("input", "parameters"):
            for name, field in variant[section]["properties"].items():
                yield name
                for part in (field, field.get("items", {})):
                    yield from map(str, part.get("enum", ()))
                    yield from part.get("properties", {})


def find_model_names() -> frozenset[str]:
    """Every name by which requests call a model."""
    return frozenset(name for model in shipped.read_model_documents() for name in model["names"])


def find_field_names() -> frozenset[str]:
    """Functions, fields and their values, as far as they are no plain words: `seed` and `video` are
    ours as well, and tell nothing.
    """
    names = {name for model in shipped.read_model_documents() for name in _list_names(model)}
    return frozenset(name for name in names if name and not (name.isalpha() and name.islower()))


def find_texts(tree: ast.Module) -> Iterator[str]:
    """The texts of a module but its docstrings."""
    described = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, described) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        said = node.value if isinstance(node, ast.Constant) else None
        if isinstance(said, str) and id(node) not in docstrings:
            yield said


def find_named(module: Path) -> set[str]:
    """What of the models' files stands in a module: a field by itself, a model in any text."""
    models, fields = find_model_names(), find_field_names()
    texts = set(find_texts(ast.parse(module.read_text(encoding="utf-8"))))
    return (texts & fields) | {name for name in models for text in texts if name in text}


def test_no_name_of_a_model_or_a_field_stands_in_code() -> None:
    """Besides a few places, each with its reason; one that names nothing any more is taken out."""
    modules = [
        path for package in ("reconciler", "mockserver") for path in (ROOT / package).rglob("*.py")
    ]
    named = {path.relative_to(ROOT).as_posix(): find_named(path) for path in modules}
    wrong = {module: names for module, names in named.items() if names and module not in ALLOWED}
    assert wrong == {}, "it belongs into schemas/models"
    assert [module for module in ALLOWED if not named.get(module)] == []


def test_what_is_looked_for_is_found(tmp_path: Path) -> None:
    """A name in a docstring is none in code; in a message, a key or a comparison it is."""
    module = tmp_path / "module.py"
    module.write_text('"""Of wan2.7-videoedit."""\n\ndef f(of):\n    """ref_images_url"""\n')
    assert find_named(module) == set()
    module.write_text('def f(of):\n    return of["ref_images_url"], f"is {of} wan2.7-videoedit?"\n')
    assert find_named(module) == {"ref_images_url", "wan2.7-videoedit"}
