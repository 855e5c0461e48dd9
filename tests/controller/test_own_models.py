"""Models of a commit's own at a controller that renders with the bundled server."""

from __future__ import annotations

import av
import pytest

from reconciler.service import bundled
from tests.controller.stage import Stage

TWIN = """\
model: twin-edit
title: Like Wan 2.7, at 24 frames a second
extends: wan2.7-videoedit
names: {twin-edit: {singapore: allowed, beijing: allowed}}
variants:
  - output: {fps: FPS}
"""


@pytest.mark.usefixtures("fine_films")
async def test_the_bundled_server_knows_the_models_of_the_commit(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pass renders by the files of its own commit, which lie in no folder: a commit that says
    something else of the model is rendered so.
    """
    monkeypatch.setattr(bundled, "TASK_SECONDS", (0.05, 0.1))
    stage.write_project(models=["models/*.yaml"])
    for fps, prompt in (24, "rain"), (25, "snow"):
        stage.write("models/twin.yaml", TWIN.replace("FPS", str(fps)))
        stage.edit("film", prompt, model="twin-edit")
        stage.push()
        await stage.run(endpoint="mock")
        assert stage.describe() == ("True", "Applied"), stage.status.conditions[0].message
        with av.open(str(stage.output("film"))) as film:
            assert film.streams.video[0].average_rate == fps
    assert stage.creates() == 0
