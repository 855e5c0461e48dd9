"""schemas/dashscope.openapi.yaml and the server: every answer is described, and every described
answer comes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator

from mockserver import Account, ApiKey, VirtualClock
from mockserver.catalogue import load_catalogue
from mockserver.threaded import ServerThread
from tests.compat.conftest import QuickRenderer
from tests.compat.shapes import CLIP, PRINTED, wan
from tests.described import FILE, SCHEMAS, Description, Doc, Undescribed, Watch, description

CREATE = "/services/aigc/video-generation/video-synthesis"
ASYNC = {"X-DashScope-Async": "enable", "X-DashScope-OssResourceResolve": "enable"}
WAN = "wan2.7-videoedit"
OPERATIONS = (
    ("POST", CREATE),
    ("GET", "/tasks"),
    ("GET", "/tasks/x"),
    ("POST", "/tasks/x/cancel"),
    ("GET", "/uploads"),
)
BODY = PRINTED["an instruction"]
HEADERS = {
    "X-Request-Id": "00000000-0000-0000-0000-000000000000",
    "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
    "Content-Type": "application/json",
    "x-dashscope-call-gateway": "true",
    **dict.fromkeys(
        ("req-arrive-time", "resp-start-time", "req-cost-time", "x-envoy-upstream-service-time"),
        "1",
    ),
}


@contextmanager
def session(watch: Watch, **options: Any) -> Iterator[tuple[ServerThread, httpx.Client]]:
    """A watched server and a client with its key."""
    thread = ServerThread(
        clock=VirtualClock(), task_seconds=(10, 10), renderer=QuickRenderer(), **options
    )
    watch.over(thread.server)
    headers = {"Authorization": "Bearer sk-mock"}
    with (
        thread,
        httpx.Client(base_url=thread.url, headers=headers, timeout=60, verify=False) as http,
    ):
        yield thread, http


def create(http: httpx.Client, body: Doc) -> str:
    """The id of a new task; nothing when it is refused."""
    return str(
        http.post(CREATE, json=body, headers=ASYNC).json().get("output", {}).get("task_id", "")
    )


def upload(http: httpx.Client, content: Any, name: str = "a.mp4", **changes: str) -> str:
    """Send a file as the vendor's SDK does; `changes` replace fields of the form. Its oss://
    address.
    """
    policy = http.get("/uploads", params={"action": "getPolicy", "model": WAN}).json()["data"]
    form = {
        "OSSAccessKeyId": policy["oss_access_key_id"],
        "Signature": policy["signature"],
        "policy": policy["policy"],
        "key": f"{policy['upload_dir']}/{name}",
        "x-oss-forbid-overwrite": "true",
        "success_action_status": "200",
        **changes,
    }
    http.post(policy["upload_host"], data=form, files={"file": (name, content)})
    return f"oss://{form['key']}"


def keys(http: httpx.Client) -> None:
    """Every operation with no key and with a wrong one."""
    for key in ("", "Bearer sk-wrong"):
        for method, path in OPERATIONS:
            http.request(method, path, headers={"Authorization": key})


def lives(thread: ServerThread, http: httpx.Client) -> str:
    """Tasks in every state, lists and cancels; the address of a result."""
    edit, vace, bad, gone = (
        create(http, body) for body in (BODY, PRINTED["video_edit"], wan([]), BODY)
    )
    http.post(f"/tasks/{gone}/cancel")
    for _ in range(3):  # PENDING, RUNNING, ended
        for task_id in (edit, vace, bad, gone, "no-such-task"):
            http.get(f"/tasks/{task_id}")
        http.get("/tasks")
        thread.clock.advance(5)
    http.post(f"/tasks/{edit}/cancel")
    http.get("/tasks", params={"start_time": "yesterday"})
    return str(http.get(f"/tasks/{edit}").json()["output"]["video_url"])


def refusals(http: httpx.Client) -> None:
    """What a create and getPolicy refuse at once."""
    http.post(CREATE, json=BODY)
    http.post(CREATE, json=[], headers=ASYNC)
    http.post(CREATE, json={**BODY, "model": "none"}, headers=ASYNC)
    http.get("/uploads", params={"action": "getPolicy", "model": "none"})
    http.get("/uploads", params={"action": "other", "model": WAN})


def uploads(thread: ServerThread, http: httpx.Client) -> None:
    """Forms that are taken, and forms that are not."""
    address = upload(http, b"x")
    folder = address.removeprefix("oss://").rpartition("/")[0]
    upload(http, b"x", success_action_status="201")
    upload(http, b"x", success_action_status="")
    upload(http, b"x", key="elsewhere/a.mp4")
    upload(http, b"x", Signature="wrong")
    policy = http.get("/uploads", params={"action": "getPolicy", "model": WAN}).json()["data"]
    again = {
        "policy": policy["policy"],
        "Signature": policy["signature"],
        "key": f"{policy['upload_dir']}/a.mp4",
    }
    assert folder != policy["upload_dir"]
    upload(http, b"x", **again)
    upload(http, b"x", **again)
    thread.clock.advance(301)
    upload(http, b"x", **again)
    http.post(policy["upload_host"], json={})
    http.post(policy["upload_host"], files={"other": ("a", b"x")})
    storage = thread.server._service.storage  # type: ignore[union-attr]
    # a gigabyte would take its time
    most, storage._max_size_bytes = storage._max_size_bytes, 1 << 20
    http.get("/uploads", params={"action": "getPolicy", "model": WAN})
    upload(http, b"x" * (1 << 20) + b"x")
    storage._max_size_bytes = most


def results(thread: ServerThread, http: httpx.Client, url: str) -> None:
    """A result whole and in part, with a changed address, after its day; and one that never was."""
    http.get(url)
    http.get(url, headers={"Range": "bytes=0-3"})
    http.get(url.replace("Signature=", "Signature=x"))
    storage = thread.server._service.storage  # type: ignore[union-attr]
    root = thread.url.removesuffix("/api/v1")
    http.get(storage.sign_url(root, "dashscope-result-mock/00/none.mp4", thread.clock.now()))
    thread.clock.advance(86_400)
    http.get(url)


def accounts(http: httpx.Client) -> None:
    """Every operation for a workspace that the account does not have, and again until it is once
    too often.
    """
    for method, path in OPERATIONS:
        http.request(method, path, headers={"X-DashScope-WorkSpace": "ws-other"})
        for _ in range(101):
            answer = http.request(
                method, path, headers=ASYNC, json=BODY if path == CREATE else None
            )
            if answer.status_code == 429:
                break


def faults(thread: ServerThread, http: httpx.Client) -> None:
    """A 503 on order, on every operation of the API."""
    thread.do(thread.server.faults.add, {"do": "answer", "status": 503})
    for method, path in OPERATIONS:
        assert http.request(method, path).status_code == 503


def strict(http: httpx.Client, media: Path) -> None:
    """Media that break a limit, refused at once."""
    for name in ("eleven-seconds.mp4", "small.mp4", "wide.mp4", "text.mp4"):
        with (media / name).open("rb") as file:
            create(http, wan([{"type": "video", "url": upload(http, file, name)}]))
    video = {"type": "video", "url": CLIP}
    with (media / "large.png").open("rb") as file:
        create(
            http, wan([video, {"type": "reference_image", "url": upload(http, file, "large.png")}])
        )
    uri = "data:image/webp;base64," + base64.b64encode((media / "ok.png").read_bytes()).decode()
    create(http, wan([video, {"type": "reference_image", "url": uri}]))
    create(http, wan([{"type": "video", "url": "file:///clip.mp4"}]))
    create(http, wan([]))


def controls(thread: ServerThread, http: httpx.Client) -> None:
    """Everything that the server says of itself, and everything it can be told; what it cannot be
    told.
    """
    root = mock_root(thread)
    order = {
        "scenarios": {"when": {"label": "x"}, "then": "fail"},
        "faults": {"do": "reset", "nth": 9, "label": "x"},
    }
    order |= {"webhooks": {"url": "http://127.0.0.1:9/", "account": "nobody"}}
    http.get(root)
    http.get(root, headers={"Accept": "text/html,*/*"})
    http.get(root.removesuffix("_mock/") + "openapi.json")
    for name, rule in order.items():
        http.post(f"{root}{name}", json=rule)
        http.get(f"{root}{name}")
        http.delete(f"{root}{name}")
    task_id = create(http, BODY)
    http.get(f"{root}tasks/none")
    http.post(f"{root}tasks/none/finish")
    for path in (
        "health",
        "clock",
        "tasks",
        f"tasks/{task_id}",
        "accounts",
        "rates",
        "bill",
        "journal",
        "bill/days",
    ):
        http.get(root + path)
    for by in ("accounts", "requests", "jobs"):
        http.get(f"{root}bill/{by}")
    for _ in range(2):  # it has ended then
        http.post(f"{root}tasks/{task_id}/finish")
    for count in (1, 2):
        http.post(f"{root}journal/verify", json={"request": {"method": "POST"}, "count": count})
    http.get(f"{root}journal", params={"days": "7"})
    http.post(f"{root}clock", json={"advance_s": 1})
    http.post(f"{root}rates", json={"enforced": False})
    http.put(f"{root}accounts", json={"accounts": [{"name": "a", "keys": [{"secret": "sk-mock"}]}]})
    http.post(f"{root}restore", content=http.get(f"{root}snapshot").content)
    for path in ("restart", "reset"):
        http.post(root + path)
    for method, path in told():
        assert http.request(method, root + path, content=b"[]").status_code == 400


def mock_root(thread: ServerThread) -> str:
    """What the addresses of the controls begin with."""
    return thread.url.removesuffix("/api/v1") + "/_mock/"


def told() -> list[tuple[str, str]]:
    """Method and path of the controls that read a body."""
    return [
        (method, path.removeprefix("/_mock/").format(task_id="x", act="fail"))
        for path, method, operation in description().operations.values()
        if path.startswith("/_mock/") and "413" in operation["responses"]
    ]


def elsewhere(thread: ServerThread, http: httpx.Client) -> None:
    """Every control, from another machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aiohttp.web.Request.remote", "192.0.2.7")
        for path, method, _ in description().operations.values():
            if path.startswith("/_mock"):
                filled = (
                    path.removeprefix("/_mock")
                    .removeprefix("/")
                    .format(task_id="x", act="fail", by="jobs")
                )
                assert http.request(method, mock_root(thread) + filled).status_code == 403


def large(thread: ServerThread, http: httpx.Client) -> None:
    """Bodies over a limit that is lowered to 1 kB: a quarter of a gigabyte would take its time."""
    thread.server.app._client_max_size = 1000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mockserver.control.LARGEST_SNAPSHOT", 1000)
        assert create(http, {**BODY, "more": "x" * 1000}) == ""
        for method, path in told():
            assert (
                http.request(method, mock_root(thread) + path, content=b" " * 1001).status_code
                == 413
            )


@pytest.fixture(scope="module")
def watch(media: Path) -> Watch:
    """What was seen in a session that goes through everything."""
    watch = Watch()
    with session(watch) as (thread, http):
        keys(http)
        refusals(http)
        url = lives(thread, http)
        uploads(thread, http)
        results(thread, http, url)
    with session(watch, validation="strict") as (_, http):
        strict(http, media)
    account = Account("a", "1", (ApiKey("1", "sk-mock"),), workspaces=("ws-own",))
    with session(watch, accounts=(account,), rate_limits=True) as (_, http):
        accounts(http)
    with session(watch) as (thread, http):
        faults(thread, http)
    with session(watch) as (thread, http):
        controls(thread, http)
        elsewhere(thread, http)
        large(thread, http)
    return watch


def test_every_answer_is_described(watch: Watch) -> None:
    """Status, headers, content type and body of each answer fit one of the described forms."""
    assert watch.undescribed == []


def test_every_described_answer_comes(watch: Watch) -> None:
    """No form of an answer stands in the file that the server never gives."""
    assert {" ".join(form) for form in description().forms() - watch.seen} == set()


def test_every_reference_leads_somewhere() -> None:
    """`$ref` within the file and into the models' files."""

    def walk(node: Any, base: str) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                resolver.lookup(node["$ref"])
            for value in node.values():
                walk(value, base)
        elif isinstance(node, list):
            for value in node:
                walk(value, base)

    resolver = Description().registry.resolver(FILE)
    walk(description().document, FILE)


def test_every_schema_is_one() -> None:
    """Whatever stands where OpenAPI 3.1 has a schema is one of JSON Schema 2020-12; those of the
    models too.
    """

    def schemas(node: Any, path: tuple[str, ...]) -> Iterator[Doc]:
        if path[-2:] == ("components", "schemas"):
            yield from node.values()
        elif isinstance(node, dict):
            if "schema" in node:
                yield node["schema"]
            for name, value in node.items():
                yield from schemas(value, (*path, name))
        elif isinstance(node, list):
            for value in node:
                yield from schemas(value, path)

    found = list(schemas(description().document, ()))
    for path in sorted((SCHEMAS / "models").glob("*.yaml")):
        for variant in yaml.safe_load(path.read_text("utf-8"))["variants"]:
            found += [variant["input"], variant["parameters"]]
    for schema in found:
        Draft202012Validator.check_schema(schema)
    assert len(found) > 150


def test_every_control_is_described() -> None:
    """The routes below /_mock/ are those of the file, no more and no less."""
    with session(Watch()) as (thread, _):
        routes = thread.server.app.router.routes()
        served = {
            (each.method, each.resource.canonical) for each in routes if each.resource is not None
        }
    described = {
        (method, path)
        for path, method, _ in description().operations.values()
        if path.startswith("/_mock")
    }
    assert {
        (method, path)
        for method, path in served
        if path.startswith("/_mock") and path[-1] != "/" and method not in ("*", "HEAD")
    } == described


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_the_printed_shapes_fit_the_request(name: str) -> None:
    """What the pages print is what the file describes, but for the keys and nulls that clients add
    on their own.
    """
    if name in ("a null prompt", "keys of the SDK", "keys of nobody"):
        return
    schema = {"$ref": "#/components/schemas/CreateRequest"}
    assert description().fits(schema, PRINTED[name])


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (201, b'{"request_id": "x"}', HEADERS),
        (200, b'{"request_id": "x"}', HEADERS),
        (200, b'{"total": 0}', HEADERS),
        (
            400,
            b'{"code": "Other", "message": "x", "request_id": "%s"}'
            % HEADERS["X-Request-Id"].encode(),
            HEADERS,
        ),
        (400, b"<Error/>", {**HEADERS, "Content-Type": "application/xml"}),
    ],
)
def test_the_judge_sees_what_is_wrong(status: int, body: bytes, headers: dict[str, str]) -> None:
    """Answers to a list that the file does not describe are found out."""
    with pytest.raises(Undescribed):
        description().form("GET", "/api/v1/tasks", status, headers, body)


def test_a_right_answer_is_right() -> None:
    """And the same judge takes a good one, for the request's own path alone."""
    uuid = HEADERS["X-Request-Id"]
    body = (
        b'{"total": 0, "data": [], "total_page": 0, "page_no": 1, "page_size": 10, "request_id":'
        b' "%s"}' % uuid.encode()
    )
    assert description().form("GET", "/api/v1/tasks/", 200, HEADERS, body) == ("list", "200", "")
    assert description().form("GET", "/other", 200, HEADERS, body) is None


def test_every_model_is_described() -> None:
    """A new file in schemas/models is named in the list, and has a form of its request."""
    schemas = yaml.safe_load((SCHEMAS / FILE).read_text(encoding="utf-8"))["components"]["schemas"]
    models = load_catalogue().models
    assert sorted(schemas["ModelName"]["enum"]) == sorted(models)
    forms = [schemas[each["$ref"].rpartition("/")[2]] for each in _list_forms(schemas)]
    inputs = {form["properties"]["input"]["$ref"].partition("#")[0] for form in forms}
    assert inputs == {f"models/{model.name}.yaml" for model in models.values()}


def _list_forms(schemas: Doc) -> list[Doc]:
    forms: list[Doc] = schemas["CreateRequest"]["oneOf"]
    return forms
