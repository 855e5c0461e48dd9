"""Whatever is in the files and whatever the service answers: words and an end, no traceback, no
byte out of place.

A short while in the suite; `make fuzz SECONDS=600` goes on for longer, at other examples each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mockserver import MockServer, VirtualClock
from reconciler import Project
from reconciler.apply.outcome import Report, Stop
from reconciler.cli.main import run
from reconciler.config import Variables
from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret
from reconciler.report.outcome import write_outcome
from tests.e2e.bench import SmallFilms, Ticking, write_video

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
FUZZERS = 5
DAYS = 3 * 86400.0  # of virtual time: then an apply is asked to stop
TALK = 150  # requests: then too
WORDS_ONLY = {0, 1, 3, 4, 5, 6, 7}  # exit codes that stand for something said


def fuzz(per_second: int, quick: int) -> settings:
    """How many examples: `quick` in the suite, or as many as fit into this fuzzer's part of
    FUZZ_SECONDS.
    """
    many = int(SECONDS / FUZZERS * per_second)
    return settings(
        max_examples=many or quick, derandomize=not many, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


# ------------------------------------------------------------------ what is bent

EDIT: dict[str, Any] = {
    "apiVersion": "cutlist/v1",
    "kind": "Edit",
    "metadata": {"name": "remote", "labels": {"a": "b"}},
    "spec": {
        "model": "wan2.7-videoedit",
        "input": {
            "prompt": "rain",
            "media": [{"type": "video", "url": "https://clips.example/a.mp4?Signature=x"}],
        },
        "parameters": {"resolution": "720P", "duration": 2, "seed": 7},
        "take": 1,
        "output": "renders/remote.mp4",
    },
}
PROJECT: dict[str, Any] = {
    "apiVersion": "cutlist/v1",
    "kind": "Project",
    "metadata": {"name": "film"},
    "spec": {
        "manifests": ["specs/"],
        "endpoint": "http://127.0.0.1:9/api/v1",
        "realm": "live",
        "account": "studio",
        "workspace": "ws",
        "store": "shelf",
        "defaults": {"model": "wan2.7-videoedit", "parameters": {"duration": 2}},
        "prices": {
            "currency": "USD",
            "models": {"wan2.7-videoedit": {"720P": 0.1}, "wan2.1-vace-plus": 0.1},
        },
        "budget": {"per_apply": 9},
        "limits": {"running_tasks": 2, "poll_interval_s": 1, "settle_s": 2},
        "result_hosts": ["clips.example"],
        "environments": {"final": {"policy": {"resolution": ["1080P"], "labels": []}}},
        "policy": {
            "models": ["wan2.7-videoedit"],
            "resolution": ["720P"],
            "labels": ["a"],
            "prompt_deny": ["rival brand"],
            "watermark": False,
            "waive": [{"edits": ["remote*"], "rules": ["models"], "reason": "agreed"}],
        },
    },
}
_TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            ".",
            "..",
            "../x.mp4",
            "/etc/passwd",
            "edit://remote",
            "edit://",
            "oss://",
            "file:///x",
            "http://[",
            "data:image/png;base64,",
            "https://user@h/",
            "${{ matrix.look }}",
            "${{ matrix.x }}",
            "renders/a.mp4",
            "720P",
            "wan2.1-vace-plus",
            "\u202e.mp4",
            "a" * 5000,
            "http://127.0.0.1:9/x.mp4",
            "SUCCEEDED",
            "FAILED",
            "UNKNOWN",
        ]
    ),
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    _TEXTS,
    st.just(10**400),
    st.just(0),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(_TEXTS, each, max_size=3),
    max_leaves=6,
)


def _places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, each in pairs:
        yield from _places(each, (*here, name))


@st.composite
def bent(draw: st.DrawFn, good: Any) -> Any:
    """Something good with up to three of its parts replaced, taken out, or with company."""
    made = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(list(_places(made)))) or (None,)
        if last is None:
            return draw(_VALUES)
        parent = made
        for step in way:
            parent = parent[step]
        match draw(st.sampled_from(("replace", "replace", "remove", "add"))):
            case "remove":
                del parent[last]
            case "add" if isinstance(parent, dict):
                parent[draw(_TEXTS)] = draw(_VALUES)
            case _:
                parent[last] = draw(_VALUES)
    return made


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """Bytes that were good: cut short, overwritten in the middle, or others altogether."""
    at = draw(st.integers(0, len(good)))
    match draw(st.sampled_from(("cut", "overwrite", "insert", "other"))):
        case "cut":
            return good[:at]
        case "overwrite":
            new = draw(st.binary(min_size=1, max_size=64))
            return good[:at] + new + good[at + len(new) :]
        case "insert":
            return good[:at] + draw(st.binary(max_size=16)) + good[at:]
        case _:
            return draw(st.binary(max_size=200))


def text(good: Any) -> st.SearchStrategy[bytes]:
    """A JSON (and so YAML) file gone wrong: in its structure, or in its bytes."""
    return st.one_of(
        bent(good).map(lambda each: json.dumps(each).encode()), spoilt(json.dumps(good).encode())
    )


DEEP = b"[" * 100_000


# ------------------------------------------------------------------ where it is put


class Nobody(httpx.AsyncBaseTransport):
    """A network on which nobody answers; it counts who asked."""

    def __init__(self) -> None:
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        raise httpx.ConnectError("nobody", request=request)


class Place:
    """A project folder in a folder of its own, and the real command in it, on virtual time."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.nobody = Nobody()
        self._before = self._files()
        opened = Project.open.__func__  # type: ignore[attr-defined]

        def open_here(cls: Any, path: Any = ".", **given: Any) -> Project:
            made: Project = opened(
                cls, path, **{**given, "clock": Ticking(VirtualClock()), "transport": self.nobody}
            )
            return made

        patch.setattr(Project, "open", classmethod(open_here))

    def write(self, name: str, content: bytes) -> None:
        """Put the bad file there; it counts as what was there before."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(content)
        self._before = self._files()

    def run(self, *arguments: str) -> int:
        """The command's exit code. An exception here is the traceback that a user would
        have met.
        """
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = run(["-C", str(self.root), *arguments])
        assert code in WORDS_ONLY, f"{arguments} ended with {code}"
        return code

    def _files(self) -> dict[str, bytes]:
        top = self.root.parent
        return {
            str(path.relative_to(top)): path.read_bytes()
            for path in sorted(top.rglob("*"))
            if path.is_file()
        }

    def written(self) -> list[str]:
        """Files that are new or changed, but for the program's own folder and what it is asked to
        write.
        """
        own = tuple(
            f"{self.root.name}/{each}"
            for each in (".cutlist/", "renders/", "shelf/", "cutlist.lock")
        )
        now = self._files()
        return [
            name
            for name, data in now.items()
            if self._before.get(name) != data and not name.startswith(own)
        ]


@contextlib.contextmanager
def place(copy_of: Path | None = None) -> Iterator[Place]:
    """A fresh project, or a copy of one."""
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        root = Path(folder) / "film"
        if copy_of is None:
            (root / "specs").mkdir(parents=True)
            (root / "cutlist.yaml").write_text(json.dumps(PROJECT))
        else:
            shutil.copytree(copy_of, root)
        yield Place(root, patch)


def refused_or_fine(here: Place) -> None:
    """It is read by every question; what is refused sends nothing."""
    code = here.run("validate")
    here.run("plan", "--json")
    here.run("status")
    if code != 0:
        assert here.run("apply", "--auto-approve") == code
        assert here.nobody.requests == 0
    assert here.written() == []


def ends_in_words(here: Place) -> None:
    """Questions and an apply on whatever is there; the service is never to be reached."""
    for command in ("plan", "status", "plan --json"):
        here.run(*command.split())
    with contextlib.suppress(CutlistError):
        asyncio.run(
            _apply(here.root, {kind: [httpx.ConnectError] for kind in (*ANSWERS, "download")})
        )
    assert here.written() == []


# ------------------------------------------------------------------ files


@fuzz(per_second=20, quick=30)
@given(content=text(EDIT))
@example(content=DEEP)
def test_manifest(content: bytes) -> None:
    """Any manifest is read or refused; nothing is sent for a bad one, nothing is written."""
    with place() as here:
        here.write("specs/case.yaml", content)
        refused_or_fine(here)


@fuzz(per_second=20, quick=30)
@given(content=text(PROJECT))
@example(content=DEEP)
def test_project_file(content: bytes) -> None:
    """Any project file is read or refused."""
    with place() as here:
        here.write("specs/case.yaml", json.dumps(EDIT).encode())
        here.write("cutlist.yaml", content)
        refused_or_fine(here)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with everything in place: blobs, results, ledger, outputs, lock file."""
    root = tmp_path_factory.mktemp("applied") / "film"
    (root / "specs").mkdir(parents=True)
    (root / "cutlist.yaml").write_text(json.dumps(PROJECT))
    (root / "specs/case.yaml").write_text(json.dumps(EDIT))

    async def render() -> Report:
        virtual = VirtualClock()
        async with MockServer(
            clock=virtual, renderer=SmallFilms(), task_seconds=(2.0, 4.0)
        ) as server:
            inner = httpx.AsyncHTTPTransport()

            class Redirected(httpx.AsyncBaseTransport):
                async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                    request.url = request.url.copy_with(port=server.port)
                    return await inner.handle_async_request(request)

            variables = Variables(Secret("sk-mock"))
            project = Project.open(
                root, variables=variables, clock=Ticking(virtual), transport=Redirected()
            )
            report = await project.apply_async()
            await inner.aclose()
            return report

    report = asyncio.run(render())
    assert report.exit_code == 0, write_outcome(report)
    return root


STATE = (
    "cutlist.lock",
    ".cutlist/outputs.json",
    "shelf/live/results",
    ".cutlist/live/ledger.db",
    ".cutlist/cache",
)


@fuzz(per_second=20, quick=50)
@given(data=st.data())
def test_state(applied: Path, data: st.DataObject) -> None:
    """Any lock file, record, note, cache or ledger is read or refused, and an apply on it ends in
    words.
    """
    with place(copy_of=applied) as here:
        top = here.root / data.draw(st.sampled_from(STATE))
        files = (
            [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
        )
        path = data.draw(st.sampled_from(files))
        path.chmod(0o600)
        good = path.read_bytes()
        content = data.draw(text(json.loads(good)) if path.suffix == ".json" else spoilt(good))
        here.write(path.relative_to(here.root).as_posix(), content)
        ends_in_words(here)


@pytest.mark.parametrize("name", STATE)
def test_deep_state(applied: Path, name: str) -> None:
    """Each of them nested too deep to be read: no example to be made smaller, which takes
    for ever.
    """
    with place(copy_of=applied) as here:
        top = here.root / name
        for path in [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]:
            path.chmod(0o600)
            here.write(path.relative_to(here.root).as_posix(), DEEP)
        ends_in_words(here)


def test_nonsense_in_a_record(applied: Path) -> None:
    """A record that reads well and names its result may still say nonsense of its task."""
    with place(copy_of=applied) as here:
        (path,) = (here.root / "shelf/live/results").rglob("*.json")
        path.chmod(0o600)
        made = json.loads(path.read_bytes())
        made["task"]["task_id"] = {"no": "id"}
        here.write(path.relative_to(here.root).as_posix(), json.dumps(made).encode())
        ends_in_words(here)


LEDGER = [
    ("attempts", name)
    for name in (
        "state",
        "job",
        "prompt",
        "created_at",
        "endpoint",
        "key",
        "task_id",
        "lane",
        "submitted_at",
        "code",
    )
] + [("tasks", "status"), ("tasks", "answer"), ("tasks", "task_id")]


@fuzz(per_second=8, quick=10)
@given(
    where=st.sampled_from(LEDGER),
    value=_TEXTS | st.integers(-1, 2**62) | st.none(),
    version=st.integers(0, 3),
)
def test_ledger_rows(applied: Path, where: tuple[str, str], value: Any, version: int) -> None:
    """A ledger that SQLite can read and we did not write is told of in words."""
    table, column = where
    with place(copy_of=applied) as here:
        database = sqlite3.connect(here.root / ".cutlist/live/ledger.db", isolation_level=None)
        with (
            contextlib.closing(database),
            contextlib.suppress(sqlite3.Error, OverflowError, UnicodeEncodeError),
        ):
            database.execute(f"update {table} set {column} = ?", (value,))
            database.execute(f"pragma user_version = {version}")
        ends_in_words(here)


# ------------------------------------------------------------------ the service

_ID = "0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11"
_HOST = "http://127.0.0.1:9"
ANSWERS: dict[str, Any] = {
    "create": {"request_id": "r", "output": {"task_id": _ID, "task_status": "PENDING"}},
    "fetch": {
        "request_id": "r",
        "output": {
            "task_id": _ID,
            "task_status": "SUCCEEDED",
            "submit_time": "2026-01-01 08:00:00.000",
            "end_time": "2026-01-01 08:00:09.000",
            "orig_prompt": "rain",
            "video_url": f"{_HOST}/r/a.mp4?Signature=s",
        },
        "usage": {
            "duration": 4.0,
            "input_video_duration": 2.0,
            "output_video_duration": 2.0,
            "SR": 720,
        },
    },
    "list": {
        "request_id": "r",
        "total": 1,
        "total_page": 1,
        "page_no": 1,
        "page_size": 10,
        "data": [
            {
                "task_id": _ID,
                "model_name": "wan2.7-videoedit",
                "gmt_create": 1767225600000,
                "status": "PENDING",
            }
        ],
    },
    "policy": {
        "request_id": "r",
        "data": {
            "policy": "p",
            "signature": "s",
            "upload_dir": "dashscope/x",
            "upload_host": f"{_HOST}/upload",
            "oss_access_key_id": "k",
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        },
    },
    "upload": {},
}
_STATUS = st.sampled_from([200] * 6 + [201, 204, 302, 400, 401, 403, 404, 408, 418, 429, 500, 503])
_HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Length", "Content-Encoding", "Content-Type", "Date", "Location", "Retry-After"]
    ),
    st.sampled_from(
        [
            "0",
            "-1",
            "9" * 5000,
            "\xb2",
            "gzip",
            "br",
            "text/html; charset=utf-7",
            "yesterday",
            "http://[",
            "Thu, 01 Jan 9999 00:00:00 -0000",
            "application/json; charset=nonsense",
        ]
    ),
    max_size=2,
)
_ERRORS = st.sampled_from(
    [
        httpx.ConnectError,
        httpx.ReadTimeout,
        httpx.ReadError,
        httpx.RemoteProtocolError,
        httpx.InvalidURL,
    ]
)
_REFUSAL = st.fixed_dictionaries(
    {
        "code": st.sampled_from(
            ["Throttling", "InvalidParameter", "InternalError", "Arrearage", "InvalidURL", "\x1b"]
        ),
        "message": _TEXTS,
        "request_id": _TEXTS,
    }
)


@st.composite
def answers(draw: st.DrawFn, kind: str) -> Any:
    """What may come back for one kind of request: (status, headers, body), or an error of the
    connection.
    """
    if kind == "download":
        body = draw(st.binary(max_size=300) | st.just(b"\0\0\0\x18ftypmp42" + b"\0" * 200))
    else:
        good = ANSWERS[kind]
        body = draw(
            st.one_of(
                st.just(json.dumps(good).encode()),
                text(good),
                _REFUSAL.map(json.dumps).map(str.encode),
            )
        )
    if draw(st.integers(0, 9)) == 0:
        return draw(_ERRORS)
    plain = draw(st.booleans())
    return (200 if plain else draw(_STATUS)), ({} if plain else draw(_HEADERS)), body


_SERVICE = st.fixed_dictionaries(
    {kind: st.lists(answers(kind), min_size=1, max_size=3) for kind in (*ANSWERS, "download")}
)


class Babble(httpx.AsyncBaseTransport):
    """A service that has its answers for each kind of request, over and over; asks to stop when
    that has no end.
    """

    def __init__(self, said: dict[str, list[Any]], stop: Stop, clock: Ticking) -> None:
        self._said, self._stop, self._clock = said, stop, clock
        self._end = clock.now() + DAYS
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests += 1
        if self.requests > TALK or self._clock.now() > self._end:
            self._stop.request("SIGINT")
            await asyncio.sleep(0)
        assert self.requests < 50 * TALK, "it goes on asking for ever"
        said = self._said[self._kind(request)]
        answer = said[self.requests % len(said)]
        if isinstance(answer, type):
            raise (
                answer("trouble")
                if answer is httpx.InvalidURL
                else answer("trouble", request=request)
            )
        status, headers, body = answer
        lines = [(name.encode(), line.encode("latin-1")) for name, line in headers.items()]
        return httpx.Response(status, headers=lines, stream=httpx.ByteStream(body), request=request)

    def _kind(self, request: httpx.Request) -> str:
        path = request.url.path
        if request.method == "POST":
            return "create" if path.endswith("video-synthesis") else "upload"
        if path.endswith("/uploads"):
            return "policy"
        return "list" if path.endswith("/tasks") else "fetch" if "/tasks/" in path else "download"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip to upload."""
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", 2.0)


@fuzz(per_second=4, quick=12)
@given(said=_SERVICE)
def test_service(clip: Path, said: dict[str, list[Any]]) -> None:
    """Whatever the service answers, two applies end, with a report or an error of ours, and write
    nowhere else.
    """
    with place() as here:
        shutil.copy(clip, here.root / "specs/clip.mp4")
        here.write("specs/case.yaml", json.dumps(EDIT).encode())
        local = json.loads(json.dumps(EDIT))
        local["metadata"]["name"] = "local"
        local["spec"] = {**local["spec"], "output": "renders/local.mp4"}
        local["spec"]["input"]["media"][0]["url"] = "./clip.mp4"
        here.write("specs/local.yaml", json.dumps(local).encode())
        for _ in range(2):
            outcome = asyncio.run(asyncio.wait_for(_apply(here.root, said), timeout=300))
            assert outcome
        for command in ("plan", "status"):
            here.run(*command.split())
        assert here.written() == []


async def _apply(root: Path, said: dict[str, list[Any]]) -> str:
    """The last word of an apply with that service."""
    stop, clock = Stop(), Ticking(VirtualClock())
    opened: Callable[..., Project] = Project.open
    project = opened(root, variables=Variables(Secret("sk-mock")))
    project = Project(project.config, clock, Babble(said, stop, clock))
    try:
        report = await project.apply_async(stop=stop)
    except CutlistError as error:
        return str(error)
    return write_outcome(report) + json.dumps(report.to_json())
