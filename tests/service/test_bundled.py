"""Where the bundled server of another command is looked for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.errors import CutlistError
from reconciler.service import bundled
from reconciler.service.bundled import _address, _last_port


@pytest.mark.parametrize("port", [99999, -1, 0, "8000", None, 1.5, True, 10**400, [], {"a": 1}])
def test_a_port_that_is_none_is_not_believed(tmp_path: Path, port: Any) -> None:
    """A note that somebody damaged leads nowhere, without a traceback."""
    (tmp_path / "address.json").write_text(json.dumps({"url": "http://x", "port": port}))
    assert _last_port(tmp_path) == 0


async def test_a_note_never_leads_away_from_this_machine(tmp_path: Path) -> None:
    """Whatever URL stands in the note, the address is loopback and the noted port."""
    async with bundled.start_bundled_server(tmp_path, tmp_path) as url:
        note = json.loads((tmp_path / "address.json").read_text())
        away = {**note, "url": "https://evil.example/api/v1", "pid": os.getpid()}
        (tmp_path / "address.json").write_text(json.dumps(away))
        assert await _address(tmp_path) == url == f"http://127.0.0.1:{note['port']}/api/v1"


OWN = """
model: studio-edit
extends: wan2.7-videoedit
title: Like Wan 2.7
names: {studio-edit: {singapore: allowed, beijing: allowed}}
"""


async def test_it_knows_the_models_of_the_project(tmp_path: Path) -> None:
    """What `models:` of the project file names is served; what is wrong with it is one error."""
    (tmp_path / "cutlist.yaml").write_text("spec: {models: [models/*.yaml]}")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "studio.yaml").write_text(OWN)
    state = tmp_path / "state"
    async with (
        bundled.start_bundled_server(state, tmp_path) as url,
        httpx.AsyncClient(headers={"Authorization": "Bearer sk-mock"}) as http,
    ):
        query = {"action": "getPolicy", "model": "studio-edit"}
        assert (await http.get(f"{url}/uploads", params=query)).status_code == 200
    (tmp_path / "models" / "studio.yaml").write_text("model: 7")
    with pytest.raises(CutlistError, match=r"studio.yaml should say `model: NAME`"):
        async with bundled.start_bundled_server(state, tmp_path):
            raise AssertionError("it started")
