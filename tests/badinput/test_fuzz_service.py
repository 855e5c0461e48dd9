"""Whatever the service answers: words and an end, no traceback, no byte out of place.

A short while in the suite; `make fuzz SECONDS=600` goes on for longer, at other examples each time.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.badinput.babble import SERVICE, apply
from tests.badinput.bending import EDIT, fuzz
from tests.badinput.places import place
from tests.e2e.bench import write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip to upload."""
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 2.0)


@fuzz(per_second=4, quick=12)
@given(said=SERVICE)
def test_service(clip: Path, said: dict[str, list[Any]]) -> None:
    """Whatever the service answers, two applies end, with a report or an error of ours, and write
    nowhere else.
    """
    with place() as here:
        shutil.copy(clip, here.root / "specs/clip.mp4")
        here.write("specs/case.yaml", json.dumps(EDIT).encode())
        local = json.loads(json.dumps(EDIT))
        local["metadata"]["name"] = "local"
        local["spec"] = {**local["spec"], "output": "renders/local.mp4"}
        local["spec"]["input"]["media"][0]["url"] = "./clip.mp4"
        here.write("specs/local.yaml", json.dumps(local).encode())
        for _ in range(2):
            outcome = asyncio.run(asyncio.wait_for(apply(here.root, said), timeout=300))
            assert outcome
        for command in ("plan", "status"):
            here.run(*command.split())
        assert here.written() == []
