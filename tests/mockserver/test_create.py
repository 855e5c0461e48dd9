"""Creating tasks: what is checked at once, and what the service lets pass."""

import json

import pytest

from mockserver import Account, ApiKey

CREATE = "/services/aigc/video-generation/video-synthesis"
HEADERS = {
    "Authorization": "Bearer sk-mock",
    "X-DashScope-Async": "enable",
    "Content-Type": "application/json",
}


async def test_answers_with_a_pending_task_and_a_request_id(api):
    """The body has exactly the documented fields."""
    answer = await api.post(api.wan())
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"output", "request_id"}
    assert body["output"].keys() == {"task_status", "task_id"}
    assert body["output"]["task_status"] == "PENDING"
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"] == body["request_id"]


async def test_date_is_the_servers_own_time(api):
    """Clients that judge expiry by the Date header see the injected clock."""
    answer = await api.post(api.wan())
    assert answer.headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "No API-key provided."),
        ("", "No API-key provided."),
        ("Bearer", "No API-key provided."),
        ("Bearer sk-wrong", "Invalid API-key provided."),
        ("sk-mock", "Invalid API-key provided."),
        ("Basic sk-mock", "Invalid API-key provided."),
    ],
)
@pytest.mark.parametrize(
    "method_path",
    ["POST " + CREATE, "GET /tasks", "GET /tasks/x", "POST /tasks/x/cancel", "GET /uploads"],
)
async def test_every_route_wants_a_key(api, authorization, message, method_path):
    """401 InvalidApiKey with one of two messages, on every route of the API."""
    method, path = method_path.split()
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await api.http.request(
        method, path, headers={"X-DashScope-Async": "enable", **headers}
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (
        401,
        "InvalidApiKey",
        message,
    )
    assert answer.json().keys() == {"code", "message", "request_id"}


async def test_synchronous_calls_are_refused(api):
    """Without X-DashScope-Async: enable, 403 before the body is looked at."""
    answer = await api.http.post(
        CREATE, content=b"no json", headers={"Authorization": "Bearer sk-mock"}
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "AccessDenied"
    assert answer.json()["message"] == "current user api does not support synchronous calls."


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b'{"model": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b"[" * 9999,
        b'{"a":' + b"[" * 99 + b"]" * 99 + b"}",
    ],
)
async def test_what_is_no_json_object_is_refused(api, content):
    """400 with the documented message; never a 500."""
    answer = await api.http.post(CREATE, content=content, headers=HEADERS)
    assert answer.status_code == 400
    assert answer.json()["code"] == "InvalidParameter"
    assert (
        answer.json()["message"] == "Required body invalid, please check the request body format."
    )


async def test_a_form_is_no_json(api):
    """The content type decides."""
    headers = {**HEADERS, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await api.http.post(CREATE, content=json.dumps(api.wan()), headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("model", ["wan2.7", "", None, 7, ["wan2.7-videoedit"], {}])
async def test_unknown_models_are_refused_at_once(api, model):
    """400 InvalidParameter `Model not exist.`, in service mode too."""
    answer = await api.post({**api.wan(), "model": model})
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (
        400,
        "InvalidParameter",
        "Model not exist.",
    )


async def test_model_names_belong_to_regions(serve):
    """wanx2.1-vace-plus is Beijing's name; an account without a region may use every name."""
    accounts = (
        Account("everywhere", "1", (ApiKey("11", "sk-a"),)),
        Account("singapore", "2", (ApiKey("21", "sk-s"),), "singapore"),
        Account("beijing", "3", (ApiKey("31", "sk-b"),), "beijing"),
    )
    async with serve(accounts=accounts) as api:
        body = {
            **api.vace("image_reference", ref_images_url=["https://e.com/1.png"]),
            "model": "wanx2.1-vace-plus",
        }
        assert [
            (await api.post(body, key=key)).status_code for key in ("sk-a", "sk-s", "sk-b")
        ] == [200, 400, 200]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["input"].update(
            extend_prompt=True, function="video-synthesis", whatever={"a": [1]}
        ),
        lambda body: body["input"].update(prompt=None, negative_prompt=None),
        lambda body: body["input"].pop("prompt"),
        lambda body: body.update(parameters={}),
        lambda body: body.update(parameters=None),
        lambda body: body.pop("parameters"),
        lambda body: body["parameters"].update(unknown="x", seed=None),
        lambda body: body["input"]["media"][0].update(reference_voice=None),
        lambda body: body.update(resources=[], task="x"),
        lambda body: body["input"].update(prompt=""),
    ],
)
async def test_what_real_clients_send_besides_is_accepted(api, change):
    """Extra keys, null prompts and empty parameters end as a success."""
    body = api.wan()
    change(body)
    assert (await api.finished(body))["output"]["task_status"] == "SUCCEEDED"


async def test_headers_and_paths_that_clients_use(api):
    """A charset, a workspace and a trailing slash make no difference."""
    headers = {
        **HEADERS,
        "Content-Type": "application/json; charset=utf-8",
        "X-DashScope-WorkSpace": "ws-1",
    }
    answer = await api.http.post(CREATE + "/", content=json.dumps(api.wan()), headers=headers)
    assert answer.status_code == 200
    task_id = answer.json()["output"]["task_id"]
    auth = {"Authorization": "Bearer sk-mock", "Content-Type": "application/json"}
    answer = await api.http.request("GET", f"/tasks/{task_id}/", headers=auth, json={"a": 1})
    assert answer.json()["output"]["task_id"] == task_id
    assert (await api.http.get("/tasks/", headers=auth)).json()["total"] == 1
    assert (await api.http.post(f"/tasks/{task_id}/cancel/", headers=auth)).status_code == 200


async def test_unknown_routes_answer_in_the_same_form(api):
    """404 and 405 are JSON with code, message and request_id."""
    for method, path, status in (("GET", "/nothing", 404), ("DELETE", "/tasks", 405)):
        answer = await api.http.request(method, path)
        assert answer.status_code == status
        assert answer.json().keys() == {"code", "message", "request_id"}


async def test_an_unexpected_error_is_a_500_without_a_trace(serve, caplog):
    """500 InternalError; the cause goes to the log."""

    class Broken:
        def probe(self, path, kind):
            raise RuntimeError("secret cause")

    async with serve(described=False, renderer=Broken()) as api:
        url = await api.upload("a.mp4", b"x")
        answer = await api.post(api.wan(media=[{"type": "video", "url": url}]))
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert "secret" not in answer.text
    assert "secret cause" in caplog.text


async def test_ids_follow_from_the_seed(serve):
    """The same seed and requests give the same ids; another seed gives others."""
    seen = []
    for seed in (1, 1, 2):
        async with serve(seed=seed) as api:
            answer = await api.post(api.wan())
            seen.append((answer.json()["output"]["task_id"], answer.json()["request_id"]))
    assert seen[0] == seen[1]
    assert not set(seen[1]) & set(seen[2])
