"""Requests made from the OpenAPI file, and bent: whatever comes, the server answers as described
and never with a 500.

In the suite a few hundred sessions run, the same ones each time. `make fuzz-server SECONDS=120`
runs new ones for as long as it is told.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import hypothesis
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from hypothesis import strategies as st
from PIL import Image

from mockserver import VirtualClock
from mockserver.threaded import ServerThread
from tests.compat.conftest import QuickRenderer
from tests.described import FILE, Doc, Watch, description

PATIENCE_S = 30.0
# what is no HTTP, the library itself answers with 400
NO_HTTP = (HttpProcessingError, web.RequestPayloadError)
# of requests that no operation is for, or that are no HTTP
ANSWERS_OUTSIDE = {400, 404, 405, 413, 417}
CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Request:
    """One request. `path` may hold {task}, {upload} and {result}, which stand for what came of
    earlier requests.
    """

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    form: tuple[tuple[str, str], ...] = ()
    advance_s: float = 0.0


# ---- values from schemas
# -----------------------------------------------------------------------------------------


def picture(form: str) -> str:
    """A picture of 300*300 pixels as a data URI."""
    file = io.BytesIO()
    Image.new("RGB", (300, 300)).save(file, form)
    return f"data:image/{form};base64,{base64.b64encode(file.getvalue()).decode()}"


MEDIA = st.sampled_from(
    [
        "https://example.com/clip.mp4",
        "http://example.com/a%20b?x=1#y",
        "oss://dashscope-instant/none/a.mp4",
        "{upload}",
        picture("png"),
        picture("jpeg"),
        picture("png").replace("image/png", "image/webp"),
        "data:image/png;base64,AAAA",
        "data:,",
        "data:image/png;base64,=",
        "file:///etc/passwd",
        "http://[::1",
        "https://",
        "//x",
        "oss://",
        "x" * 70_000,
    ]
)
TEXT = st.text(max_size=30)
ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        1,
        1.5,
        10**30,
        -(10**30),
        1e308,
        "",
        " ",
        "x" * 100_000,
        "\x00",
        "\ud800",
        "١٢",
        "ß" * 6000,
        "0",
        "-1",
        "true",
        [],
        {},
        [[]],
        [None],
        {"": {}},
        {"type": "video"},
        [{"type": "video", "url": 5}],
        [1] * 2000,
    ]
)
JSON = st.recursive(
    ODD | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


def values(schema: Doc, base: str = FILE) -> st.SearchStrategy[Any]:
    """Values that fit a schema of the request side, media references of every kind included."""
    schema, base = description().resolved(schema, base)
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            rest = {name: value for name, value in schema.items() if name != choice}
            return st.one_of([values({**rest, **each}, base) for each in schema[choice]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return _TYPES[schema["type"]](schema, base)


def _string(schema: Doc, base: str) -> st.SearchStrategy[Any]:
    if "x-media" in schema or "x-media-by" in schema:
        return MEDIA
    return (
        st.from_regex(schema["pattern"])
        if "pattern" in schema
        else st.text(min_size=1, max_size=30)
    )


def _integer(schema: Doc, base: str) -> st.SearchStrategy[Any]:
    return st.integers(schema.get("minimum", 0), schema.get("maximum", 2**31))


def _number(schema: Doc, base: str) -> st.SearchStrategy[Any]:
    return st.floats(schema.get("minimum", 0), schema.get("maximum", 1000))


def _array(schema: Doc, base: str) -> st.SearchStrategy[Any]:
    items = values(schema["items"], base)
    if "x-counts" in schema:  # one video, and pictures
        one = st.builds(lambda url: {"type": "video", "url": url}, MEDIA)
        more = st.lists(
            st.builds(lambda url: {"type": "reference_image", "url": url}, MEDIA), max_size=4
        )
        return st.builds(lambda first, rest: [first, *rest], one, more)
    return st.lists(items, min_size=schema.get("minItems", 0), max_size=schema.get("maxItems", 4))


def _object(schema: Doc, base: str) -> st.SearchStrategy[Any]:
    fields = {name: values(each, base) for name, each in schema["properties"].items()}
    required = {name: each for name, each in fields.items() if name in schema.get("required", ())}
    optional = {name: each for name, each in fields.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


_TYPES: dict[str, Callable[[Doc, str], st.SearchStrategy[Any]]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": lambda *_: st.booleans(),
    "array": _array,
    "object": _object,
}


# ---- bent
#
#
#
# ------------------------------------------------------------------------------------------


def bent(draw: Draw, value: Any) -> Any:
    """A JSON value with something in it replaced, removed or added, at a place that is drawn."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(value)))
        how = draw(st.integers(0, 9))
        if how == 0:
            return {key: item for key, item in value.items() if key != name}
        if how == 1:
            return {**value, draw(TEXT): draw(JSON)}
        return {**value, name: bent(draw, value[name])}
    if isinstance(value, list) and value and draw(st.booleans()):
        i = draw(st.integers(0, len(value) - 1))
        return (
            draw(st.sampled_from([value[:i] + value[i + 1 :], value * 3]))
            if draw(st.booleans())
            else [*value[:i], bent(draw, value[i]), *value[i + 1 :]]
        )
    return draw(JSON)


def encoded(draw: Draw, value: Any) -> bytes:
    """JSON as bytes; now and then cut, in another encoding, too deep, or none at all."""
    plain = json.dumps(value).encode()
    how = draw(st.integers(0, 19))
    if how == 0:
        return plain[: draw(st.integers(0, len(plain)))]
    if how == 1:
        return draw(st.binary(max_size=40))
    odd = [
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        plain.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + plain,
        b'{"model": ' + b"[" * 100_000,
        b"9" * 5000,
        b'{"model": NaN, "input": Infinity}',
        b"\xff" + plain,
        plain + plain,
        b'{"input": {"a": 1, "a": ' + plain + b"}}",
    ]
    return odd[how - 2] if how - 2 < len(odd) else plain


KEYS = st.sampled_from(
    ["Bearer sk-mock"] * 12
    + ["", "Bearer", "Bearer ", "sk-mock", "Basic x", "Bearer \xe9", "B" * 3000]
)
ODD_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "X-DashScope-Async",
            "X-DashScope-OssResourceResolve",
            "X-DashScope-WorkSpace",
            "Content-Type",
            "Accept",
            "Content-Encoding",
            "Range",
            "If-Range",
            "If-None-Match",
            "If-Modified-Since",
            "Cookie",
            "Host",
            "X-Odd",
            "X-Forwarded-For",
            "Accept-Encoding",
            "Date",
            "X-Request-Id",
            "Upgrade",
            "Origin",
        ]
    ),
    st.sampled_from(
        [
            "",
            "enable",
            "DISABLE",
            "é",
            "application/json",
            "application/json; charset=latin-1",
            "text/plain",
            "a/b; c",
            "application/json; charset=none",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "gzip",
            "deflate",
            "br",
            "bytes=0-0",
            "bytes=5-2",
            "bytes=-0",
            "bytes=-9",
            "bytes=99999999999-",
            "bytes=0-1,3-4",
            "items=1",
            "bytes=a-b",
            "x" * 7000,
            ";;;",
            "a=b; c=\x7f",
            "websocket",
            "1.1.1.1",
            "[::1",
            "*",
        ]
    ),
    max_size=3,
)


# An order changes what the server is from then on (accounts, faults, memory): after it there is
# nothing to judge.
OPERATIONS = [
    name
    for name, (_, _, operation) in description().operations.items()
    if operation["tags"] != ["orders"]
]
WORDS = {
    "act": ("finish", "fail", "cancel", "expire", "lose"),
    "by": ("accounts", "requests", "jobs"),
}


@st.composite
def requests(draw: Draw) -> Request:
    """One request of a session: an operation of the file, more or less as it describes it."""
    name = draw(
        st.sampled_from(
            ["create"] * 6 + OPERATIONS + ["fetch", "list", "download", "upload"] * 2 + ["nothing"]
        )
    )
    headers = {
        "Authorization": draw(KEYS),
        "X-DashScope-Async": "enable",
        "X-DashScope-OssResourceResolve": "enable",
    }
    if draw(st.integers(0, 3)) == 0:
        headers |= draw(ODD_HEADERS)
    advance_s = draw(st.sampled_from([0.0, 0.0, 0.2, 5.0, 20.0, 400.0, 90_000.0]))
    if name == "nothing":
        method = draw(
            st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "ODD"])
        )
        path = draw(
            st.sampled_from(
                [
                    "/",
                    "/api/v1",
                    "/oss",
                    CREATE,
                    "/api/v1/tasks/{task}",
                    "/api/v1/tasks/{task}/cancel/",
                ]
            )
        )
        return Request(method, path + draw(st.sampled_from(["", "/", "/x"])), [], headers)
    template, method, operation = description().operations[name]
    path = "{result}" if name == "download" and draw(st.integers(0, 3)) else _path(draw, template)
    query = _query(draw, operation)
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = draw(values(content["application/json"]["schema"]))
        if draw(st.integers(0, 2)):
            body = bent(draw, body)
        headers = {"Content-Type": "application/json", **headers}
        return Request(method, path, query, headers, encoded(draw, body), (), advance_s)
    if name == "upload":
        return Request(
            method,
            path,
            query,
            headers,
            draw(st.binary(max_size=50)),
            _form(draw, operation),
            advance_s,
        )
    body = draw(st.sampled_from([b"", b"", b"{}", b"\xff"]))
    return Request(method, path, query, headers, body, (), advance_s)


def _path(draw: Draw, template: str) -> str:
    texts = st.sampled_from(
        ["{task}"] * 8 + ["x", "%00", "..", "a%2Fb", "%ff", "é", "x" * 5000, "cancel", "{}", "%"]
    )
    filled = template.replace("{task_id}", draw(texts)).replace("{key}", draw(texts) + "/a.mp4")
    for word, known in WORDS.items():
        filled = filled.replace("{" + word + "}", draw(st.sampled_from([*known, "x"])))
    return filled + draw(st.sampled_from(["", "", "/"]))


def _query(draw: Draw, operation: Doc) -> list[tuple[str, str]]:
    known = [description().resolved(each)[0] for each in operation.get("parameters", [])]
    query = []
    for parameter in known:
        rare = not parameter.get("required")
        if parameter["in"] == "query" and (draw(st.integers(0, 3)) == 0) == rare:
            value = (
                draw(values(parameter["schema"])) if draw(st.integers(0, 3)) else draw(ODD | TEXT)
            )
            query.append((parameter["name"], str(value)[:3000]))
    if draw(st.integers(0, 7)) == 0:
        query.append((draw(TEXT), draw(TEXT)))
    return query


def _form(draw: Draw, operation: Doc) -> tuple[tuple[str, str], ...]:
    """Fields that replace those of a good form; a file's name among them."""
    schema, _ = description().resolved(
        operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    )
    names = sorted(schema["properties"])
    odd = st.sampled_from(
        ["", "200", "201", "x", "é", "x" * 70_000, "a\r\nb", "../a", "{}", "\x00"]
    )
    return tuple(draw(st.lists(st.tuples(st.sampled_from(names), odd), max_size=2)))


@st.composite
def orders(draw: Draw) -> Request:
    """Rules, webhooks, accounts or rates, as the file describes them, and bent."""
    name = draw(
        st.sampled_from(["addScenarios", "addFaults", "addWebhooks", "setAccounts", "setRates"])
    )
    path, method, operation = description().operations[name]
    body = draw(values(operation["requestBody"]["content"]["application/json"]["schema"]))
    if draw(st.integers(0, 2)):
        body = bent(draw, body)
    return Request(method, path, body=encoded(draw, body))


SESSIONS = st.lists(requests(), min_size=1, max_size=8)
_KEY = {
    "Authorization": "Bearer sk-mock",
    "X-DashScope-Async": "enable",
    "Content-Type": "application/json",
}
_VIDEO = {"type": "video", "url": "https://example.com/clip.mp4"}
BEGINNING = [  # of every session: a task that has succeeded, so that there is something to fetch
    Request(
        "POST",
        CREATE,
        [],
        _KEY,
        json.dumps({"model": "wan2.7-videoedit", "input": {"media": [_VIDEO]}}).encode(),
    ),
    Request("GET", "/api/v1/tasks/{task}", [], _KEY, advance_s=20),
]


# ---- a session
#
#
#
# ------------------------------------------------------------------------------------------


class Complaints(logging.Handler):
    """Errors that the server or its library logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        if not isinstance(cause, NO_HTTP):
            self.said.append(self.format(record))


class Fuzzed:
    """A server under fuzz, and what it has shown so far."""

    def __init__(self, thread: ServerThread, watch: Watch, complaints: Complaints) -> None:
        self.thread, self.watch, self.complaints = thread, watch, complaints
        self.requests = 0
        self._address = urlsplit(thread.url).netloc
        self._known = {"task": "none", "upload": "oss://none", "result": "/oss/none"}

    def session(self, session: list[Request]) -> None:
        """Send requests to a server that has forgotten everything. Raises AssertionError for what
        must not be.
        """
        self.thread.reset()
        for request in [*BEGINNING, *session]:
            self.thread.clock.advance(request.advance_s)
            status, body = self._send(request)
            self.requests += 1
            assert status < 500, (request, status, body)
            assert self.watch.undescribed == [], self.watch.undescribed.pop()
            assert self.complaints.said == [], self.complaints.said.pop()
            target = self._filled(request.path).partition("?")[0]
            is_index = request.method == "GET" and target == "/"  # a page for people
            if description().operation(request.method, target) is None and not is_index:
                assert status in ANSWERS_OUTSIDE or request.method == "HEAD", (
                    request,
                    status,
                    body,
                )
            self._learn(body)

    def _send(self, request: Request) -> tuple[int, bytes]:
        path, headers, body = self._filled(request.path), dict(request.headers), request.body
        if request.method == "POST" and path.rstrip("/") == "/oss":
            headers, body = self._form(request)
        elif b"{upload}" in body:
            body = body.replace(b"{upload}", self._known["upload"].encode())
        if request.query:
            query = urlencode(request.query, errors="surrogatepass")
            path += ("&" if "?" in path else "?") + query
        connection = http.client.HTTPConnection(self._address, timeout=PATIENCE_S)
        try:
            connection.putrequest(
                request.method, quote(path, safe="/?&=%"), skip_host="Host" in headers
            )
            for name, value in headers.items():
                connection.putheader(name, value.encode("utf-8"))
            if body or request.method == "POST":
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _form(self, request: Request) -> tuple[dict[str, str], bytes]:
        storage = self.thread.server._service.storage  # type: ignore[union-attr]
        policy = storage.build_policy(
            "default", "wan2.7-videoedit", f"dashscope-instant/{self.requests}", "http://x"
        )
        form = {
            "OSSAccessKeyId": policy["oss_access_key_id"],
            "Signature": policy["signature"],
            "policy": policy["policy"],
            "key": f"{policy['upload_dir']}/a.mp4",
            "success_action_status": "200",
            **dict(request.form),
        }
        self._known["upload"] = f"oss://{form['key']}"
        name = form.pop("file", "a.mp4")
        parts = [
            f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n'
            for key, text in form.items()
        ]
        file = (
            f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name[:200]}"\r\n\r\n'
        )
        body = "".join([*parts, file]).encode() + request.body + b"\r\n--b--\r\n"
        return {"Content-Type": "multipart/form-data; boundary=b", **request.headers}, body

    def _filled(self, path: str) -> str:
        for name, value in self._known.items():
            path = path.replace("{" + name + "}", value)
        return path

    def _learn(self, body: bytes) -> None:
        try:
            output = json.loads(body).get("output", {})
        except (ValueError, AttributeError):
            return
        self._known["task"] = output.get("task_id", self._known["task"])
        if "video_url" in output:
            parts = urlsplit(output["video_url"])
            self._known["result"] = f"{parts.path}?{parts.query}"


@contextmanager
def fuzzed() -> Iterator[Fuzzed]:
    """A server to fuzz."""
    watch, complaints = Watch(), Complaints()
    thread = ServerThread(clock=VirtualClock(), task_seconds=(1, 10), renderer=QuickRenderer())
    watch.over(thread.server)
    loggers = [logging.getLogger(name) for name in ("mockserver", "aiohttp", "asyncio")]
    for each in loggers:
        each.addHandler(complaints)
    try:
        with thread:
            yield Fuzzed(thread, watch, complaints)
    finally:
        for each in loggers:
            each.removeHandler(complaints)


def main(seconds: float) -> None:
    """Batches of new sessions until the time is over; the first one that goes wrong is shown, made
    small.
    """
    until = time.monotonic() + seconds
    with fuzzed() as target:
        batch = 0
        while time.monotonic() < until:
            batch += 1
            settings = hypothesis.settings(
                max_examples=300,
                deadline=None,
                database=None,
                derandomize=False,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            hypothesis.seed(batch * 7919 + int(until))(
                settings(hypothesis.given(SESSIONS)(target.session))
            )()
            print(
                f"{target.requests} requests, {len(target.watch.seen)} forms of answers", flush=True
            )


if __name__ == "__main__":
    main(float(sys.argv[1]))
