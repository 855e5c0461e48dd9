"""Writes `docs/modules.md`: one line a module, from the first sentence of its docstring.

`python -m tests.house.modules` (`make modules`) writes the page anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "modules.md"
PACKAGES = ("reconciler", "mockserver")
INTRODUCTION = """\
# Modules

Every module with the first sentence of its docstring. `make modules` writes this page; do not edit
it by hand. Where to begin reading is in [the architecture](architecture.md), what the words mean in
[the glossary](glossary.md).
"""
# A sentence ends at a full stop before a capital letter, so `e.g. this` and `v1.2` end none.
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")


def main() -> None:
    """Write the page, and say so when it changed."""
    text = write_page()
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        PAGE.write_text(text, encoding="utf-8")
        print("docs/modules.md is written anew")


def write_page() -> str:
    """Return the page as it must be now."""
    return "\n".join([INTRODUCTION, *(list_folder(folder) for folder in find_folders())])


def find_folders() -> Iterator[Path]:
    """Yield each folder that holds modules, a package before its subpackages."""
    for package in PACKAGES:
        modules = (ROOT / package).rglob("*.py")
        yield from sorted({module.parent for module in modules})


def list_folder(folder: Path) -> str:
    """Return one section of the page: a package, what it is for, and a table of its modules."""
    lines = [f"## {folder.relative_to(ROOT).as_posix()}/", ""]
    package = folder / "__init__.py"
    if package.is_file() and (summary := read_summary(package)):
        lines += [summary, ""]
    modules = sorted(path for path in folder.glob("*.py") if path != package)
    if modules:
        lines += ["| module | what it is |", "|---|---|"]
        lines += [f"| `{module.name}` | {read_summary(module)} |" for module in modules]
        lines += [""]
    return "\n".join(lines)


def read_summary(module: Path) -> str:
    """Return the first sentence of a module's docstring, in one line; empty without a docstring."""
    syntax = ast.parse(module.read_text(encoding="utf-8"))
    paragraph = (ast.get_docstring(syntax) or "").partition("\n\n")[0]
    sentence = _END_OF_SENTENCE.split(" ".join(paragraph.split()))[0]
    return sentence.replace("|", "\\|")


if __name__ == "__main__":
    main()
