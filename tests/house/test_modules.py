"""The table of modules is what the docstrings say now."""

from __future__ import annotations

from tests.house.modules import PACKAGES, PAGE, ROOT, find_folders, read_summary, write_page


def test_table_of_modules_is_not_stale() -> None:
    """Whoever adds, moves or renames a module makes the page anew."""
    assert PAGE.is_file() and PAGE.read_text(encoding="utf-8") == write_page(), "run `make modules`"


def test_every_module_says_what_it_is() -> None:
    """A row of the table is a sentence: the first one of the module's docstring."""
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    silent = [path for path in modules if not read_summary(path).endswith((".", "?"))]
    assert [path.relative_to(ROOT).as_posix() for path in silent] == []
    assert {path.parent for path in modules} == set(find_folders())
