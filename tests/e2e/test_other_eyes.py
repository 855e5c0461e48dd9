"""An answer is lost, and whoever asks for it later is shown another list: of another account, of
another key, an old copy, or one that calls the task by another model's name. The bill shows one
task.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import httpx
import pytest

from mockserver.accounts import DEFAULT_ACCOUNTS, Account, ApiKey
from reconciler.apply.settle import LOOK_AGAIN_S
from reconciler.report.outcome import write_outcome
from tests.e2e.bench import CREATE, Bench, Trouble, answer, lost_after, lost_before
from tests.e2e.test_lost_answers import Listed, blocked, given_up, rows, tasks
from tests.e2e.test_money_in_trouble import asked_by_hand

OTHER_KEY = "sk-mock-of-another-account"
UNREADABLE = answer(500, code="InternalError", message="not now")


def open_account(bench: Bench) -> None:
    """The server has a second account from now on, with a key and a list of its own."""
    other = Account("other", "1000000000000002", (ApiKey("100002", OTHER_KEY),))
    service = bench.server._service
    assert service is not None
    service.accounts.replace([*DEFAULT_ACCOUNTS, other])


async def left_open(bench: Bench) -> None:
    """A run whose answer is lost, and which cannot ask whether it arrived."""
    bench.edit("rain")
    bench.network.trouble = [
        Trouble(*CREATE, lost_after),
        Listed(UNREADABLE, after=1),
    ]
    await bench.apply()
    bench.network.trouble = []
    assert tasks(bench) == 1


async def test_another_account_is_not_asked(bench: Bench) -> None:
    """The project file names another account: its list says nothing about the earlier one's task,
    and the earlier one collects it.
    """
    await left_open(bench)
    open_account(bench)
    bench.write_project(account="other")
    assert (await bench.apply(bench.project(key=OTHER_KEY))).exit_code == 5
    assert "account: default" in blocked(bench)
    bench.write_project()
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == bench.billed_tasks() == 1


async def test_a_task_of_another_account_is_not_looked_at(bench: Bench) -> None:
    """A task in flight stays as it is while another account is named."""
    bench.edit("rain")
    stopped = answer(401, code="InvalidApiKey", message="no")
    bench.network.trouble = [Trouble("GET", "/tasks/", stopped, times=10_000)]
    await bench.apply()
    bench.network.trouble = []
    bench.write_project(account="other")
    bench.network.requests.clear()
    assert (await bench.apply(bench.project(key=OTHER_KEY))).exit_code == 5
    assert not bench.network.requests
    bench.write_project()
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == bench.billed_tasks() == 1


async def test_the_list_of_another_key_proves_nothing(bench: Bench) -> None:
    """The key was changed, and may be another account's: a person decides, and with the task's id
    nothing is paid again.
    """
    await left_open(bench)
    open_account(bench)
    assert (await bench.apply(bench.project(key=OTHER_KEY))).exit_code == 5
    assert "another key or workspace" in blocked(bench)
    (task,) = bench.server.bill()["tasks"]
    bench.project().resolve("rain", adopt=task["task_id"])
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == bench.billed_tasks() == 1


async def test_no_key_is_in_the_ledger(bench: Bench) -> None:
    """What tells keys from each other does not tell the key, and is another for each attempt."""
    await left_open(bench)
    bench.edit("snow", "make it snow")
    await bench.apply()
    ledger = bench.project().config.state_dir / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        senders = {row[0] for row in connection.execute("select sender from attempts")}
    assert len(senders) == 2
    assert all(len(sender) == 16 for sender in senders)
    assert b"sk-mock" not in b"".join(
        path.read_bytes() for path in ledger.parent.glob("ledger.db*")
    )


class Copies:
    """A cache on the way: it answers every question for the list as it answered the first."""

    def __init__(self, **headers: str) -> None:
        self._headers = headers
        self._copy: tuple[bytes, str] | None = None
        self.asked: list[str] = []

    async def __call__(self, request: httpx.Request, send: Any) -> httpx.Response:
        self.asked.append(request.headers.get("Cache-Control", ""))
        if self._copy is None:
            response = await send(request)
            self._copy = (await response.aread(), response.headers["Date"])
        body, date = self._copy
        headers = {"Date": date, "Content-Type": "application/json", **self._headers}
        return httpx.Response(200, content=body, headers=headers)


@pytest.mark.parametrize("headers", [{"Age": "7"}, {}])
async def test_an_old_copy_of_the_list_proves_nothing(bench: Bench, headers: Any) -> None:
    """It lacks what was made since; its age, or its Date, betrays it. Caches are asked not to."""
    cache = Copies(**headers)
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, lost_after), Listed(cache)]
    assert (await bench.apply()).exit_code == 5
    assert "cop" in blocked(bench) or "as old as the request" in blocked(bench)
    assert tasks(bench) == 1
    assert set(cache.asked) == {"no-cache"}


async def test_a_task_under_the_name_of_another_model(bench: Bench) -> None:
    """The one new task is listed as of a model that nobody asked for: it is not taken for ours, and
    nothing is sent again beside it.
    """
    bench.edit("rain")
    bench.network.trouble = [
        Trouble(*CREATE, lost_after),
        Listed(rows(model_name="wan2.1-vace-plus")),
    ]
    assert (await bench.apply()).exit_code == 5
    (task,) = bench.server.bill()["tasks"]
    assert task["task_id"] in blocked(bench)


async def test_what_another_model_had_before_is_no_doubt(bench: Bench) -> None:
    """A task of another model that was there before the request says nothing about it."""
    await asked_by_hand(bench)
    bench.edit("rain")
    bench.network.trouble = [
        Trouble(*CREATE, lost_before),
        Listed(rows(model_name="wan2.1-vace-plus"), times=3),
    ]
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == 2


async def test_a_second_look_takes_no_task_of_an_open_request(bench: Bench) -> None:
    """A second look falls due while the fate of a later request is open: that one's task is neither
    cancelled nor taken for the earlier one's, and it is adopted.
    """
    bench.server.scenarios.add({"when": {"nth": 2}, "then": "succeed", "pending_s": 900})
    await given_up(bench, [])
    bench.edit("rain", "make it pour")
    bench.network.trouble = [
        Trouble(*CREATE, lost_after),
        Listed(UNREADABLE, after=1),
    ]
    await bench.apply()
    bench.virtual.advance(LOOK_AGAIN_S)
    bench.network.trouble = [Listed(UNREADABLE, times=5)]
    report = await bench.apply()
    assert (report.exit_code, len(report.unsettled)) == (4, 1)
    assert "1 not settled" in write_outcome(report)
    assert not any("cancel" in each for each in bench.network.requests)
    bench.network.trouble = []
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == bench.billed_tasks() == 2


@pytest.mark.parametrize(
    "body",
    [
        {"code": "InvalidParameter", "message": "x", "data": {"task_id": "ID"}},
        {"code": "Throttling", "message": "x", "results": [{"task_id": "ID"}]},
    ],
)
async def test_a_refusal_that_names_a_task_somewhere(bench: Bench, body: Any) -> None:
    """A task was made, whatever else the answer says, and wherever it says so."""

    async def act(request: httpx.Request, send: Any) -> httpx.Response:
        response = await send(request)
        task_id = json.loads(await response.aread())["output"]["task_id"]
        return httpx.Response(400, text=json.dumps(body).replace("ID", task_id))

    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, act)]
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == 1
