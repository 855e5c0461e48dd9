"""One word for each thing: the glossary names real owners, and no class name means two things."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT, text, without_fences

_ROW = re.compile(r"^\| (?P<term>[^|]+) \| (?P<meaning>[^|]+) \| `(?P<owner>[^`|]+)` \|$", re.M)
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def list_terms() -> list[tuple[str, str]]:
    """Return each term of the glossary with the path of the module that owns it."""
    rows = _ROW.finditer(without_fences(text("docs/glossary.md")))
    return [(row["term"], row["owner"]) for row in rows]


def find_owner(owner: str) -> Path:
    """Return where a module lies: below `reconciler/`, or where `mockserver/` says."""
    return ROOT / (owner if owner.startswith("mockserver/") else f"reconciler/{owner}")


def read_words(module: Path) -> str:
    """Return what a module says: its path, the names and fields it defines, and its docstrings."""
    words = [*module.relative_to(ROOT).with_suffix("").parts]
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            words += [_CAPITAL.sub(" ", node.name), ast.get_docstring(node) or ""]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            words.append(node.target.id)
        elif isinstance(node, ast.Module):
            words.append(ast.get_docstring(node) or "")
    return " ".join(" ".join(words).replace("_", " ").lower().split())


def find_classes() -> Iterator[tuple[str, str]]:
    """Yield the name and the module of each public class of `reconciler`."""
    for module in sorted((ROOT / "reconciler").rglob("*.py")):
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, module.relative_to(ROOT).as_posix()


def test_every_row_of_the_glossary_is_read() -> None:
    """A row that this test cannot read would be a term without an owner."""
    lines = [line for line in text("docs/glossary.md").splitlines() if line.startswith("| ")]
    headings = [line for line in lines if line == "| term | meaning | owner |"]
    assert len(list_terms()) == len(lines) - len(headings) > 0


def test_no_term_stands_twice() -> None:
    """Two meanings want two words."""
    counts = Counter(term for term, _ in list_terms())
    assert [term for term, count in counts.items() if count > 1] == []


def test_every_term_has_an_owner_that_knows_it() -> None:
    """The module exists, and defines the term or speaks of it in a docstring."""
    assert [owner for _, owner in list_terms() if not find_owner(owner).is_file()] == []
    missing = []
    for term, owner in list_terms():
        words = read_words(find_owner(owner))
        if term not in words and term.replace(" ", "") not in words:
            missing.append(f"{owner} does not say {term!r}")
    assert missing == []


def test_no_class_name_is_defined_twice() -> None:
    """A reader who meets a name knows which thing it is, without looking at the imports."""
    modules = defaultdict(list)
    for name, module in find_classes():
        modules[name].append(module)
    assert {name: places for name, places in modules.items() if len(places) > 1} == {}
