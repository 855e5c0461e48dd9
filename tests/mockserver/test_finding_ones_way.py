"""Somebody who is lost is told what there is, from a browser, a program or another site's page."""

import ssl

import httpx
import pytest

from mockserver import MockServer, VirtualClock
from mockserver.errors import ServerError
from mockserver.http.index import list_operations


def root(api):
    return api.server.url.removesuffix("/api/v1")


async def test_the_index(api):
    """`/_mock/` lists everything there is, with the API's address: JSON, and HTML for a browser."""
    index = (await api.mock("GET", "")).json()
    assert index["api"] == api.server.url
    listed = {(each["method"], each["path"]) for each in index["operations"]}
    assert {("GET", "/_mock/bill"), ("POST", "/_mock/faults"), ("GET", "/api/v1/tasks")} <= listed
    assert len(listed) == len(list_operations())
    page = await api.mock(
        "GET", "", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    )
    assert page.headers["Content-Type"].startswith("text/html")
    assert '<a href="/_mock/bill"><code>/_mock/bill</code></a>' in page.text
    assert all(operation.path in page.text for operation in list_operations())
    assert (await api.http.get(root(api) + "/")).json() == index


async def test_every_operation_of_the_index_is_there(api):
    """No line of the index leads nowhere, and no control is missing from it."""
    routes = {
        (route.method, route.resource.canonical)
        for route in api.server.app.router.routes()
        if route.method not in ("*", "HEAD") and route.resource is not None
    }
    listed = {(operation.method, operation.path) for operation in list_operations()}
    plain = {(method, path.rstrip("/") or "/") for method, path in routes}
    assert plain - listed == {("GET", "/")}
    assert listed <= plain


async def test_openapi_is_served_whole(api):
    """`/openapi.json` is one document without references to files, and names this very server."""
    document = (await api.http.get(root(api) + "/openapi.json")).json()
    assert document["servers"] == [{"url": api.server.url}]
    assert document["paths"]["/_mock/bill"]["servers"] == [{"url": root(api)}]
    assert ".yaml" not in str(document)
    assert "wan2.7-videoedit" in str(document["components"]["schemas"])


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/tasks", 404, "the base URL ends in /api/v1. Ask /api/v1/tasks."),
        (
            "POST",
            "/services/aigc/video-generation/video-synthesis",
            404,
            "Ask /api/v1/services/aigc/video-generation/video-synthesis.",
        ),
        ("GET", "/api/v1/task/abc", 404, "The nearest is GET /api/v1/tasks/{task_id}."),
        ("PUT", "/api/v1/tasks", 405, "/api/v1/tasks takes GET, not PUT."),
        ("GET", "/_mock/scenario", 404, "The nearest is GET /_mock/scenarios."),
        ("PUT", "/_mock/reset", 404, "/_mock/reset takes POST, not PUT."),
        ("GET", "/wp-login.php", 404, "The API is at /api/v1. /_mock/ lists all there is."),
    ],
)
async def test_a_wrong_path(api, method, path, status, words):
    """It is answered with what there is at this path, or nearest to it."""
    answer = await api.http.request(method, root(api) + path)
    assert answer.status_code == status
    assert words in answer.json()["message"]


async def test_a_question_that_nothing_fits(api):
    """The journal names the request that came nearest, and in what it differs."""
    await api.create(api.wan())
    wanted = {"request": {"method": "POST", "path": "*/video-synthesis", "status": 403}}
    verdict = (await api.mock("POST", "journal/verify", json=wanted)).json()
    assert verdict["message"] == (
        "0 requests fit; at least 1 expected. The nearest is request 1, POST"
        " /api/v1/services/aigc/video-generation/video-synthesis: status is 200"
    )


# ---------------------------------------------------------------- pages of other sites

PAGE = "http://localhost:5173"


async def test_any_page_may_use_the_api(api):
    """A browser is let through: its question before the request, and the answer itself."""
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-dashscope-async",
    }
    yes = await api.http.options("/tasks", headers=asked)
    assert yes.status_code == 204
    assert yes.headers["Access-Control-Allow-Origin"] == PAGE
    assert yes.headers["Access-Control-Allow-Headers"] == "authorization,x-dashscope-async"
    answer = await api.http.get("/tasks/x", headers={"Origin": PAGE})  # a refusal can be read too
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, PAGE)
    assert "Access-Control-Allow-Origin" not in (await api.get("/tasks/x")).headers


async def test_no_page_of_another_site_gives_orders(serve):
    """The controls want no key: an order of a page that was not named changes nothing."""
    async with serve(described=False) as api:
        await api.create(api.wan())
        refused = await api.mock("POST", "reset", headers={"Origin": PAGE})
        assert (refused.status_code, refused.json()["code"]) == (403, "InvalidControl")
        assert f"--cors {PAGE}" in refused.json()["message"]
        assert len((await api.mock("GET", "tasks")).json()["tasks"]) == 1
        own = await api.mock("POST", "reset", headers={"Origin": root(api)})
        assert own.status_code == 200
    async with serve(cors=[PAGE]) as api:
        assert (await api.mock("POST", "reset", headers={"Origin": PAGE})).status_code == 200


# ---------------------------------------------------------------- https


async def test_a_certificate_made_on_the_spot(tmp_path):
    """Clients that trust the authority it names are served by https, links of uploads included."""
    async with MockServer(tls=True, clock=VirtualClock(), state_dir=tmp_path) as server:
        assert server.url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=server.ca_file)
        async with httpx.AsyncClient(verify=trust) as http:
            asked = {"action": "getPolicy", "model": "wan2.7-videoedit"}
            key = {"Authorization": "Bearer sk-mock"}
            policy = (await http.get(f"{server.url}/uploads", params=asked, headers=key)).json()
        assert policy["data"]["upload_host"].startswith("https://127.0.0.1:")
        first, authority = server.ca_file, server.ca_file.read_bytes()
    async with MockServer(tls=True, clock=VirtualClock(), state_dir=tmp_path) as server:
        assert (server.ca_file, server.ca_file.read_bytes()) == (first, authority)
        files = {"cert": first.with_name("server.pem"), "key": first.with_name("server.key")}
    async with (
        MockServer(clock=VirtualClock(), **files) as server,
        httpx.AsyncClient(verify=ssl.create_default_context(cafile=first)) as http,
    ):
        assert (await http.get(f"{server.url}/tasks")).status_code == 401


async def test_a_certificate_that_is_none(tmp_path):
    """A missing or wrong file is named, and nothing listens."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    with pytest.raises(ServerError, match=r"there is no file .*gone\.pem"):
        await MockServer(cert=tmp_path / "gone.pem").start()
    with pytest.raises(ServerError, match=r"wrong\.pem cannot be used for https"):
        await MockServer(cert=wrong).start()
    with pytest.raises(ServerError, match="name its cert too"):
        MockServer(key=wrong)
