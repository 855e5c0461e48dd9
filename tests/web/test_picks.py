"""A take is picked on the page, as it was shown there, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from reconciler.project import Project
from reconciler.system.files import hash_file
from tests.web.conftest import ask_for
from tests.web.stage import Page, copy_project, serve
from tests.web.test_feed import Listener
from tests.workspace import manifest


@pytest.fixture(scope="module")
def twice(rendered: Path, tmp_path_factory: pytest.TempPathFactory, _state_home: Path) -> Path:
    """The rendered project, whose rain has two takes."""
    root = copy_project(rendered, tmp_path_factory.mktemp("twice") / "film")
    (root / "specs" / "night.yaml").unlink()
    (root / "specs" / "rain.yaml").write_text(manifest("rain", ask_for("Let it pour")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(_state_home))
        assert Project.open(root).apply().exit_code == 0
    return root


@pytest.fixture
def film(twice: Path, tmp_path: Path) -> Path:
    """The same, of one's own."""
    return copy_project(twice, tmp_path / "film")


async def _read(page: Page) -> tuple[dict[str, Any], dict[str, Any]]:
    """The edit as it is shown, and a pick of its first take."""
    edit = await page.get("/api/v1/edits/rain")
    first = edit["takes"][0]
    return edit, {"number": 1, "digest": first["digest"], "lock": edit["lock"]}


async def test_pick_writes_the_output_and_is_told(film: Path) -> None:
    """Free, at once, and every open page hears of it."""
    async with serve(film) as page, Listener(page) as listener:
        edit, pick = await _read(page)
        assert [take["current"] for take in edit["takes"]] == [False, True]
        assert [take["prompt"] for take in edit["takes"]] == ["Let it rain", "Let it pour"]
        assert [take["made_by_present_request"] for take in edit["takes"]] == [False, True]
        await listener.hear("hello")
        done = await page.post("/api/v1/edits/rain/pick", pick)
        assert done["written"] and done["take"] == 1
        assert hash_file(film / "renders" / "rain.mp4") == pick["digest"]
        told = await listener.hear("board")
        assert [card["digest"] for card in told["cards"]] == [pick["digest"]]
        after = await page.get("/api/v1/edits/rain")
        assert [take["current"] for take in after["takes"]] == [True, False]
        assert after["action"] == "keep" and after["lock"] != edit["lock"]


async def test_two_tabs_that_pick_different_takes(film: Path) -> None:
    """The second is told that somebody was first, and changes nothing."""
    async with serve(film) as page:
        edit, pick = await _read(page)
        other = {"number": 2, "digest": edit["takes"][1]["digest"], "lock": edit["lock"]}
        await page.post("/api/v1/edits/rain/pick", pick)
        refused = await page.post("/api/v1/edits/rain/pick", other, 409)
        assert refused["code"] == "lock_changed" and refused["hint"]
        assert hash_file(film / "renders" / "rain.mp4") == pick["digest"]


async def test_pick_of_what_was_not_shown_is_refused(film: Path) -> None:
    """Another digest, no such take, no such edit, half a pick."""
    async with serve(film) as page:
        _, pick = await _read(page)
        path = "/api/v1/edits/rain/pick"
        assert (await page.post(path, {**pick, "digest": "0" * 64}, 409))["code"] == "lock_changed"
        assert (await page.post(path, {**pick, "number": 9}, 400))["code"] == "bad_question"
        for bad in ({}, {**pick, "number": "1"}, {**pick, "number": True}, {**pick, "lock": None}):
            assert (await page.post(path, bad, 400))["code"] == "bad_pick"
        assert (await page.post("/api/v1/edits/snow/pick", pick, 404))["code"] == "no_edit"


async def test_lost_take_is_shown_without_a_video(film: Path) -> None:
    """Its record is there and its bytes are not."""
    store = Project.open(film).store
    async with serve(film) as page:
        _, pick = await _read(page)
        store.blob_path(pick["digest"]).unlink()  # type: ignore[attr-defined]
        await page.watched.look()
        edit, _ = await _read(page)
        first = next((take for take in edit["takes"] if take["digest"] == pick["digest"]), None)
        assert first is not None and first["video"] is None and not first["stored"]
        refused = await page.post("/api/v1/edits/rain/pick", pick, 404)
        assert refused["code"] == "damaged"


async def test_full_disk_is_told_and_changes_nothing(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the words of a pick: nothing was going to be submitted."""
    make_file = os.open

    def refuse(path: Any, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT and "cutlist.lock" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return make_file(path, flags, *rest)

    async with serve(film) as page:
        _, pick = await _read(page)
        before = hash_file(film / "renders" / "rain.mp4")
        monkeypatch.setattr(os, "open", refuse)
        refused = await page.post("/api/v1/edits/rain/pick", pick, 507)
        monkeypatch.undo()
        assert refused["code"] == "disk_full" and "is full" in refused["message"]
        assert "submit" not in refused["message"] and "Make room" in refused["hint"]
        assert hash_file(film / "renders" / "rain.mp4") == before
        assert (await page.post("/api/v1/edits/rain/pick", pick))["name"] == "rain"
