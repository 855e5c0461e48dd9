"""Requests as people write them by hand or print them on a page: every spelling that the service
takes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from mockserver.threaded import ServerThread
from tests.compat.shapes import PRINTED

CREATE = "/services/aigc/video-generation/video-synthesis"
KEY = {"Authorization": "Bearer sk-mock"}
POST = {**KEY, "X-DashScope-Async": "enable", "Content-Type": "application/json"}
BODY = PRINTED["an instruction"]


@pytest.fixture
def http(server: ServerThread) -> Iterator[httpx.Client]:
    """A plain HTTP client with the server's base URL."""
    with httpx.Client(base_url=server.url, timeout=120, verify=False) as client:
        yield client


def created(answer: httpx.Response) -> str:
    """The id in the answer to a create, which has exactly the printed fields."""
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert set(document) == {"output", "request_id"}
    assert set(document["output"]) == {"task_id", "task_status"}
    assert document["output"]["task_status"] == "PENDING"
    return str(document["output"]["task_id"])


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_every_printed_shape(name: str, http: httpx.Client, server: ServerThread) -> None:
    """Each shape of body that the pages print becomes a task that succeeds, with the fields its
    page shows.
    """
    body = PRINTED[name]
    task_id = created(
        http.post(CREATE, headers=POST, content=json.dumps(body, ensure_ascii=False).encode())
    )
    server.clock.advance(10)
    task = http.get(f"/tasks/{task_id}", headers=KEY).json()
    output, usage = task["output"], task["usage"]
    assert output["task_status"] == "SUCCEEDED", output
    wan27 = body["model"] == "wan2.7-videoedit"
    assert output.get("orig_prompt") == (body["input"].get("prompt") if wan27 else None)
    figures = {"duration", "input_video_duration", "output_video_duration", "video_count", "SR"}
    assert set(usage) == (figures if wan27 else {"video_count", "video_duration"})
    assert http.get(output["video_url"]).content.startswith(b"film")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON ; Charset=UTF-8",
    ],
)
def test_content_types(content_type: str, http: httpx.Client) -> None:
    """JSON with or without a charset, in any case of letters."""
    created(
        http.post(
            CREATE,
            headers={**POST, "Content-Type": content_type},
            content=json.dumps(BODY).encode(),
        )
    )


@pytest.mark.parametrize(
    "headers", [{"authorization": "bearer sk-mock"}, {"AUTHORIZATION": "BEARER   sk-mock"}]
)
def test_spellings_of_the_key(headers: dict[str, str], http: httpx.Client) -> None:
    """Header names and the scheme in any case; several blanks before the key."""
    assert http.get("/tasks", headers=headers).status_code == 200


def test_trailing_slashes(http: httpx.Client) -> None:
    """Every path of the API with a slash at its end."""
    task_id = created(http.post(f"{CREATE}/", headers=POST, json=BODY))
    assert http.get(f"/tasks/{task_id}/", headers=KEY).json()["output"]["task_id"] == task_id
    assert http.get("/tasks/", headers=KEY).json()["total"] == 1
    assert http.post(f"/tasks/{task_id}/cancel/", headers=KEY).status_code == 200
    policy = http.get(
        "/uploads/", headers=KEY, params={"action": "getPolicy", "model": "wan2.7-videoedit"}
    )
    assert policy.status_code == 200


def test_a_body_on_get(http: httpx.Client) -> None:
    """Some clients send the same JSON headers and a body with every request."""
    task_id = created(http.post(CREATE, headers=POST, json=BODY))
    for path in (f"/tasks/{task_id}", "/tasks"):
        answer = http.request(
            "GET", path, headers=POST, content=b'{"model": "", "input": {}, "parameters": {}}'
        )
        assert answer.status_code == 200
    assert http.post(f"/tasks/{task_id}/cancel", headers=POST, content=b"{}").status_code == 200


def test_headers_of_other_clients(http: httpx.Client) -> None:
    """Workspace, user agents and headers that nobody knows do not matter."""
    more = {
        "X-DashScope-WorkSpace": "ws-1",
        "X-DashScope-DataInspection": "enable",
        "User-Agent": "x",
        "X-Odd": "é",
    }
    created(http.post(CREATE, headers=httpx.Headers({**POST, **more}, encoding="utf-8"), json=BODY))


def test_the_async_header_is_needed(http: httpx.Client) -> None:
    """Without it 403, in the page's words; in any case of letters it counts."""
    answer = http.post(CREATE, headers=KEY, json=BODY)
    assert (answer.status_code, answer.json()["code"]) == (403, "AccessDenied")
    assert answer.json()["message"] == "current user api does not support synchronous calls."
    created(http.post(CREATE, headers={**KEY, "x-dashscope-async": "Enable"}, json=BODY))


@pytest.mark.dashscope_server(validation="strict")
@pytest.mark.parametrize("name", sorted(PRINTED))
def test_strict_takes_them_too(name: str, http: httpx.Client) -> None:
    """What the pages print is in order: strict mode finds nothing in it."""
    created(http.post(CREATE, headers=POST, json=PRINTED[name]))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(server: ServerThread) -> None:
    """The pages' own tool, with the flags they print."""

    def curl(*arguments: str) -> dict[str, dict[str, str]]:
        command = ["curl", "--silent", "--fail", "--location", *arguments]
        done = subprocess.run(command, capture_output=True, timeout=120, check=True)
        answer: dict[str, dict[str, str]] = json.loads(done.stdout)
        return answer

    headers = [part for name, value in POST.items() for part in ("-H", f"{name}: {value}")]
    task = curl("-X", "POST", server.url + CREATE, *headers, "-d", json.dumps(BODY))
    server.clock.advance(10)
    task_url = f"{server.url}/tasks/{task['output']['task_id']}"
    done = curl("-X", "GET", task_url, "--header", f"Authorization: {KEY['Authorization']}")
    assert done["output"]["task_status"] == "SUCCEEDED"
