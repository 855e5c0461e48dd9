"""Figures of the code itself: layout, functions, names, types, line lengths and commit subjects.

`python benchmarks/figures.py` measures the work tree, `--at REVISION` a commit, and
`--before REVISION` prints the figures of an earlier commit beside them.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import functools
import io
import json
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("reconciler", "mockserver")
# What a paid request and its answer pass through, in this layout and in the one before.
MONEY_PATH = (
    "reconciler/apply/",
    "reconciler/connection.py",
    "reconciler/engine/",
    "reconciler/project.py",
    "reconciler/project/",
    "reconciler/service/answers.py",
    "reconciler/service/client.py",
    "reconciler/service/links.py",
    "reconciler/service/network.py",
    "reconciler/service/pages.py",
    "reconciler/service/retry.py",
)
MAX_COMPLEXITY = 12
MAX_LINE = 100
MAX_SUBJECT = 72
RUN = 6  # this many equal lines in a row count as a duplicate

# Words that stand where a noun could say what the value is.
VAGUE_NAMES = frozenset({"each", "made", "seen", "found", "asked", "it"})

# Last words that make a noun phrase of a first word that could be either: `plan_text`, `form_of`.
NOUN_ENDINGS = frozenset({"block", "blocks", "document", "line", "lines", "markdown", "of", "text"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One parsed source file of the tree that is measured."""

    path: str  # relative to the tree, with slashes
    text: str
    syntax: ast.Module

    @property
    def functions(self) -> list[Function]:
        return [
            node
            for node in ast.walk(self.syntax)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--at", metavar="REVISION", help="measure this commit, not the work tree")
    parser.add_argument("--before", metavar="REVISION", help="print an earlier commit beside it")
    parser.add_argument(
        "--names", action="store_true", help="list what names and types are counted"
    )
    arguments = parser.parse_args()
    columns = {arguments.at or "work tree": measure_revision(arguments.at, arguments.names)}
    if arguments.before:
        columns = {arguments.before: measure_revision(arguments.before, False)} | columns
    print_table(columns)


def measure_revision(revision: str | None, list_names: bool) -> dict[str, str]:
    """Measure a commit in a folder of its own; `None` is the work tree."""
    if revision is None:
        return measure_tree(ROOT, "HEAD", list_names)
    archive = run_git("archive", "--format=tar", revision)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
        return measure_tree(Path(folder), revision, list_names)


def run_git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def measure_tree(tree: Path, revision: str, list_names: bool) -> dict[str, str]:
    """Measure the two packages under `tree`, and the commits that lead to `revision`."""
    modules = [
        read_module(tree, path)
        for package in PACKAGES
        for path in sorted((tree / package).rglob("*.py"))
    ]
    figures = measure_layout(tree, modules)
    figures |= measure_functions(tree, modules)
    figures |= measure_types(modules, list_names)
    figures |= measure_names(modules, list_names)
    figures |= measure_lines(tree, modules)
    figures |= measure_subjects(revision)
    return figures


def read_module(tree: Path, path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path.relative_to(tree).as_posix(), text, ast.parse(text))


def measure_layout(tree: Path, modules: list[Module]) -> dict[str, str]:
    figures = {
        "modules": str(len(modules)),
        "lines": f"{sum(count_lines(module) for module in modules):,}",
        "files in the top folder of reconciler": str(len(list((tree / "reconciler").glob("*.py")))),
        "longest module, lines": str(max(count_lines(module) for module in modules)),
    }
    contracts = configparser.ConfigParser()
    contracts.read(tree / ".importlinter", encoding="utf-8")
    rows = [
        len(contracts[section]["layers"].split("\n")) - 1
        for section in contracts.sections()
        if contracts[section].get("type") == "layers"
    ]
    figures["rows of the layers contracts"] = " + ".join(map(str, rows))
    return figures


def count_lines(module: Module) -> int:
    return len(module.text.splitlines())


def measure_functions(tree: Path, modules: list[Module]) -> dict[str, str]:
    lengths = sorted(
        (function.end_lineno or function.lineno) - function.lineno + 1
        for module in modules
        for function in module.functions
    )
    choices = sum(
        isinstance(node, ast.IfExp) for module in modules for node in ast.walk(module.syntax)
    )
    complexities = list_complexities(tree)
    return {
        "functions": str(len(lengths)),
        "function lines: median": f"{statistics.median(lengths):g}",
        "function lines: 95th percentile": str(lengths[len(lengths) * 95 // 100]),
        "function lines: longest": str(lengths[-1]),
        f"functions of complexity above {MAX_COMPLEXITY}": str(
            sum(complexity > MAX_COMPLEXITY for complexity in complexities)
        ),
        "highest complexity": str(max(complexities)),
        "conditional expressions per function": f"{choices / len(lengths):.2f}",
    }


def list_complexities(tree: Path) -> list[int]:
    """Return the cyclomatic complexity of every function, as ruff counts it."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--exit-zero"]
    command += ["--select=C901", "--config=lint.mccabe.max-complexity=0", "--ignore-noqa"]
    command += ["--output-format=json", *PACKAGES]
    answer = subprocess.run(command, cwd=tree, check=True, capture_output=True).stdout
    messages = [str(problem["message"]) for problem in json.loads(answer)]
    return [int(number) for text in messages for number in re.findall(r"\((\d+) > 0\)", text)]


def measure_types(modules: list[Module], list_names: bool) -> dict[str, str]:
    functions = [(module.path, function) for module in modules for function in module.functions]
    loose = [(path, function.name) for path, function in functions if has_any(function)]
    on_money_path = [pair for pair in loose if pair[0].startswith(MONEY_PATH)]
    if list_names:
        print("\n".join(f"{path}: {name} (Any)" for path, name in on_money_path))
    return {
        "signatures with Any": f"{len(loose)} ({len(loose) / len(functions):.1%})",
        "signatures with Any on the money path": str(len(on_money_path)),
    }


def has_any(function: Function) -> bool:
    """Tell whether a parameter or the answer of a function is annotated with `Any`."""
    rules = function.args
    parameters = [*rules.posonlyargs, *rules.args, *rules.kwonlyargs, rules.vararg, rules.kwarg]
    annotations = [parameter.annotation for parameter in parameters if parameter]
    return any(
        (isinstance(node, ast.Name) and node.id == "Any")
        or (isinstance(node, ast.Attribute) and node.attr == "Any")
        for annotation in [*annotations, function.returns]
        if annotation
        for node in ast.walk(annotation)
    )


def measure_names(modules: list[Module], list_names: bool) -> dict[str, str]:
    vague = sum(
        (isinstance(node, ast.Name) and node.id in VAGUE_NAMES)
        or (isinstance(node, ast.arg) and node.arg in VAGUE_NAMES)
        for module in modules
        for node in ast.walk(module.syntax)
    )
    lines = sum(count_lines(module) for module in modules)
    public = [pair for module in modules for pair in find_public_functions(module)]
    nouns = [(path, name) for path, name in public if not is_verb_phrase(name)]
    if list_names:
        print("\n".join(f"{path}: {name}" for path, name in nouns))
    return {
        "`each` and its like per 1,000 lines": f"{vague / lines * 1000:.1f}",
        "public functions named by a noun or participle": f"{len(nouns)} of {len(public)}",
    }


def find_public_functions(module: Module) -> Iterator[tuple[str, str]]:
    """Yield path and name of each public function and method.

    Left out are properties, and commands and fixtures, whose names are what a user types.
    """
    for scope in ast.walk(module.syntax):
        if not isinstance(scope, ast.Module | ast.ClassDef):
            continue
        for node in scope.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if node.name.startswith("_") or any("property" in text for text in decorators):
                continue
            if not any(re.search(r"fixture|command|override", text) for text in decorators):
                yield module.path, node.name


@functools.cache
def read_verbs() -> dict[str, frozenset[str]]:
    """Read the word lists of `verbs.ini` by the names of their sections."""
    lists = configparser.ConfigParser()
    lists.read(Path(__file__).with_name("verbs.ini"), encoding="utf-8")
    return {section: frozenset(lists[section]["words"].split()) for section in lists.sections()}


def is_verb_phrase(name: str) -> bool:
    """Tell whether the name of a function begins with a verb, as far as a list of words can."""
    verbs = read_verbs()
    first, *others = name.strip("_").lower().split("_")
    if first in verbs["verbs"]:
        return True
    if others:
        return first in verbs["before a noun"] and others[-1] not in NOUN_ENDINGS
    return first in verbs["commands"]


def measure_lines(tree: Path, modules: list[Module]) -> dict[str, str]:
    tests = [read_module(tree, path) for path in sorted((tree / "tests").rglob("*.py"))]
    runs = count_duplicates(modules)
    return {
        f"lines over {MAX_LINE} characters": count_long(modules),
        f"lines over {MAX_LINE} characters, tests": count_long(tests),
        f"duplicated runs of {RUN} lines": str(runs),
    }


def count_long(modules: list[Module]) -> str:
    lines = [line for module in modules for line in module.text.splitlines()]
    long = sum(len(line) > MAX_LINE for line in lines)
    return f"{long} ({long / max(1, len(lines)):.1%})"


def count_duplicates(modules: list[Module]) -> int:
    """Count runs of equal lines that stand again elsewhere; imports and blank lines are left out.

    A run longer than `RUN` lines counts once.
    """
    known: set[tuple[str, ...]] = set()
    runs = 0
    for module in modules:
        lines = list_code_lines(module)
        inside = False
        for start in range(len(lines) - RUN + 1):
            window = tuple(lines[start : start + RUN])
            again = window in known
            runs += again and not inside
            inside = again
            known.add(window)
    return runs


def list_code_lines(module: Module) -> list[str]:
    imports: set[int] = set()
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(module.text.splitlines(), start=1)
    return [line.strip() for number, line in lines if number not in imports and line.strip()]


def measure_subjects(revision: str) -> dict[str, str]:
    """Measure the subjects of all commits up to `revision`; a tree without history has none."""
    try:
        log = run_git("log", "--no-merges", "--format=%s", revision)
    except (OSError, subprocess.CalledProcessError):
        return {"commit subject, median": "no history here"}
    lengths = [len(subject) for subject in log.decode("utf-8").splitlines()]
    long = sum(length > MAX_SUBJECT for length in lengths)
    return {
        "commits": str(len(lengths)),
        "commit subject, median": f"{statistics.median(lengths):g}",
        f"commit subjects over {MAX_SUBJECT} characters": f"{long} ({long / len(lengths):.0%})",
    }


def print_table(columns: dict[str, dict[str, str]]) -> None:
    rows = list(dict.fromkeys(name for column in columns.values() for name in column))
    width = max(map(len, rows))
    print(" " * width, *(f"{heading:>16}" for heading in columns), sep="  ")
    for row in rows:
        values = (f"{column.get(row, '-'):>16}" for column in columns.values())
        print(f"{row:<{width}}", *values, sep="  ")


if __name__ == "__main__":
    main()
