"""The code of the page is as easy to read as the rest: short lines, functions of one screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from reconciler.web.files import STATIC

MOST_COLUMNS = 100
MOST_FUNCTION_LINES = 60
MOST_FILE_LINES = 400
SUFFIXES = (".js", ".css", ".html")
# A function of a module, or a method of a class, ends at the depth at which it begins.
FUNCTION = re.compile(r"(?P<depth>)(?:export )?(?:async )?function \w+\(.*\) \{")
METHOD = re.compile(r"(?P<depth>  )(?:async |get )?\w+\([^()]*\) \{")


def list_files() -> Iterator[Path]:
    """What is written by us."""
    for path in sorted(STATIC.rglob("*")):
        if path.suffix in SUFFIXES and path.parent.name != "vendor":
            yield path


def find_functions(lines: list[str]) -> Iterator[tuple[str, int]]:
    """The first line of each function, and how many lines it has."""
    for number, line in enumerate(lines):
        if begin := FUNCTION.fullmatch(line) or METHOD.fullmatch(line):
            end = lines.index(f"{begin['depth']}}}", number)
            yield line.strip(), end - number + 1


def test_lines_fit_beside_each_other() -> None:
    """Two files stand beside each other on a screen."""
    long = [
        f"{path.relative_to(STATIC)}:{number}"
        for path in list_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > MOST_COLUMNS
    ]
    assert long == []


def test_files_and_functions_fit_a_screen() -> None:
    """A function is seen whole."""
    long = []
    for path in list_files():
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > MOST_FILE_LINES:
            long.append(path.name)
        if path.suffix == ".js":
            found = find_functions(lines)
            long += [name for name, length in found if length > MOST_FUNCTION_LINES]
    assert long == []


def test_every_function_is_found() -> None:
    """What the rule looks for is how functions are written."""
    source = """\
export function One() {
  return 1;
}

class Two extends Error {
  constructor({ code }, status = 0) {
    if (code) {
      this.code = code;
    }
  }

  get three() {
    return 3;
  }
}

async function four() {
}
"""
    assert list(find_functions(source.splitlines())) == [
        ("export function One() {", 3),
        ("constructor({ code }, status = 0) {", 5),
        ("get three() {", 3),
        ("async function four() {", 2),
    ]
