"""The lock file comes back by a commit of the controller, and starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.controller.conditions import ConditionType, SyncState
from reconciler.controller.documents import Verification, WriteBack
from reconciler.state import lockfile
from tests.controller.stage import Stage
from tests.e2e.bench import CREATE, Trouble, answer
from tests.signing import SshKey, needs_ssh, write_signers

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


async def test_a_second_lock_on_the_first_starts_no_pass(stage: Stage) -> None:
    """What failed is rendered by a pass over our own commit, and its lock file is nothing new."""
    stage.edit("rain")
    stage.edit("snow", "snow")
    stage.push()
    refusal = answer(400, code="InvalidParameter", message="no such clip")
    stage.network.trouble = [Trouble(*CREATE, refusal)]
    await stage.run(**BACK)
    assert stage.describe() == ("False", "EditsFailed")
    first = stage.host.ask("rev-parse", "main")
    assert stage.controller is not None
    stage.controller.reconcile("films")
    await stage.run()
    assert stage.host.ask("rev-parse", "main^") == first
    before = (len(stage.server.journal()["requests"]), len(stage.status.history))
    await stage.run()
    assert (len(stage.server.journal()["requests"]), len(stage.status.history)) == before


async def test_a_lock_that_is_forced_away_comes_back(stage: Stage) -> None:
    """A branch that goes back to the commit below ours is looked at: it lacks the lock file."""
    stage.edit("rain")
    stage.push()
    await stage.run(**BACK)
    stage.push()  # the commit of before, and an empty one on it, by force
    await stage.run()
    assert "rain" in stage.host.ask("show", "main:cutlist.lock")
    assert stage.billed_tasks() == 1


async def test_a_forged_word_of_ours_is_looked_at(stage: Stage) -> None:
    """Who writes our trailer into a commit of the lock file is looked at like everybody."""
    stage.edit("rain")
    stage.push()
    await stage.run(**BACK)
    stage.repository.git("pull", "--quiet", str(stage.host.find_folder()), "main")
    stage.write("cutlist.lock", "version: 1\ndefault: {}\n")
    commit = stage.push("lock\n\nCutlist-Sync: films")
    status = await stage.run()
    assert status.last_attempted_revision == commit
    pins = lockfile.parse_pins(stage.host.ask("show", "main:cutlist.lock").encode())
    assert list(pins["default"]) == ["rain"]  # the pass has put it right


@needs_ssh
async def test_only_what_is_signed_is_believed(stage: Stage, tmp_path: Path) -> None:
    """Our own commit of the lock file is not signed; what it stands on has to be. A commit without
    a signature is not rendered, whatever it says of itself.
    """
    key = SshKey(tmp_path / "ada")
    signed = Verification("ssh", write_signers(tmp_path, f"ada@example.com {key.public}"))
    sign = [part for setting in key.settings for part in ("-c", setting)]
    stage.edit("rain")
    first = stage.push()
    status = await stage.run(**BACK, verification=signed)
    assert stage.describe(ConditionType.STALLED) == ("True", "CommitNotTrusted")
    assert stage.creates() == 0
    stage.repository.git(*sign, "commit", "--quiet", "--amend", "-S", "--no-edit")
    stage.host.publish(stage.repository)
    status = await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert status.last_attempted_revision != first
    stage.output("rain").unlink()  # a whole pass, over our own commit
    await stage.run()
    assert stage.describe() == ("True", "Applied")
    stage.repository.git("pull", "--quiet", "--rebase", str(stage.host.find_folder()), "main")
    stage.edit("snow", "snow")
    stage.push("more\n\nCutlist-Sync: films")
    await stage.run()
    assert stage.describe(ConditionType.STALLED) == ("True", "CommitNotTrusted")
    assert stage.billed_tasks() == 1


async def test_a_lock_that_cannot_be_brought_back(stage: Stage) -> None:
    """The videos are there, the status says why the lock is not, and the next pass tries again."""
    stage.edit("rain")
    stage.push()
    hook = stage.host.find_folder() / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'error: GH006: Protected branch update failed' >&2\nexit 1\n")
    hook.chmod(0o755)
    status = await stage.run(**BACK)
    ready = status.find(ConditionType.READY)
    assert ready is not None and "cutlist.lock could not be brought back" in ready.message
    assert status.sync is SyncState.SYNCED
    assert stage.output("rain").is_file()
    hook.unlink()
    await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert "rain" in stage.host.ask("show", "main:cutlist.lock")
    assert stage.billed_tasks() == 1
