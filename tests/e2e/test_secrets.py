"""No key and no signature ever reaches a screen, a log or a disk, whatever happens to the
requests.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import pytest

from mockserver import VirtualClock
from mockserver.accounts import Account, ApiKey
from mockserver.threaded import ServerThread
from reconciler.project import Project
from tests.caches import read_tables
from tests.e2e.bench import (
    CREATE,
    FETCH,
    Network,
    SmallFilms,
    Ticking,
    Trouble,
    answer,
    failed,
    lost_after,
)
from tests.workspace import Said, Workspace, manifest

KEY = "sk-canary-0123456789abcdef"
WRONG_KEY = "sk-canary-of-somebody-else"
SIGNATURES = ("canarySignature1", "canarySecurityToken2", "canaryCredential3", "canaryAmz4")
SIGNED = (
    "https://clips.example/{}.mp4?Expires=1893456000&Signature=canarySignature1&security-token=canarySecurityToken2"
    "&X-Amz-Credential=canaryCredential3&X-Amz-Signature=canaryAmz4"
)
# what people wrote, and the private copy kept of it
MANIFESTS = ("specs", ".cutlist/cache/cache.db: manifests")
_SIGNED_FIELDS = ("signature", "policy", "oss_access_key_id")


class Eavesdropper(Network):
    """The network, and a note of every secret that the server has put into an answer."""

    def __init__(self, trouble: list[Trouble], heard: set[str]) -> None:
        super().__init__()
        self.trouble = trouble
        self._heard = heard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if response.headers.get("Content-Type", "").startswith("application/json"):
            self._listen(json.loads(await response.aread()))
        return response

    def _listen(self, value: Any) -> None:
        if isinstance(value, dict):
            self._heard.update(str(value[name]) for name in _SIGNED_FIELDS if name in value)
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                self._listen(each)
        elif isinstance(value, str) and "://" in value:
            self._heard.update(
                text for _, text in parse_qsl(value.partition("?")[2]) if len(text) > 10
            )


class Stage:
    """A project at a server, run by the real command on virtual time, with all that it
    says kept.
    """

    def __init__(
        self, workspace: Workspace, server: ServerThread, patch: pytest.MonkeyPatch
    ) -> None:
        self.workspace = workspace
        self.server = server
        self.heard: set[str] = set()
        self.trouble: list[Trouble] = []
        self.said = ""
        virtual = server.server.clock
        assert isinstance(virtual, VirtualClock)
        clock = Ticking(virtual)
        opened = Project.open

        def open_here(path: Path | str = ".", **settings: Any) -> Project:
            return opened(
                path,
                **{**settings, "clock": clock, "transport": Eavesdropper(self.trouble, self.heard)},
            )

        patch.setattr(Project, "open", open_here)
        patch.setenv("DASHSCOPE_API_KEY", KEY)
        patch.setenv("CUTLIST_ENDPOINT", server.url)

    def edit(self, name: str, **fields: Any) -> None:
        video = {"type": "video", "url": SIGNED.format(name)}
        spec = {
            "model": "wan2.7-videoedit", "input": {"prompt": name, "media": [video]},
            "parameters": {"resolution": "720P", "duration": 2}, **fields,
        }  # fmt: skip
        self.workspace.write(f"specs/{name}.yaml", manifest(name, spec))

    def run(self, *arguments: str) -> Said:
        said = self.workspace.run(*arguments)
        self.said += said.out + said.err
        return said

    def leaks(self, logged: str) -> set[str]:
        """Where a secret stands that should not: (place: secret)."""
        secrets = {KEY, WRONG_KEY, *SIGNATURES, *self.heard}
        secrets |= {unquote(each) for each in secrets}
        places = {"the screen": self.said.encode(), "a log": logged.encode()}
        for path in self.workspace.root.rglob("*"):
            name = path.relative_to(self.workspace.root).as_posix()
            if path.name == "cache.db":
                tables = read_tables(path).items()
                places |= {f"{name}: {table}": text for table, text in tables}
            elif path.is_file():
                places[name] = path.read_bytes()
        return {
            f"{place}: {secret}"
            for place, text in places.items()
            if not place.startswith(MANIFESTS)
            for secret in secrets
            if secret.encode() in text
        }


@pytest.fixture
def stage(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Stage]:
    """A stage with a server that knows the canary key, and every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    account = Account("default", "1000000000000001", (ApiKey("100001", KEY),))
    options: dict[str, Any] = {
        "clock": VirtualClock(),
        "renderer": SmallFilms(),
        "accounts": (account,),
    }
    with ServerThread(**options, task_seconds=(2.0, 4.0)) as server:
        yield Stage(workspace, server, monkeypatch)


async def elsewhere(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
    """The result is said to lie at somebody else's."""
    response = await send(request)
    body = (await response.aread()).decode().replace("http://127.0.0.1", "http://evil.example")
    return httpx.Response(
        response.status_code, text=body, headers={"Content-Type": "application/json"}
    )


async def no_url(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
    """The result's URL is none."""
    response = await send(request)
    body = re.sub(
        rb'"video_url": ?"http://[^/"]*', b'"video_url":"http://[broken', await response.aread()
    )
    return httpx.Response(
        response.status_code, content=body, headers={"Content-Type": "application/json"}
    )


async def moved(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
    """Somebody on the way sends us to a signed address."""
    return httpx.Response(302, headers={"Location": SIGNED.format("moved")})


async def tells_all(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
    """The transport's own error quotes the address."""
    raise httpx.ConnectError(f"cannot connect to {request.url}", request=request)


QUOTED = f"cannot download {SIGNED.format('quoted')}, please check it"
TROUBLES: dict[str, list[Trouble]] = {
    "all is well": [],
    "answer lost": [Trouble(*CREATE, lost_after)],
    "refused": [Trouble(*CREATE, answer(400, code="InvalidParameter", message=QUOTED))],
    "unavailable": [Trouble(*CREATE, answer(400, code="InvalidURL", message=QUOTED))],
    "broken": [Trouble(*CREATE, answer(500, code="InternalError", message=QUOTED))],
    "failed": [Trouble(*FETCH, failed("InvalidParameter", QUOTED))],
    "failed inside": [Trouble(*FETCH, failed("InternalError", QUOTED))],
    "wrong host": [Trouble(*FETCH, elsewhere, times=99)],
    "no url": [Trouble(*FETCH, no_url, times=99)],
    "moved": [Trouble(*CREATE, moved), Trouble(*FETCH, moved), Trouble("GET", ".mp4", moved)],
    "not reached": [Trouble(*FETCH, tells_all), Trouble("GET", ".mp4", tells_all)],
    "not allowed": [Trouble("GET", ".mp4", answer(403), times=2)],
    "upload": [Trouble("POST", "/upload", tells_all), Trouble("GET", "/uploads", tells_all)],
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_nothing_leaks(
    trouble: str, stage: Stage, media: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After applies in trouble and out of it, what was said, logged and written holds no key and no
    signature.
    """
    stage.workspace.take(media, "ok.mp4")
    stage.edit("remote")
    local = {"prompt": "local", "media": [{"type": "video", "url": "./media/ok.mp4"}]}
    stage.edit("local", input=local)
    stage.trouble = [
        Trouble(each.method, each.part, each.act, times=each.left) for each in TROUBLES[trouble]
    ]
    commands = (
        "apply",
        "plan",
        "status --json",
        "apply --retry-failed --json",
        "plan --json",
        "status",
    )
    for command in commands:
        assert "Traceback" not in stage.run(*command.split()).err
    assert stage.leaks(caplog.text) == set()
    assert stage.server.bill()["tasks"], "nothing was sent, so nothing was proved"


def test_a_refused_key_is_not_repeated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The service refuses a key; neither the words nor the ledger hold it."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", WRONG_KEY)
    stage.edit("remote")
    assert stage.run("apply").code == 1
    assert stage.leaks(caplog.text) == set()


def test_the_canaries_can_be_found(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """The search finds a secret where there is one, and the server's answers do hold some."""
    stage.edit("remote")
    assert stage.run("apply").code == 0
    assert stage.heard
    stage.workspace.write("renders/note.txt", f"see {SIGNED}")
    assert {leak.partition(":")[0] for leak in stage.leaks(caplog.text)} == {"renders/note.txt"}


def test_no_question_about_an_edit_shows_a_signature(workspace: Workspace) -> None:
    """Whatever is asked about it, in words or as JSON, before it was ever rendered."""
    clip = {"type": "video", "url": SIGNED.format("girl")}
    workspace.edit("girl", input={"prompt": "see https://a.example/?page=2", "media": [clip]})
    for command in (
        ["show", "girl"],
        ["explain", "girl"],
        ["plan"],
        ["status"],
        ["graph", "--dot"],
    ):
        for form in ([], ["--json"]) if command[0] != "graph" else ([],):
            said = workspace.run(*command, *form)
            assert said.code == 0
            assert not any(secret in said.out + said.err for secret in SIGNATURES), (command, form)
    request = json.loads(workspace.run("show", "girl", "--json").out)["request"]["input"]
    assert request["media"][0]["url"] == "https://clips.example/girl.mp4?…"
    assert request["prompt"] == "see https://a.example/?page=2"
