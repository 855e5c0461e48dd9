"""The page on a real port: what it answers, to whom, and what a browser may do with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.project import Project
from tests.web.conftest import ask_for
from tests.web.stage import TOKEN, WHO, serve
from tests.workspace import manifest

BARE = {"Authorization": ""}


async def test_board_has_a_card_for_each_edit(rendered: Path) -> None:
    """What a plan knows of it, its video, and what it asks for."""
    async with serve(rendered) as page:
        board = await page.get("/api/v1/board")
        night, rain = board["cards"]
        assert (night["name"], rain["name"]) == ("night", "rain")
        assert rain["prompt"] == "Let it rain"
        assert (rain["sync"], rain["health"], rain["action"]) == ("Synced", "Healthy", "keep")
        assert rain["poster"] == f"/media/{rain['digest']}/poster.webp"
        assert (board["faults"], board["stale"], board["summary"]["edits"]) == ([], False, 2)
        answer = await page.look("/api/v1/board")
        assert answer.headers["ETag"] == f'"{board["etag"]}"'
        again = await page.look("/api/v1/board", **{"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304


async def test_edit_has_takes_and_what_it_is_made_of(rendered: Path) -> None:
    """Its request, its takes with what they cost, and its chain, up and down."""
    async with serve(rendered) as page:
        night = await page.get("/api/v1/edits/night")
        (take,) = night["takes"]
        assert (take["number"], take["current"], take["prompt"]) == (1, True, "Make it night")
        assert take["price"] == pytest.approx(0.1 * take["billed_s"]) and take["price"] > 0
        (before,) = night["before"]
        assert (before["kind"], before["name"]) == ("edit", "rain")
        assert [one["name"] for one in night["lineage"]["up"]] == ["rain"]
        rain = await page.get("/api/v1/edits/rain")
        assert [one["name"] for one in rain["lineage"]["down"]] == ["night"]
        assert before["digest"] == rain["digest"]
        assert rain["before"][0]["poster"].startswith("/inputs/")
        missing = await page.get("/api/v1/edits/snow", status=404)
        assert missing["code"] == "no_edit" and missing["hint"]


async def test_what_commands_print_is_answered(rendered: Path) -> None:
    """Status, cost and log are what `--json` prints."""
    project = Project.open(rendered)
    async with serve(rendered) as page:
        assert await page.get("/api/v1/cost") == project.cost().to_json()
        status = await page.get("/api/v1/status")
        assert status["summary"] == project.status().to_json()["summary"]
        log = await page.get("/api/v1/log?edit=night")
        assert {record["edit"] for record in log["records"]} == {"night"}
        told = await page.get("/api/v1/project")
        assert (told["name"], told["realm"], told["who"]) == ("film", "mock", WHO)


async def test_token_in_the_address_becomes_a_cookie(rendered: Path) -> None:
    """The address is clean then; from another site a page of ours leads on."""
    async with serve(rendered) as page:
        answer = await page.look(f"/edit/rain?token={TOKEN}&a=b", **BARE)
        assert (answer.status, answer.headers["Location"]) == (303, "/edit/rain?a=b")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        answer = await page.look(
            f"/?token={TOKEN}", **BARE, **followed, **{"Sec-Fetch-Dest": "document"}
        )
        assert answer.status == 200 and "Set-Cookie" in answer.headers
        assert "Set-Cookie" not in (await page.look(f"//evil.example/?token={TOKEN}")).headers


async def test_strangers_get_nothing(rendered: Path) -> None:
    """No token, a foreign name, a form of another site: words, and no data."""
    async with serve(rendered) as page:
        for path in ("/", "/api/v1/board", "/-/static/x/app.js", "/nowhere", "/media/x"):
            assert (await page.look(path, **BARE)).status == 403
            assert (await page.look(path, Host="films.example")).status == 403
        words = await page.look("/", Accept="text/html", **BARE)
        assert words.content_type == "text/plain" and "token" in await words.text()
        foreign = await page.get("/api/v1/board", status=403, Origin="https://evil.example")
        assert foreign["code"] == "foreign_site"


async def test_answers_carry_what_keeps_them_safe(rendered: Path) -> None:
    """Nothing of another host, no frames, no guessing of types; words for what is not there."""
    async with serve(rendered) as page:
        for path in ("/", "/api/v1/board", "/nowhere"):
            headers = (await page.look(path)).headers
            assert headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Server"] == "cutlist"
        assert (await page.get("/api/v1/nowhere", status=404))["code"] == "not_found"
        assert (await page.post("/api/v1/board", {}, status=405))["code"] == "bad_method"


async def test_names_that_would_lead_elsewhere_find_nothing(rendered: Path) -> None:
    """Only files that were read at the start are given out."""
    async with serve(rendered) as page:
        version = Path((await (await page.look("/")).text()).split("static/")[1]).parts[0]
        for path in ("../server.py", "%2e%2e/server.py", "..%2fserver.py", "index.html", "/etc/x"):
            answer = await page.look(f"/-/static/{version}/{path}")
            assert answer.status == 404, path


async def test_words_of_others_stay_words(project: Path) -> None:
    """Markup, scripts, turning marks: the JSON has them as they stand, and is JSON."""
    nasty = '<script>alert(1)</script>"\u202e&lt;'
    path = project / "specs" / "rain.yaml"
    path.write_text(manifest("rain", ask_for(nasty)))
    async with serve(project) as page:
        cards = {card["name"]: card for card in (await page.get("/api/v1/board"))["cards"]}
        assert cards["rain"]["prompt"] == nasty
        assert (await page.look("/api/v1/board")).content_type == "application/json"
        shell, other = await page.look("/"), await page.look("/edit/%3Cscript%3E")
        assert await other.text() == await shell.text()


async def test_broken_project_keeps_its_board(project: Path) -> None:
    """The page says what `validate` says, and shows the cards of before."""
    async with serve(project) as page:
        before = await page.get("/api/v1/board")
        path = project / "specs" / "rain.yaml"
        good = path.read_text()
        path.write_text(good.replace('"prompt"', '"promt"'))
        await page.watched.look()
        broken = await page.get("/api/v1/board")
        assert broken["stale"] and broken["cards"] == before["cards"]
        assert broken["faults"][0]["place"].startswith("specs/rain.yaml:")
        path.write_text(good)
        await page.watched.look()
        assert (await page.get("/api/v1/board"))["faults"] == []


async def test_repository_without_a_commit_has_a_board(project: Path) -> None:
    """`git init` comes before the first commit, and breaks nothing."""
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    async with serve(project) as page:
        board = await page.get("/api/v1/board")
        assert board["faults"] == [] and board["cards"]
        assert (await page.get("/api/v1/project"))["revision"] is None


async def test_card_says_what_is_left_alone(project: Path) -> None:
    """A suspended edit counts as healthy, whatever it asks for."""
    path = project / "specs" / "night.yaml"
    path.write_text(manifest("night", ask_for("Another night", "edit://rain", suspend=True)))
    async with serve(project) as page:
        night, rain = (await page.get("/api/v1/board"))["cards"]
        assert (night["suspend"], night["health"], rain["suspend"]) == (True, "Healthy", False)


async def test_signatures_of_links_are_never_shown(project: Path) -> None:
    """Nor names and passwords in them."""
    url = "https://ada:pw-secret@films.example/clip.mp4?X-Amz-Signature=sig-secret"
    edit = manifest("link", ask_for("Follow it", url))
    (project / "specs" / "link.yaml").write_text(edit)
    async with serve(project) as page:
        told = await (await page.look("/api/v1/edits/link")).text()
        board = await (await page.look("/api/v1/board")).text()
        assert "films.example" in told
        assert "secret" not in told + board


async def test_fault_of_a_look_ends_no_page(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be read, and a fault of ours: both are said, and the cards stay."""
    async with serve(project) as page:
        cards = (await page.get("/api/v1/board"))["cards"]
        for error in (PermissionError(13, "Permission denied", "specs"), RuntimeError("ours")):

            def fail(*_: object, error: Exception = error) -> None:
                raise error

            with monkeypatch.context() as patch:
                patch.setattr("reconciler.web.watched.read_board", fail)
                await page.watched.look()
            board = await page.get("/api/v1/board")
            assert board["cards"] == cards and board["stale"] and board["faults"][0]["message"]
        assert [str(fault) for fault in page.faults] == ["ours"]
        page.faults.clear()
        await page.watched.look()
        assert not (await page.get("/api/v1/board"))["stale"]
