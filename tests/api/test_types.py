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

import reconciler
from tests.cli.processes import cutlist, environment

PROGRAM = Path(__file__).with_name("user_program.py")
ORDINARY = re.compile(r"Coroutine\[Any, Any, ")  # every `async def` is one


def check(folder: Path, *arguments: str) -> str:
    """What mypy says, run outside the repository, where it finds the installed package."""
    (folder / "mypy.ini").write_text("[mypy]\n")
    command = [sys.executable, "-m", "mypy", "--strict", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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


def test_a_user_program_is_checked_strictly(tmp_path: Path) -> None:
    """No expression of it has the type Any."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.read_text())
    assert "Success" in check(tmp_path, "--disallow-any-expr", program.name)


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


def test_no_public_attribute_is_any(tmp_path: Path) -> None:
    """Of every public name, and of every attribute of a public class."""
    lines, asked = ["import reconciler"], []
    for name in reconciler.__all__:
        public = getattr(reconciler, name)
        if not inspect.isclass(public):
            lines.append(f"reveal_type(reconciler.{name})")
            asked.append(name)
            continue
        of = "[reconciler.Project]" if getattr(public, "__parameters__", ()) else ""
        lines.append(f"def look_at_{name}(value: reconciler.{name}{of}) -> None: pass")
        for attribute in list_attributes(public):
            lines[-1] = lines[-1].removesuffix(" pass")
            lines.append(f"    reveal_type(value.{attribute})")
            asked.append(f"{name}.{attribute}")
    (tmp_path / "program.py").write_text("\n".join(lines) + "\n")
    revealed = re.findall(r'Revealed type is "(.*)"', check(tmp_path, "program.py"))
    assert len(revealed) == len(asked)
    with_any = [
        f"{name}: {shown}"
        for name, shown in zip(asked, revealed, strict=True)
        if re.search(r"\bAny\b", ORDINARY.sub("", shown))
    ]
    assert with_any == []
