"""The page of a controller: its Syncs, the project of the last commit, and a yes to its plan."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.controller.lead import Lead
from tests.controller.conftest import stage  # noqa: F401  # a fixture
from tests.controller.stage import Stage
from tests.controller.test_controller import until
from tests.web.controller import WHO, ControllerPage, serve_controller
from tests.web.test_http_api import DESCRIPTION, OF_CONTROLLERS, Described, list_fields

BARE = {"Authorization": ""}


class Elsewhere(Lead):
    """A lead that another controller has."""

    @property
    def holds(self) -> bool:
        return False


async def wait_for_plan(page: ControllerPage) -> str:
    """The id of the plan that waits."""
    await until(lambda: bool(page.find()["waiting_plan"]))
    return str(page.find()["waiting_plan"])


async def test_yes_on_the_page_carries_out_the_plan_that_waits(stage: Stage) -> None:  # noqa: F811
    """Exactly that one, once, in the name of whoever said it; nothing is paid before."""
    stage.edit("rain")
    commit = stage.push()
    async with serve_controller(stage, [stage.make_sync(mode="approve")]) as page:
        waiting = await wait_for_plan(page)
        about = await page.get("/films/api/v1/project")
        assert about["may"] == {"pick": False, "apply": False, "say_yes": True, "stop": False}
        assert (about["mode"], about["revision"], about["who"]) == ("sync", commit, WHO)
        await page.until_board("/films", action="render")
        shown = await page.post("/films/api/v1/plans", {}, 201)
        assert (shown["id"], shown["waits"], shown["expires"]) == (waiting, True, None)
        apply = f"/films/api/v1/plans/{waiting}/apply"
        assert (await page.post(apply, {"max_cost": 0.01}, 409))["code"] == "over_budget"
        assert stage.creates() == 0
        price = shown["plan"]["cost"]["at_most_price"]
        run = (await page.post(apply, {"max_cost": price}, 202))["run"]
        assert (await page.post(apply, {}, 409))["code"] in ("locked", "stale_plan")
        await until(lambda: page.find()["last_applied_revision"] == commit)
        card = await page.until_board("/films", action="keep", health="Healthy")
        told = await page.get(f"/films/api/v1/runs/{run}")
        assert (told["state"], told["who"], told["plan"]) == ("done", WHO, waiting)
        assert [edit["phase"] for edit in told["edits"]] == ["written"]
        record = (await page.get("/films/api/v1/log?edit=rain"))["records"][0]
        assert record["approved_by"] == f"{WHO}, through the page"
        used = await page.post(apply, {}, 409)
        assert used["code"] == "stale_plan" and used["hint"]
        async with page.session.get(f"{page.origin}/films/media/{card['digest']}") as video:
            assert await video.read() == stage.output("rain").read_bytes()
    assert (stage.creates(), stage.billed_tasks()) == (1, 1)


async def test_orders_on_the_page_are_those_of_the_command(stage: Stage) -> None:  # noqa: F811
    """Suspended, resumed and looked at now, by name in the log; what cannot be is refused in words,
    and a stranger changes nothing.
    """
    stage.edit("rain")
    commit = stage.push()
    async with serve_controller(stage, [stage.make_sync()]) as page:
        await until(lambda: page.find()["last_applied_revision"] == commit)
        at = "/api/v1/syncs/films"
        for headers in (BARE, {"Origin": "https://evil.example"}):
            await page.post(f"{at}/suspend", {}, 403, **headers)
        async with page.session.post(f"{page.origin}{at}/suspend", data=b"a=b") as form:
            assert form.status == 415
        assert not page.find()["suspended"]
        described = Described(page)
        for order, suspended in (("suspend", True), ("resume", False), ("reconcile", False)):
            path = f"/syncs/films/{order}"
            told = await described.ask("POST", path, "/syncs/{name}/{order}", 200, {})
            assert told["suspended"] is page.find()["suspended"] is suspended
            lines = [json.loads(line) for line in page.logged.getvalue().splitlines()]
            (line,) = [line for line in lines if line["message"] == f"{order} was asked for"]
            assert line["fields"]["person"] == WHO
        await page.post(f"{at}/suspend", {}, 200)
        refused = await page.post(f"{at}/reconcile", {}, 409)
        assert refused["code"] == "not_now" and "suspended" in refused["message"]
        assert (await page.post(f"{at}/explode", {}, 404))["code"] == "not_found"
        assert (await page.post("/api/v1/syncs/flims/resume", {}, 404))["code"] == "no_sync"
    assert stage.billed_tasks() == 1


async def test_plan_of_an_older_commit_is_not_carried_out(stage: Stage) -> None:  # noqa: F811
    """A commit comes between looking and saying yes."""
    stage.edit("rain")
    stage.push()
    async with serve_controller(stage, [stage.make_sync(mode="approve")]) as page:
        before = await wait_for_plan(page)
        shown = await page.post("/films/api/v1/plans", {}, 201)
        stage.edit("rain", "snow")
        stage.push()
        page.service.controller.look("films", "test")
        await until(lambda: page.find()["waiting_plan"] not in ("", before))
        refused = await page.post(f"/films/api/v1/plans/{shown['id']}/apply", {}, 409)
        assert refused["code"] == "stale_plan" and "newer commit" in refused["message"]
        assert (await page.post("/films/api/v1/plans", {}, 201))["id"] != before
    assert stage.creates() == 0


async def test_what_a_commit_decides_is_not_offered(stage: Stage) -> None:  # noqa: F811
    """Picks, plans that wait for nobody, and the end of a pass: refused in words."""
    stage.edit("rain")
    commit = stage.push()
    async with serve_controller(stage, [stage.make_sync()]) as page:
        await until(lambda: page.find()["last_applied_revision"] == commit)
        await page.until_board("/films", action="keep")
        api = "/films/api/v1"
        edit = await page.get(f"{api}/edits/rain")
        pick = {"number": 1, "digest": edit["digest"], "lock": edit["lock"]}
        refused = await page.post(f"{api}/edits/rain/pick", pick, 409)
        assert refused["code"] == "not_here" and "cutlist pick" in refused["hint"]
        plan = await page.post(f"{api}/plans", {}, 201)
        assert not plan["waits"]
        assert (await page.post(f"{api}/plans/{plan['id']}/apply", {}, 409))["code"] == "not_here"
        assert (await page.get(f"{api}/cost"))["spent"]["price"] == pytest.approx(1.0)
        assert (await page.get("/flims/api/v1/board", 404))["code"] == "no_sync"


async def test_every_sync_has_a_page_of_its_own(stage: Stage) -> None:  # noqa: F811
    """One without a project yet says why; what is not known is no page; the answers are those that
    are described.
    """
    stage.edit("rain")
    commit = stage.push()
    films = stage.make_sync(mode="approve")
    lost = replace(films, name="lost", repository=replace(films.repository, ref="nowhere"))
    async with serve_controller(stage, [films, lost]) as page:
        await wait_for_plan(page)
        await until(lambda: bool(page.find("lost")["conditions"]))
        described = Described(page)
        listed: Any = await described.ask("GET", "/syncs", "/syncs", 200)
        by_name = {sync["name"]: sync for sync in listed["syncs"]}
        assert by_name["films"]["revision"] == commit and by_name["films"]["waiting_plan"]
        assert by_name["lost"]["ready"] == "False" and "nowhere" in by_name["lost"]["message"]
        refused = await page.get("/lost/api/v1/board", 503)
        assert refused["code"] == "not_read_yet" and "nowhere" in refused["hint"]
        described.at = "/films"
        await described.ask("GET", "/project", "/project", 200)
        wanted = {
            field
            for answer in DESCRIPTION["components"]["responses"].values()
            for field in list_fields(answer["content"]["application/json"]["schema"])
            if field.startswith(OF_CONTROLLERS)
        }
        assert wanted == {field for field in described.given if field.startswith(OF_CONTROLLERS)}
        for path, base in (("/", "/"), ("/films/", "/films/"), ("/films/plan", "/films/")):
            async with page.session.get(f"{page.origin}{path}") as shell:
                assert f'name="cutlist-base" content="{base}"' in await shell.text()
        async with page.session.get(f"{page.origin}/films", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (308, "/films/")


async def test_strangers_get_nothing(stage: Stage) -> None:  # noqa: F811
    """No token, a foreign name, a form of another site; and the token stands in no log."""
    stage.edit("rain")
    stage.push()
    async with serve_controller(stage, [stage.make_sync(mode="approve")]) as page:
        waiting = await wait_for_plan(page)
        await page.post("/films/api/v1/plans", {}, 201)
        for path in (
            "/",
            "/films",
            "/films/",
            "/api/v1/syncs",
            "/films/api/v1/board",
            "/-/static/x/y",
        ):
            for headers in (BARE, {"Host": "films.example"}, {"Origin": "https://evil.example"}):
                async with page.session.get(f"{page.origin}{path}", headers=headers) as answer:
                    assert answer.status == 403, (path, headers)
        apply = f"/films/api/v1/plans/{waiting}/apply"
        for headers in (BARE, {"Origin": "https://evil.example"}):
            await page.post(apply, {}, 403, **headers)
        assert page.pages.address.partition("token=")[2] not in page.logged.getvalue()
    assert stage.creates() == 0


async def test_fault_of_the_page_ends_no_pass(
    stage: Stage,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is told in the log; what was committed is rendered."""

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the page")

    for name in ("hear", "hear_event", "hear_words"):
        monkeypatch.setattr(f"reconciler.web.syncs.SyncHouse.{name}", fail)
    stage.edit("rain")
    commit = stage.push()
    async with serve_controller(stage, [stage.make_sync()]) as page:
        await until(lambda: page.find()["last_applied_revision"] == commit)
    assert "a fault of the page" in page.logged.getvalue()
    assert stage.billed_tasks() == 1


async def test_who_stands_by_says_who_leads(stage: Stage) -> None:  # noqa: F811
    """And takes no yes."""
    stage.edit("rain")
    stage.push()
    async with serve_controller(stage, [stage.make_sync(mode="approve")]) as page:
        waiting = await wait_for_plan(page)
        await page.post("/films/api/v1/plans", {}, 201)
        entry = page.service.controller.entries.find("films")
        entry.lead = Elsewhere()
        page.service.controller.stand_by("films", "machine-2 leads it.")
        about = await page.get("/films/api/v1/project")
        assert not any(about["may"].values())
        assert (about["sync"]["leads"], about["sync"]["leader"]) == (False, "machine-2 leads it.")
        refused = await page.post(f"/films/api/v1/plans/{waiting}/apply", {}, 409)
        assert "machine-2 leads it." in refused["message"]
        refused = await page.post("/api/v1/syncs/films/suspend", {}, 409)
        assert refused["code"] == "not_now" and "machine-2 leads it." in refused["message"]
    assert stage.creates() == 0
