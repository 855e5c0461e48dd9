"""What is shipped: a wheel that works without the repository around it, and a lock without
addresses.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.cli.processes import environment

ROOT = Path(__file__).resolve().parents[1]


def test_wheel_brings_its_data(tmp_path: Path) -> None:
    """The two packages, the schemas and the demo are in the wheel, and commands find them there."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    env = {**environment(), "PYTHONPATH": str(tmp_path / "site")}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", "from reconciler.cli import main; main()", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True
        ).stdout

    assert '"title": "cutlist edit manifest"' in run("schema", "manifest")
    run("init", "film")
    assert "1 to render" in run("-C", "film", "plan")
    top = {path.name for path in (tmp_path / "site").iterdir()}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "reconciler",
        "mockserver",
        "cutlist_data",
    }


def test_lock_names_exact_versions_and_no_address() -> None:
    """Every requirement is pinned and hashed; no registry is named."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index|--find-links", text)
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert all(re.match(r"[a-z0-9.-]+==\S+", line) for line in pins)


def test_one_owner_of_each_power() -> None:
    """The environment is read in config/variables.py, printing is done in cli/, and nowhere else.

    system/git/process.py and system/probe/client.py read nothing out of the environment: they hand
    on to the process that they start where it and its libraries lie.
    """
    for path in (ROOT / "reconciler").rglob("*.py"):
        text, name = (
            path.read_text(encoding="utf-8"),
            path.relative_to(ROOT / "reconciler").as_posix(),
        )
        assert name in (
            "config/variables.py",
            "system/environment.py",
            "system/git/process.py",
            "system/probe/client.py",
        ) or not re.search(r"os\.(environ|getenv)", text), name
        assert name.startswith("cli/") or not re.search(
            r"\bprint\(|click\.echo|sys\.(stdout|stderr)", text
        ), name
        assert name == "system/clock.py" or not re.search(
            r"\btime\.(time|monotonic|sleep)\(|\brandom\.|uuid4", text
        ), name
