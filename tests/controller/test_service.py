"""The controller as a program: what is listened to, and what is told, around its passes."""

from __future__ import annotations

import asyncio
import hmac
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from aiohttp import web

from reconciler.apply.outcome import Stop
from reconciler.config import Variables
from reconciler.controller.control import ask_controller
from reconciler.controller.documents import Notification, Sync
from reconciler.controller.logs import Log, LogStream
from reconciler.controller.places import find_socket
from reconciler.controller.service import ControllerService, ServiceSettings
from reconciler.controller.webhooks import LookAtTask
from reconciler.errors import CutlistError, Locked, UsageError
from reconciler.formats.secret import Secret
from tests.controller.stage import Stage, run_here
from tests.controller.test_controller import until

SECRET = "a-secret-of-webhooks"


class Program:
    """A controller service over a stage, with what it has logged."""

    def __init__(self, stage: Stage, syncs: Sequence[Sync]) -> None:
        self.stage, self.syncs = stage, syncs
        self.logged = io.StringIO()
        self.service = ControllerService(
            ServiceSettings(
                state=stage.state,
                load=lambda: self.syncs,
                clock=stage.clock,
                alarms=stage.alarms,
                variables=Variables(Secret("sk-mock")),
                log=Log(LogStream(self.logged), stage.alarms, form="json", least="debug"),
                listen=("127.0.0.1", 0),
                transport=stage.network,
                run_pass=run_here,
            )
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        stop = Stop()
        work = asyncio.ensure_future(self.service.serve(stop))
        try:
            await until(lambda: self.service.port > 0 or work.done())
            yield
        finally:
            stop.request("SIGTERM")
            await asyncio.wait_for(work, 30)

    def read_log(self) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self.logged.getvalue().splitlines()]

    def find(self, name: str) -> Mapping[str, Any]:
        syncs: Any = self.service.controller.entries.read_status()["syncs"]
        found: Mapping[str, Any] = next(one for one in syncs if one["name"] == name)
        return found

    def is_applied(self, commit: str) -> Callable[[], bool]:
        return lambda: self.find("films")["last_applied_revision"] == commit

    async def ask(self, verb: str, **arguments: str) -> Any:
        """Ask through the socket, as the command line does."""
        return await asyncio.to_thread(
            ask_controller, find_socket(self.stage.state), verb, arguments
        )


@pytest.fixture
async def program(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    stage.edit("rain")
    stage.push()
    return Program(stage, [stage.make_sync(webhook_secret_from="HOOK_SECRET")])


def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of a push event of GitHub."""
    signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
    return {
        "X-Hub-Signature-256": f"sha256={signature}",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "Content-Type": "application/json",
    }


async def test_a_webhook_has_it_look(program: Program) -> None:
    """A signed push is rendered at once; a forged one starts nothing, and neither is believed."""
    stage = program.stage
    body = json.dumps({"ref": "refs/heads/main", "after": "f" * 40}).encode()
    async with program.serving(), httpx.AsyncClient() as client:
        await until(lambda: bool(program.find("films")["last_applied_revision"]))
        url = f"http://127.0.0.1:{program.service.port}"
        stage.edit("snow", "snow")
        commit = stage.push()
        visits = len(stage.host.visits)
        forged = await client.post(f"{url}/hooks/films", content=body, headers=sign(body, "no"))
        assert (forged.status_code, len(stage.host.visits)) == (401, visits)
        taken = await client.post(f"{url}/hooks/films", content=body, headers=sign(body))
        assert taken.status_code in (200, 202)
        await until(program.is_applied(commit))
        again = await client.post(f"{url}/hooks/films", content=body, headers=sign(body))
        assert again.status_code == 409
        status = (await client.get(f"{url}/status")).json()
        assert status["syncs"][0]["last_applied_revision"] == commit
        assert (await client.get(f"{url}/readyz")).status_code == 200
        metrics = (await client.get(f"{url}/metrics")).text
    assert 'cutlist_passes_total{outcome="applied",sync="films"} 2.0' in metrics
    assert stage.billed_tasks() == 2
    assert SECRET not in program.logged.getvalue()


async def test_commands_of_this_machine(program: Program) -> None:
    """What the command line asks is answered, and a refusal says why."""
    async with program.serving():
        await until(lambda: bool(program.find("films")["last_applied_revision"]))
        answer = await program.ask("status")
        assert [one["name"] for one in answer["syncs"]] == ["films"]
        await program.ask("suspend", name="films")
        assert program.find("films")["suspended"]
        with pytest.raises(UsageError, match="is suspended"):
            await program.ask("reconcile", name="films")
        await program.ask("resume", name="films")
        await program.ask("reconcile", name="films")
        for verb in ("approve", "plan"):
            with pytest.raises(UsageError, match="no plan of films waits"):
                await program.ask(verb, name="films", plan="")
        with pytest.raises(UsageError, match=r'no Sync "flims".*Did you mean'):
            await program.ask("suspend", name="flims")
        with pytest.raises(UsageError, match="knows no"):
            await program.ask("explode", name="films")
        socket = find_socket(program.stage.state)
        assert socket.stat().st_mode & 0o777 == 0o600
    assert not socket.exists()
    with pytest.raises(CutlistError, match="no controller runs"):
        await program.ask("status")


async def test_one_controller_a_state_folder(program: Program) -> None:
    async with program.serving():
        second = Program(program.stage, program.syncs)
        with pytest.raises(Locked, match="cutlist sync"):
            await second.service.serve(Stop())


async def test_people_are_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message for what was rendered and for what failed, one each; a dead receiver holds up
    nothing.
    """
    told: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        told.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("TEAM_URL", f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    monkeypatch.setenv("DEAD_URL", "http://127.0.0.1:1/hook")
    stage.edit("rain")
    stage.push()
    notifications = tuple(
        Notification("webhook", url, ("applied", "failed", "needsPerson"))
        for url in ("DEAD_URL", "TEAM_URL")
    )
    program = Program(stage, [stage.make_sync(notifications=notifications)])
    async with program.serving():
        await until(lambda: len(told) == 1)
        stage.edit("snow", take="three")
        stage.push()
        program.service.controller.look("films", "test")
        await until(lambda: len(told) == 2)
    await runner.cleanup()
    assert [message["event"] for message in told] == ["applied", "needsPerson"]
    assert "1 rendered, 1.00 USD" in told[0]["text"]
    assert "specs/snow.yaml:1:" in told[1]["text"]


async def test_documents_with_faults_leave_the_old_ones(program: Program) -> None:
    """SIGHUP reads anew; a slip in a document ends nothing."""
    async with program.serving():
        await until(lambda: bool(program.find("films")["last_applied_revision"]))

        def fail() -> Sequence[Sync]:
            raise UsageError("a slip")

        object.__setattr__(program.service._settings, "load", fail)
        program.service.reload()
        assert program.find("films")
    assert any("the documents of before go on" in line["message"] for line in program.read_log())


async def test_people_are_told_by_documents_that_are_read_anew(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody was to be told before; an address that is not set leaves all as it was."""
    told = Notification("webhook", "TEAM_URL", ("applied",))
    before = program.syncs
    async with program.serving():
        await until(lambda: bool(program.find("films")["last_applied_revision"]))
        program.syncs = [replace(before[0], notifications=(told,), suspend=True)]
        program.service.reload()
        assert not program.find("films")["suspended"]
        assert any("TEAM_URL" in line["message"] for line in program.read_log())
        monkeypatch.setenv("TEAM_URL", "http://127.0.0.1:1/hook")
        program.service.reload()
        assert program.find("films")["suspended"]
        assert list(program.service._notifiers) == ["films"]


async def test_the_log_tells_each_pass(program: Program) -> None:
    async with program.serving():
        await until(lambda: bool(program.find("films")["last_applied_revision"]))
        await until(lambda: any("1 rendered" in line["message"] for line in program.read_log()))
    lines = program.read_log()
    passed = next(line for line in lines if "1 rendered" in line["message"])
    assert (passed["sync"], passed["level"]) == ("films", "info")
    assert passed["fields"]["outcome"] == "applied"
    edits = {line.get("edit") for line in lines if line["level"] == "debug"}
    assert "rain" in edits


async def test_a_task_that_ended_is_looked_at_now(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's event wakes who waits for the task, long before the next look is due."""
    stage = program.stage
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        stage.virtual.advance(5.0)  # the task ends, and nobody looks
        waiting.set()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(stage.clock, "sleep", sleep)
    async with program.serving():
        await waiting.wait()
        (task,) = stage.server.bill()["tasks"]
        program.service._take_hint("films", LookAtTask(task["task_id"]))
        await until(lambda: bool(program.find("films")["last_applied_revision"]))
    assert stage.billed_tasks() == 1
