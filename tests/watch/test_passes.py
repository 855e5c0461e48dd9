"""What a change leads to: one pass at a time, the last save wins, nothing is paid twice."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from contextlib import ExitStack

from reconciler.apply.events import Event, Phase
from reconciler.apply.request import ApplyHooks
from reconciler.errors import InvalidInput, Locked
from reconciler.plan.step import Action, Plan
from reconciler.state.lock import FileLock
from tests.watch.watched import Watched, write_edit


async def test_500_saves_in_one_second(watched: Watched) -> None:
    """At most three passes, the last content is rendered, and each task is billed once."""
    path = watched.edit("film", "first")

    text = write_edit("film", "save NUMBER")
    code = (
        "import pathlib, sys, time\n"
        "start = time.monotonic()\n"
        "for number in range(500):\n"
        "    text = sys.argv[2].replace('NUMBER', f'{number:03}')\n"
        "    pathlib.Path(sys.argv[1]).write_text(text)\n"
        "    time.sleep(max(start + number / 500 - time.monotonic(), 0))\n"
    )
    async with watched.watching():
        began_at = time.monotonic()
        saver = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(path), text)
        await saver.wait()
        took_s = time.monotonic() - began_at  # on a busy machine more than a second
        await watched.until(
            lambda: (
                "save 499" in watched.list_prompts()
                and watched.ended == len(watched.passes)
                and watched.reports[-1].left.summary["keep"] == 1
            )
        )
    assert len(watched.passes) - 1 <= 2 + max(int(took_s), 1)
    assert len(watched.server.bill()["tasks"]) == len(set(watched.list_prompts()))


async def test_the_last_of_three_saves_wins(watched: Watched) -> None:
    """Three quick saves of one size, in place, between two ticks of the clock."""
    path = watched.edit("film", "first")

    def save() -> None:
        for prompt in ("save 1", "save 2", "save 3"):
            path.write_text(write_edit("film", prompt))

    async with watched.watching():
        await watched.change(save)
    assert watched.list_prompts() == ["first", "save 3"]


async def test_a_save_supersedes_a_pass(watched: Watched) -> None:
    """What runs at the service is collected by the next pass, which begins at once; it is not
    sent again.
    """
    watched.server.scenarios.add({"then": "succeed", "pending_s": 0.01, "after_s": 60})
    told: list[str] = []
    watched.hooks = ApplyHooks(tell=told.append)
    watched.edit("film", "rain")
    watched.edit("other", "fog")
    watched.clock.held = True
    async with watched.watching(at_once=True):
        await watched.until_sent(2)
        watched.edit("film", "snow")
        await watched.until_sent(3)
        watched.clock.held = False
        await watched.until_passes(2)
    first, second = watched.reports
    assert (second.done(Action.RENDER), second.done(Action.RESUME)) == (1, 1) and told == []
    assert second.billed_s == watched.server.bill()["total_billed_s"]
    assert first.superseded and first.exit_code == 0 and len(first.in_flight) == 2
    assert second.stopped_by == "" and second.left.summary["keep"] == 2
    assert sorted(watched.list_prompts()) == ["fog", "rain", "snow"]
    assert [task["billed_s"] > 0 for task in watched.server.bill()["tasks"]] == [True] * 3


async def test_what_waits_for_nobody_is_cancelled(watched: Watched) -> None:
    """A save makes a task that still waits obsolete: it is cancelled, free, and the other one that
    waits is not.
    """
    watched.server.scenarios.add({"then": "succeed", "pending_s": 40, "after_s": 60})
    watched.edit("film", "rain")
    watched.edit("other", "fog")
    watched.clock.held = True
    async with watched.watching(at_once=True):
        await watched.until_sent(2)
        watched.edit("film", "snow")
        await watched.until_sent(3)
        watched.clock.held = False
        await watched.until_passes(2)
    assert len(watched.reports[1].cancelled) == 1
    assert watched.reports[1].left.summary["keep"] == 2
    billed = [task["billed_s"] > 0 for task in watched.server.bill()["tasks"]]
    assert sorted(watched.list_prompts()) == ["fog", "rain", "snow"] and sum(billed) == 2


async def test_a_video_on_its_way_comes_home_first(watched: Watched) -> None:
    """A pass that is superseded while it downloads ends with that video, not without it."""
    watched.edit("film", "rain")
    fetches = 0

    def save_while_fetching(event: Event) -> None:
        nonlocal fetches
        if event.phase is Phase.FETCHING and event.name == "film":
            fetches += event.done_bytes == event.total_bytes
            if not (watched.root / "specs/other.yaml").exists():
                watched.edit("other", "fog")

    watched.hooks = ApplyHooks(observe=save_while_fetching)
    async with watched.watching():
        await watched.until(lambda: watched.output("other").exists())
    assert fetches == 1
    assert watched.list_prompts() == ["rain", "fog"]


async def test_a_slip_stops_nothing(watched: Watched) -> None:
    """A fault that is saved while a pass runs is told, and the pass goes on; the next save counts.
    While nothing runs it is an error of its pass, and the media of before are still watched.
    """
    path = watched.edit("film", "rain")
    watched.clock.held = True
    async with watched.watching(at_once=True):
        await watched.until_sent(1)
        path.write_text("kind: [")
        await watched.until(lambda: watched.complaints)
        assert isinstance(watched.complaints[0], InvalidInput)
        watched.clock.held = False
        await watched.until_passes(1)
        assert watched.output("film").exists() and not watched.reports[0].superseded
        await watched.change(lambda: path.write_text(write_edit("film", "snow")))
        changed = await watched.change(lambda: path.write_text("kind: ["))
        assert changed == ("specs/film.yaml",) and len(watched.errors) == 1
        await watched.change(watched.output("film").unlink)
        await watched.change(lambda: path.write_text(write_edit("film", "snow")))
    assert watched.output("film").exists()
    assert watched.list_prompts() == ["rain", "snow"]


async def test_what_failed_waits_for_its_own_manifest(watched: Watched) -> None:
    """A save of another file does not send a failed edit again; its own manifest or the project
    file does.
    """
    arrears = {"route": "create", "do": "answer", "status": 403, "code": "Arrearage"}
    watched.edit("film", "rain")
    watched.server.faults.add(arrears)
    async with watched.watching():
        assert watched.list_prompts() == ["rain"]
        await watched.change(lambda: watched.edit("other", "fog"))
        assert watched.list_prompts()[1:] == ["fog"]
        await watched.change(lambda: watched.edit("film", "rain"))
        assert watched.list_prompts()[2:] == ["rain"]
        await watched.change(watched.write_project)  # of two, one is sent and the other not tried
        assert len(watched.list_prompts()) == 4


async def test_money_waits_for_quiet(watched: Watched) -> None:
    """At a live endpoint nothing is sent within two seconds of a save, and the question comes
    once for several saves.
    """
    watched.write_project(endpoint=watched.server.url, realm="live")
    path = watched.edit("film", "rain")
    asked: list[float] = []
    saved_at = 0.0

    def approve(plan: Plan) -> str:
        asked.append(watched.clock.monotonic())
        return "yes"

    def save(prompt: str) -> None:
        nonlocal saved_at
        path.write_text(write_edit("film", prompt))
        saved_at = watched.clock.monotonic()

    watched.hooks = ApplyHooks(approve=approve)
    async with watched.watching(watched.open_project(endpoint="")):
        watched.clock.held = True
        save("fog")
        await watched.until(lambda: len(watched.passes) == 2)
        save("snow")
        await watched.until(lambda: len(watched.passes) == 3)
        watched.clock.held = False
        await watched.until_passes(3)
    assert watched.reports[1].superseded
    assert watched.list_prompts() == ["rain", "snow"]
    assert len(asked) == 2 and asked[1] - saved_at >= 2.0


async def test_a_save_while_somebody_is_asked(watched: Watched) -> None:
    """Who says yes to a plan that is not what the files say any more spends nothing on it."""
    watched.write_project(endpoint=watched.server.url, realm="live")
    path = watched.edit("film", "rain")
    asked = 0

    def approve(plan: Plan) -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            threading.Event().wait(0.12)
            path.write_text(write_edit("film", "snow"))
        return "yes"

    watched.hooks = ApplyHooks(approve=approve)
    async with watched.watching(watched.open_project(endpoint="")):
        await watched.until_passes(2)
    assert watched.list_prompts() == ["snow"]


async def test_a_store_that_is_locked(watched: Watched) -> None:
    """While another cutlist works on the store a pass cannot begin; it is tried again by itself."""
    watched.edit("film", "rain")
    project = watched.open_project()
    lock = FileLock(project.config.state_dir / "lock")
    with ExitStack() as stack:
        stack.enter_context(lock.hold(command="cutlist apply", now=0.0))
        async with watched.watching(project):
            assert isinstance(watched.errors[0], Locked)
            stack.close()
            await watched.until(lambda: watched.output("film").exists())
    assert watched.causes == ["start", "again"]
