"""deploy/install.sh, which the image, the action and whoever sets up a machine run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tests.cli.processes import environment
from tests.docs.pages import ROOT

RUN_PYTHON = f'exec {sys.executable} "$@"\n'
LOCKS = ("deploy/requirements.lock", "deploy/build.lock")


def read_pins(lock: str) -> set[str]:
    """What a lock installs, and in which version."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    return {re.split(r" [;\\]", line)[0] for line in lines if "==" in line and line[0] not in " #"}


def list_needs(distribution: str, *extras: str) -> set[str]:
    """The distributions that one needs on this Python, itself included."""
    needs = {re.sub(r"[-_.]+", "-", distribution).lower()}
    for text in metadata.requires(distribution) or ():
        need = Requirement(text)
        if need.marker is None or any(
            need.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        ):
            needs |= list_needs(need.name, *need.extras)
    return needs


def test_locks_install_what_the_tests_were_run_with() -> None:
    """The same versions, each with its digests, and no registry is named."""
    for lock in LOCKS:
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert read_pins(lock) <= read_pins("requirements.lock")
        assert len(re.findall(r"^    --hash=sha256:", text, re.MULTILINE)) >= len(read_pins(lock))
        assert not re.search(r"https?://|--index|--find-links", text)


def test_the_lock_has_all_that_the_controller_needs_and_nothing_else() -> None:
    """Neither the tests' tools nor what builds a wheel gets into the image."""
    pinned = {pin.partition("==")[0] for pin in read_pins("deploy/requirements.lock")}
    assert list_needs("cutlist", "team") - {"cutlist"} <= pinned
    assert not pinned & {"pytest", "hatchling", "hypothesis", "mypy", "pip", "setuptools"}


def test_it_installs_a_command_that_runs(tmp_path: Path) -> None:
    """The script as it is, from a copy of what the image's builder gets.

    The locks of the copy are empty, since a test has no network: what they name, and pip itself,
    comes from the environment that the test runs in.
    """
    source, target = tmp_path / "source", tmp_path / "opt" / "cutlist"
    for name in ("reconciler", "mockserver", "schemas", "specs/demo"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "deploy").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "deploy/install.sh"):
        shutil.copy(ROOT / name, source / name)
    for lock in LOCKS:
        (source / lock).write_text("")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$2" != venv ] || set -- "$@" --without-pip\n{RUN_PYTHON}')
    python.chmod(0o755)
    env = environment(
        PYTHON=str(python), PYTHONPATH=sysconfig.get_path("purelib"), PIP_NO_COMPILE="1"
    )
    install = ["sh", str(source / "deploy/install.sh"), str(target)]
    done = subprocess.run(install, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"cutlist {metadata.version('cutlist')}"
    packages = {path.name for path in target.glob("lib/python*/site-packages/*")}
    assert {"reconciler", "mockserver", "cutlist_data"} <= packages
    assert not packages & {"pip", "hatchling", "tests"}
