"""What a user's type checker sees of the public names: types, and no Any."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import reconciler
from tests.cli.processes import cutlist, environment

PROGRAM = Path(__file__).with_name("user_program.py")
REVEALED = re.compile(r'Revealed type is "(.*)"')
ORDINARY = re.compile(r"Coroutine\[Any, Any, ")  # every `async def` is one


def list_attributes(kind: type) -> Iterator[str]:
    """The public attributes that a class has of its own."""
    inherited: set[str] = set()
    if issubclass(kind, Exception):
        inherited = set(dir(Exception))
    elif issubclass(kind, enum.Enum):
        inherited = {name for name in dir(kind) if name not in kind.__members__}
    fields = (
        {field.name for field in dataclasses.fields(kind)}
        if dataclasses.is_dataclass(kind)
        else set()
    )
    for name in sorted({*dir(kind), *fields} - inherited):
        if not name.startswith("_"):
            yield name


def list_questions() -> Iterator[tuple[str, str]]:
    """Every public name and attribute, and a program's lines that ask for its type."""
    for name in reconciler.__all__:
        public = getattr(reconciler, name)
        if not inspect.isclass(public):
            yield name, f"reveal_type(reconciler.{name})\n"
            continue
        of = "[reconciler.Project]" if getattr(public, "__parameters__", ()) else ""
        for attribute in list_attributes(public):
            yield (
                f"{name}.{attribute}",
                f"def look_at_{name}_{attribute}(value: reconciler.{name}{of}) -> None:\n"
                f"    reveal_type(value.{attribute})\n",
            )


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy says of both programs, line by line, run outside the repository, where it finds the
    installed package.
    """
    folder = tmp_path_factory.mktemp("checked")
    (folder / "mypy.ini").write_text(
        "[mypy]\nstrict = True\n[mypy-program]\n" + "disallow_any_expr = True\n"
    )
    (folder / "program.py").write_text(PROGRAM.read_text())
    questions = "".join(question for _, question in list_questions())
    (folder / "attributes.py").write_text(f"import reconciler\n{questions}")
    command = [sys.executable, "-m", "mypy", "program.py", "attributes.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment())
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_user_program_is_checked_strictly(checked: list[str]) -> None:
    """No expression of it has the type Any."""
    assert [line for line in checked if ": error: " in line] == []
    assert checked[-1].startswith("Success")


def test_a_user_program_runs(tmp_path: Path) -> None:
    """Against the bundled server, in a project that `cutlist init` has made."""
    assert cutlist("-C", tmp_path, "init", "film").returncode == 0
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), str(tmp_path / "film")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    assert "64 no edit is named" in done.stdout


def test_no_public_attribute_is_any(checked: list[str]) -> None:
    """Of every public name, and of every attribute of a public class."""
    asked = [name for name, _ in list_questions()]
    revealed = [told[1] for line in checked if (told := REVEALED.search(line))]
    assert len(revealed) == len(asked)
    with_any = [
        f"{name}: {shown}"
        for name, shown in zip(asked, revealed, strict=True)
        if re.search(r"\bAny\b", ORDINARY.sub("", shown))
    ]
    assert with_any == []
