"""`cutlist sync -f FOLDER`: one document with a fault holds up no other."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.errors import EXIT_FAILED, EXIT_INVALID
from tests.cli.processes import cutlist


def write_sync(folder: Path, name: str, **spec: object) -> None:
    """A document of a Sync that rests, so that nobody is asked."""
    document = {
        "apiVersion": "cutlist/v1",
        "kind": "Sync",
        "metadata": {"name": name},
        "spec": {"repository": {"url": f"file:///{name}.git"}, "suspend": True, **spec},
    }
    (folder / f"{name}.yaml").write_text(json.dumps(document))


def test_documents_without_a_fault_are_worked_on(tmp_path: Path) -> None:
    """The fault is told with its place, and by the exit code; where none is whole it is all."""
    write_sync(tmp_path, "hail", interval="often")
    done = cutlist("sync", "-f", tmp_path, "--once", cwd=tmp_path)
    assert done.returncode == EXIT_INVALID
    assert not (tmp_path / ".cutlist").exists()
    write_sync(tmp_path, "rain")
    done = cutlist("sync", "-f", tmp_path, "--once", cwd=tmp_path)
    assert done.returncode == EXIT_INVALID
    assert "rain" in done.stdout and "hail" not in done.stdout
    assert "hail.yaml:1:" in done.stderr
    write_sync(tmp_path, "hail")
    done = cutlist("sync", "-f", tmp_path, "--once", cwd=tmp_path)
    assert done.returncode == EXIT_FAILED  # all rest, so none is ready
    assert "hail" in done.stdout
