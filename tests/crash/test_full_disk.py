"""A disk that fills up while tasks are at the service: nothing paid is lost, and room is all it
takes to go on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import PATIENCE_S, until
from tests.crash.scene import Scene, Server

TASK_SECONDS = (1.0, 1.5)
ROOM = "300m"  # more than an apply wants to see free before it sends anything


class Disk:
    """A file system in memory whose size is changed while it is used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resize(self, size: str) -> bool:
        """Give it so many bytes; False when more are taken."""
        command = ["mount", "-o", f"remount,size={size}", str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def fill(self) -> None:
        """Leave no room but what is taken, while others go on taking."""
        for _ in range(50):
            info = os.statvfs(self.folder)
            taken = (info.f_blocks - info.f_bfree) * info.f_frsize
            if self.resize(str(max(taken, info.f_frsize))):  # 0 would mean no limit
                return
        raise AssertionError("the disk cannot be made smaller")


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A tiny disk in the project; skipped where nothing may be mounted."""
    folder: Path = tmp_path / "film" / getattr(request, "param", "")
    folder.mkdir(parents=True)
    if shutil.which("mount") is None:
        pytest.skip("there is no mount command here")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize(
    "disk", ["", ".shelf"], ids=["everything", "only the store"], indirect=True
)
def test_disk_fills_up_while_tasks_run(disk: Disk, running: Server, tmp_path: Path) -> None:
    """Whatever lies on it, the apply says what is wrong, and the next one brings home what is paid
    and pays nothing.
    """
    running.ask("reset", "POST")
    scene = Scene(
        tmp_path / "film", running, **({"store": ".shelf"} if disk.folder.name == ".shelf" else {})
    )
    for _ in range(2):
        scene.edit()
    process = scene.start()
    until(lambda: len(scene.task_ids()) == 2, process)
    disk.fill()
    out, err = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in err, err
    assert process.returncode == 1, out + err
    assert "space" in (out + err) or "full" in (out + err), out + err
    disk.resize(ROOM)
    until(lambda: len(running.billed()) == 2)
    billed = running.billed()
    resumed = scene.apply()
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert running.billed() == billed
    assert scene.broken() == {}


def test_full_disk_sends_nothing(disk: Disk, running: Server) -> None:
    """Without room for what would be paid, nothing is sent, and it is said."""
    running.ask("reset", "POST")
    disk.resize("16m")
    scene = Scene(disk.folder, running)
    scene.edit()
    refused = scene.apply()
    assert (refused.returncode, running.ask("bill")["tasks"]) == (1, [])
    assert "nothing more is submitted" in " ".join((refused.stdout + refused.stderr).split())
