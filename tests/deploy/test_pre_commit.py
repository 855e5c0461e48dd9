"""The hook for pre-commit, as pre-commit would run it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from pre_commit.clientlib import load_manifest

from tests.deploy.studio import EDIT, Studio
from tests.docs.pages import ROOT

(HOOK,) = load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))


def run_hook(studio: Studio, *changed: str) -> tuple[int, str]:
    """What the hook says of changed files: those that it asks for are its arguments, and it is run
    from the top of the repository; without any it is not run.
    """
    files = [name for name in changed if re.search(HOOK["files"], name)]
    assert HOOK["pass_filenames"] and HOOK["require_serial"]
    if not files:
        return 0, "skipped"
    done = subprocess.run(
        ["sh", "-c", f'exec {HOOK["entry"]} "$@"', "hook", *HOOK["args"], *files],
        cwd=studio.work.root,
        env=studio.build_environment(),
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_only_the_project_of_a_changed_manifest_is_checked(studio: Studio) -> None:
    """A fault is told by its place in the repository; one of another project holds up nobody."""
    wrong = EDIT.replace("NAME", "snow").replace("720P", "721P")
    (studio.project / "specs/snow.yaml").write_text(wrong)
    other = studio.work.root / "other"
    (other / "specs").mkdir(parents=True)
    (other / "specs/hail.yaml").write_text(EDIT.replace("NAME", "hail"))
    (other / "cutlist.yaml").write_text((studio.project / "cutlist.yaml").read_text())
    assert run_hook(studio, "README.md") == (0, "skipped")
    assert run_hook(studio, "mkdocs.yml", "other/cutlist.yaml")[0] == 0
    code, told = run_hook(studio, "other/cutlist.yaml", "films/specs/snow.yaml")
    assert code != 0
    assert told.startswith("films/specs/snow.yaml:9:28: error: parameters.resolution")


def test_the_package_has_the_command_that_the_hook_names() -> None:
    """pre-commit installs this repository and looks for the first word of `entry`."""
    program = HOOK["entry"].split()[0]
    scripts = re.search(r"\[project\.scripts\]\n(\w+) =", Path(ROOT / "pyproject.toml").read_text())
    assert HOOK["language"] == "python"
    assert scripts and scripts[1] == program
