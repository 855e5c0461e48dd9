"""The controls that act: tasks by hand, accounts, the journal asked, the bill summed, snapshots,
restarts.
"""

import io
import json
import tarfile

import pytest

from mockserver import MockServer, ServerError, VirtualClock

CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"


async def test_tasks_as_the_server_knows_them(serve):
    """All of them, or by account, model, status and label; a time that does not come by itself is
    null.
    """
    async with serve(scenarios={"when": {"label": "mine"}, "by_hand": True}) as api:
        held = await api.create(api.wan(), **{"X-Mock-Label": "mine"})
        other = await api.create(api.vace("video_outpainting", video_url="https://e.com/1.mp4"))
        api.clock.advance(60)
        tasks = (await api.mock("GET", "tasks")).json()["tasks"]
        assert [(task["task_id"], task["status"]) for task in tasks] == [
            (held, "RUNNING"),
            (other, "SUCCEEDED"),
        ]
        assert (tasks[0]["label"], tasks[0]["end_at"]) == ("mine", None)
        for query in (
            {"label": "mine"},
            {"status": "RUNNING"},
            {"model": "wan2.7-videoedit", "account": "default"},
        ):
            found = (await api.mock("GET", "tasks", params=query)).json()["tasks"]
            assert [task["task_id"] for task in found] == [held]
        assert (await api.mock("GET", f"tasks/{held}")).json() == tasks[0]
        assert (await api.mock("GET", "tasks/none")).status_code == 404


@pytest.mark.parametrize(
    ("act", "status", "billed_s"),
    [("finish", "SUCCEEDED", 10.0), ("fail", "FAILED", 0), ("cancel", "CANCELED", 0)],
)
async def test_a_task_is_ended_by_hand(api, act, status, billed_s):
    """Whatever its scenario; the client sees it at once."""
    task_id = await api.create(api.wan())
    assert (await api.mock("POST", f"tasks/{task_id}/{act}")).json()["status"] == status
    assert await api.status(task_id) == status
    assert api.server.bill()["total_billed_s"] == billed_s
    assert (await api.mock("POST", f"tasks/{task_id}/{act}")).status_code == 409
    assert (await api.mock("POST", f"tasks/none/{act}")).status_code == 404


async def test_a_task_expires_or_loses_its_video_by_hand(api):
    """UNKNOWN at once; or 404 for the video, whose task goes on saying SUCCEEDED."""
    expired, lost = await api.create(api.wan()), await api.create(api.wan())
    api.clock.advance(60)
    for task_id, act in ((expired, "expire"), (lost, "lose")):
        assert (await api.mock("POST", f"tasks/{task_id}/{act}")).status_code == 200
    assert [await api.status(task) for task in (expired, lost)] == ["UNKNOWN", "SUCCEEDED"]
    url = (await api.fetch(lost))["output"]["video_url"]
    assert (await api.http.get(url)).status_code == 404
    answer = await api.mock("POST", f"tasks/{lost}/explode")
    assert (answer.status_code, "fail, finish, cancel" in answer.json()["message"]) == (404, True)


async def test_accounts_are_replaced(api):
    """PUT /_mock/accounts; keys are not shown again; a foreign region or a key twice is refused."""
    accounts = [
        {
            "name": "a",
            "keys": [{"id": "1", "secret": "sk-1"}, {"secret": "sk-2"}],
            "workspaces": ["ws"],
        },
        {"name": "b", "uid": "77", "keys": [{"secret": "sk-3"}], "region": "beijing"},
    ]
    shown = (await api.mock("PUT", "accounts", json={"accounts": accounts})).json()
    assert "sk-" not in str(shown)
    assert [(a["name"], a["uid"], a["region"]) for a in shown["accounts"]] == [
        ("a", "1000000000000001", None), ("b", "77", "beijing"),
    ]  # fmt: skip
    task_id = await api.create(api.wan(), key="sk-1")
    assert [await api.status(task_id, key) for key in ("sk-2", "sk-3")] == ["PENDING", "UNKNOWN"]
    assert (await api.get("/tasks")).status_code == 401  # sk-mock is gone
    for wrong in (
        [{"name": "a"}],
        [{**accounts[1], "region": "mars"}],
        [accounts[1], accounts[1]],
        [{"x": 1}],
    ):
        assert (await api.mock("PUT", "accounts", json={"accounts": wrong})).status_code == 400
    assert await api.status(task_id, "sk-1") == "PENDING"


async def test_the_bill_is_summed(api):
    """Per account, per request body and per job."""
    for body in (api.wan(seed=1), api.wan(seed=1), api.wan(seed=2), api.wan(duration=11)):
        await api.create(body)
    api.clock.advance(60)
    by_request = (await api.mock("GET", "bill/requests")).json()
    assert by_request["total_billed_s"] == 30.0
    lines = [
        (line["tasks"], line["billed_tasks"], line["billed_s"]) for line in by_request["lines"]
    ]
    assert lines == [(2, 2, 20.0), (1, 1, 10.0), (1, 0, 0.0)]
    assert (await api.mock("GET", "bill/accounts")).json()["lines"] == [
        {"account": "default", "tasks": 4, "billed_tasks": 3, "billed_s": 30.0}
    ]
    assert len((await api.mock("GET", "bill/jobs")).json()["lines"]) == 3
    assert (await api.mock("GET", "bill/days")).status_code == 404


async def test_the_journal_is_asked(api):
    """How often, with what body, in what order: 200 with ok, or 409 with what is missing."""
    task_id = await api.create(api.wan(seed=1), **{"X-Mock-Label": "one"})
    await api.create(api.wan(seed=2))
    await api.fetch(task_id)
    await api.cancel(task_id)
    create = {"method": "POST", "path": "*/video-synthesis"}
    fits = [
        {"request": create, "count": 2},
        {"request": create, "at_least": 1, "at_most": 2},
        {"request": {**create, "body": dict(reversed(api.wan(seed=1).items()))}, "count": 1},
        {"request": {"label": "one"}, "count": 1},
        {"request": {"status": 429}, "count": 0},
        {"request": {"task_id": task_id}, "count": 3},
        {"order": [create, {"method": "GET"}, {"path": "*/cancel"}]},
    ]
    for expected in fits:
        answer = await api.mock("POST", "journal/verify", json=expected)
        assert (answer.status_code, answer.json()["ok"]) == (200, True), expected
        assert api.server.verify(expected) == answer.json()
    for unmet, words in (
        ({"request": create, "count": 1}, "2 requests fit; exactly 1 expected"),
        ({"request": {**create, "body": api.wan(seed=3)}}, "0 requests fit; at least 1 expected"),
        ({"request": create, "at_most": 1}, "2 requests fit; 0 to 1 expected"),
        ({"order": [{"path": "*/cancel"}, create]}, "nothing fits order[1] after request 4"),
    ):
        answer = await api.mock("POST", "journal/verify", json=unmet)
        message = answer.json()["message"].partition(". The nearest")[0]
        assert (answer.status_code, message) == (409, words)
    for none in ({}, {"request": {"what": 1}}, {"request": {}, "order": []}, {"order": [1]}):
        assert (await api.mock("POST", "journal/verify", json=none)).status_code == 400
    found = (await api.mock("GET", "journal", params={"status": 200, "method": "POST"})).json()[
        "requests"
    ]
    assert [entry["n"] for entry in found] == [1, 2, 4]


async def test_a_snapshot_is_the_whole_server(serve, clip):
    """Another server, of another seed, goes on from it: tasks, uploads, URLs, rules with their
    counts, time.
    """
    async with serve(scenarios={"when": {"nth": 2}, "then": "fail"}) as api:
        url = await api.upload("clip.mp4", clip)
        body = api.wan(media=[{"type": "video", "url": url}])
        first = await api.create(body)
        api.clock.advance(60)
        film = (await api.http.get((await api.fetch(first))["output"]["video_url"])).content
        saved = (await api.mock("GET", "snapshot")).content
        journal, bill = api.server.journal(), api.server.bill()
    async with serve(seed=9, faults={"do": "reset"}) as api:
        assert (await api.mock("POST", "restore", content=saved)).json() == {
            "status": "ok", "now": 1_767_225_660.0, "tasks": 1,
        }  # fmt: skip
        assert (api.server.journal(), api.server.bill()) == (journal, bill)
        done = await api.fetch(first)
        assert (await api.http.get(done["output"]["video_url"])).content == film
        again = await api.finished(body)
        assert again["output"]["task_status"] == "FAILED"  # the rule had counted one before
        for wrong in (b"", b"x" * 2000):
            assert (await api.mock("POST", "restore", content=wrong)).status_code == 400
        assert len(api.server.bill()["tasks"]) == 2


async def test_a_snapshot_holds_accounts_and_webhooks(serve):
    """In the place of those that the other server had."""
    accounts = [
        {
            "name": "a",
            "uid": "7",
            "keys": [{"id": "1", "secret": "sk-1"}],
            "region": "beijing",
            "workspaces": ["ws"],
        },
        {"name": "b", "keys": [{"secret": "sk-2"}]},
    ]
    webhook = {"url": "http://127.0.0.1:9/", "account": "a", "copies": 2}
    async with serve() as api:
        shown = (await api.mock("PUT", "accounts", json={"accounts": accounts})).json()
        await api.mock("POST", "webhooks", json=webhook)
        task_id = await api.create(api.wan(), key="sk-1")
        saved = (await api.mock("GET", "snapshot")).content
    async with serve(webhooks=["http://127.0.0.1:1/"]) as api:
        await api.mock("POST", "restore", content=saved)
        assert (await api.mock("GET", "accounts")).json() == shown
        assert (await api.mock("GET", "webhooks")).json() == {"webhooks": [webhook]}
        assert [await api.status(task_id, key) for key in ("sk-1", "sk-2")] == [
            "PENDING",
            "UNKNOWN",
        ]
        assert (await api.get("/tasks")).status_code == 401


async def test_a_snapshot_of_the_first_release(serve):
    """It has neither accounts nor webhooks: those of the server stay."""
    async with serve() as api:
        task_id = await api.create(api.wan())
        saved = (await api.mock("GET", "snapshot")).content
    older = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(saved)) as old,
        tarfile.open(fileobj=older, mode="w") as new,
    ):
        for member in old.getmembers():
            data = old.extractfile(member).read()
            if member.name == "orders.json":
                orders = json.loads(data)
                data = json.dumps(
                    {name: orders[name] for name in ("now", "scenarios", "faults")}
                ).encode()
                member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    async with serve(webhooks=["http://127.0.0.1:1/"]) as api:
        assert (await api.mock("POST", "restore", content=older.getvalue())).json()["tasks"] == 1
        assert await api.status(task_id) == "PENDING"
        assert len((await api.mock("GET", "webhooks")).json()["webhooks"]) == 1


async def test_a_state_file_is_read_and_written(serve, tmp_path):
    """One file between two lives; it is written at the end, whole."""
    path = tmp_path / "day.tar"
    options = {"state_file": path, "webhooks": ["http://127.0.0.1:1/"]}
    async with serve(**options) as api:
        task_id = await api.create(api.wan())
    assert [each.name for each in tmp_path.iterdir()] == ["day.tar"]
    async with serve(**options) as api:
        assert len((await api.mock("GET", "webhooks")).json()["webhooks"]) == 1
        api.clock.advance(60)
        assert await api.status(task_id) == "SUCCEEDED"
    path.write_text("x")
    with pytest.raises(ServerError, match="no snapshot"):
        await MockServer(state_file=path).start()


async def test_a_restart_by_the_controls(serve, tmp_path):
    """What was said is kept; only the connection that asked for it stays."""
    async with serve(state_dir=tmp_path) as api:
        task_id = await api.create(api.wan())
        assert (await api.mock("POST", "restart")).json() == {"status": "ok"}
        assert await api.status(task_id) == "PENDING"


async def test_an_older_state_is_taken_over(serve, tmp_path):
    """A state of the first release lacks columns; it gets them, and its tasks go on."""
    async with serve(state_dir=tmp_path) as api:
        task_id, clock = await api.create(api.wan()), api.clock
    import sqlite3

    db = sqlite3.connect(tmp_path / "server.db")
    db.execute("DROP INDEX tasks_to_tell")
    db.execute("DROP INDEX tasks_in_time")
    for column in ("nth", "label", "polls_left", "forget_s", "lost_s", "no_url", "told"):
        db.execute(f"ALTER TABLE tasks DROP COLUMN {column}")
    db.commit()
    db.close()
    clock.advance(60)
    async with serve(state_dir=tmp_path, clock=clock) as api:
        assert await api.status(task_id) == "SUCCEEDED"
        await api.create(api.wan())


async def test_media_nobody_can_ask_for_are_removed_at_start(serve, tmp_path, clip):
    """A medium stays for 48 h after its upload, and as long as a film may have to be made again
    from it.
    """
    clock = VirtualClock()
    async with serve(state_dir=tmp_path, clock=clock) as api:
        url = await api.upload("clip.mp4", clip)
        await api.create(api.wan(media=[{"type": "video", "url": url}]))
    left = []
    for hours in (47, 2):
        clock.advance(hours * 3600)
        async with serve(state_dir=tmp_path, clock=clock):
            left.append(len(list((tmp_path / "media").iterdir())))
    assert left == [1, 0]


async def test_controls_for_other_machines_on_request(serve, monkeypatch):
    """`remote_controls` lets them in."""
    monkeypatch.setattr("aiohttp.web.Request.remote", "192.0.2.7")
    async with serve(remote_controls=True) as api:
        assert (await api.mock("GET", "health")).status_code == 200


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("journal/verify", b'{"request": {"body": {"a": "\\ud800"}}}'),
        ("journal/verify", b'{"request": {"body": {"a": NaN}}}'),
        ("journal/verify", b'{"order": ' + b"[" * 100_000),
        ("clock", b'{"advance_s": 1' + b"0" * 400 + b"}"),
        ("clock", b'{"advance_s": true}'),
        ("tasks/x/fail", b'{"message": {}}'),
        ("tasks/x/fail", b'{"code": " "}'),
        ("tasks/x/fail", b'{"kode": "InternalError"}'),
    ],
)
async def test_a_body_that_is_no_order_is_refused(api, path, content):
    """With 400, never with an error of the server's own."""
    answer = await api.mock("POST", path, content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidControl")


async def test_controls_take_a_slash_and_odd_names(api):
    """As the API does; braces in a name are a name."""
    assert (await api.mock("GET", "health/")).status_code == 200
    answer = await api.mock("GET", "tasks/%7B%7D")
    assert (answer.status_code, answer.json()["message"]) == (404, "there is no task {}")


async def test_a_null_in_an_order_is_as_absent(api):
    """As in a request; the rule is shown without it."""
    rules = [
        ("faults", {"do": "reset", "route": "list"}, {"account": None}),
        (
            "scenarios",
            {"when": {"model": "x"}, "then": "fail"},
            {"when": {"model": "x", "nth": None}, "code": None},
        ),
    ]
    for name, rule, nulls in rules:
        shown = (await api.mock("POST", name, json={**rule, **nulls})).json()
        assert shown == {name: [{**rule, "seen": 0, "used": 0}]}


async def test_a_body_that_cannot_be_unpacked_is_refused(api):
    """Whoever says gzip has to send gzip."""
    for path in ("journal/verify", "faults", "restore"):
        answer = await api.mock("POST", path, content=b"{}", headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, answer.json()["message"]) == (400, "the body cannot be read")


async def test_a_label_that_is_no_text(serve, tmp_path):
    """Its bytes become question marks, and the server goes on."""
    async with serve(state_dir=tmp_path) as api:
        await api.create(api.wan(), **{"X-Mock-Label": b"take \xff"})
        await api.create(api.wan())
        assert [task["label"] for task in api.server.tasks()] == ["take ?", None]
