"""What is known of a Sync is written down when it changes."""

from __future__ import annotations

from pathlib import Path

from reconciler.system.files import read_stamp
from tests.controller.stage import Stage


async def test_a_look_with_nothing_new_writes_nothing(stage: Stage) -> None:
    """The status stays the file that the last change wrote, and so do all others."""

    def see_files() -> dict[Path, object]:
        return {path: read_stamp(path) for path in stage.places.folder.rglob("*")}

    stage.edit("rain")
    stage.push()
    await stage.run()
    files, visits = see_files(), stage.host.count()["upload-pack"]
    await stage.run()
    assert see_files() == files
    assert stage.host.count()["upload-pack"] == visits + 2  # what it can, and its refs
