"""The lock file comes back by a commit of the controller, and starts nothing."""

from __future__ import annotations

from typing import Any

from reconciler.controller.documents import WriteBack
from reconciler.state import lockfile
from tests.controller.stage import Stage

BACK: dict[str, Any] = {
    "realm": "live",
    "write_back": WriteBack(lock=True, author="cutlist <cutlist@example.com>"),
}


async def test_the_lock_comes_back(stage: Stage) -> None:
    """One commit on top, with what was rendered and what it cost; it starts no pass."""
    stage.edit("rain")
    commit = stage.push()
    await stage.run(**BACK)
    tip = stage.host.ask("rev-parse", "main")
    assert stage.host.ask("rev-parse", "main^") == commit
    message = stage.host.ask("log", "-1", "--format=%an <%ae>%n%B", "main")
    assert message.splitlines()[:2] == [
        "cutlist <cutlist@example.com>",
        "cutlist.lock: 1 edit rendered, 1.00 USD",
    ]
    pins = lockfile.parse_pins(stage.host.ask("show", "main:cutlist.lock").encode())
    assert list(pins["default"]) == ["rain"]
    requests = len(stage.server.journal()["requests"])
    status = await stage.run()
    assert status.last_applied_revision == tip
    assert len(status.history) == 1
    assert len(stage.server.journal()["requests"]) == requests


async def test_a_commit_in_between_is_kept(stage: Stage) -> None:
    """Who pushes while the pass renders loses nothing, and is rendered next."""
    stage.edit("rain")
    stage.push()
    await stage.run(**BACK)
    stage.repository.git("pull", "--quiet", str(stage.host.find_folder()), "main")
    stage.edit("snow", "snow")
    stage.push()
    await stage.run()
    pins = lockfile.parse_pins(stage.host.ask("show", "main:cutlist.lock").encode())
    assert list(pins["default"]) == ["rain", "snow"]
    assert stage.billed_tasks() == 2
