"""Proxies and certificates as the variables name them, with real proxies on loopback."""

from __future__ import annotations

import asyncio
import base64
import builtins
import gc
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import CutlistError, NotReached, OutcomeUnknown
from reconciler.formats.secret import Secret
from reconciler.service.client import Client
from reconciler.service.endpoints import Endpoint
from reconciler.service.network import Network
from reconciler.service.proxying import check_route
from reconciler.service.routes import Routes
from tests.apply import hostile
from tests.apply.hostile import JSON, TASK, TLS, answers, served
from tests.workspace import Workspace

URL = "https://api.example/api/v1"
CLIP = {"type": "video", "url": "https://clips.example/a.mp4"}
ANSWER = answers(TASK + b"}", head=JSON)


async def created(env: dict[str, str]) -> Any:
    """A POST to a service that only a proxy leads to, over TLS."""
    routes = Routes.of({"SSL_CERT_FILE": str(TLS / "cert.pem"), **env})
    asking = Client(Endpoint(URL, URL, "live", None, False), Secret("sk-secret"), routes=routes)
    try:
        return await asking.create(b"{}", uses_oss=False)
    finally:
        await asking.close()


async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ready\r\n")
    await writer.drain()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_http_connect(variable: str) -> None:
    """The request goes through the proxy's tunnel, with its password, which the service
    never sees.
    """
    heads: list[bytes] = []
    async with (
        served(ANSWER, tls=hostile.tls_server()) as service,
        served(hostile.http_proxy(service, heads)) as port,
    ):
        env = {variable: f"http://ann:s3cret@127.0.0.1:{port}", "NO_PROXY": "fd00::/8,other"}
        assert (await created(env)).task_id == "t-1"
    (head,) = heads
    assert head.startswith(b"CONNECT api.example:443 ")
    assert base64.b64encode(b"ann:s3cret") in head
    assert b"sk-secret" not in head


@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
async def test_socks(scheme: str) -> None:
    """The same through SOCKS 5; the proxy looks the name up."""
    names: list[bytes] = []
    async with (
        served(ANSWER, tls=hostile.tls_server()) as service,
        served(hostile.socks_proxy(service, names)) as port,
    ):
        assert (await created({"ALL_PROXY": f"{scheme}://127.0.0.1:{port}/"})).task_id == "t-1"
    assert names == [b"api.example"]


async def test_a_service_on_this_machine_is_reached_without_a_proxy() -> None:
    """Whatever the variables say."""
    async with served(ANSWER) as port:
        url = f"http://127.0.0.1:{port}/api/v1"
        routes = Routes.of({"HTTP_PROXY": "http://127.0.0.1:9", "SSL_CERT_FILE": "/gone.pem"})
        asking = Client(Endpoint(url, url, "mock", None, True), Secret("k"), routes=routes)
        assert (await asking.create(b"{}", uses_oss=False)).task_id == "t-1"
        await asking.close()


async def test_a_proxy_that_refuses() -> None:
    """Nothing was sent to the service; no password is told."""

    async with served(answers(b"no", status=b"407 Proxy Authentication Required")) as port:
        with pytest.raises(NotReached) as refused:
            await created({"HTTPS_PROXY": f"http://ann:s3cret@127.0.0.1:{port}"})
    assert "407" in str(refused.value)
    assert "s3cret" not in str(refused.value)


# httpcore drops a connection that never became one of SOCKS without closing it
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("act", [nonsense, hostile.silent], ids=["nonsense", "silence"])
async def test_a_proxy_that_is_none(act: hostile.Streams) -> None:
    """Bytes that are no SOCKS, or none at all, end in words, and in time."""
    async with served(act) as port:
        network = Network(Routes.of({"ALL_PROXY": f"socks5://127.0.0.1:{port}"}))
        with pytest.raises(OutcomeUnknown):
            await network.ask("GET", URL, within_s=0.4)
        await network.close()
    gc.collect()


def test_socks_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused in words that name variable and package, before anything is sent."""
    found = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("socksio"):
            raise ImportError(name)
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    monkeypatch.delitem(sys.modules, "socksio", raising=False)
    routes = Routes.of({"ALL_PROXY": "socks://ann:s3cret@127.0.0.1:7890/"})
    with pytest.raises(
        CutlistError, match=r"ALL_PROXY names socks5://127\.0\.0\.1:7890"
    ) as refused:
        check_route(routes, URL)
    assert "cutlist[socks]" in refused.value.hint
    check_route(Routes.of({"ALL_PROXY": "socks://a:1", "HTTPS_PROXY": "http://b:1"}), URL)


def test_socks_4_is_refused() -> None:
    """Not spoken, and said so."""
    with pytest.raises(CutlistError, match="https_proxy names socks4://a:1080; SOCKS 4"):
        check_route(Routes.of({"https_proxy": "socks4://a"}), URL)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SSL_CERT_FILE", "/gone/cacert.pem", "names /gone/cacert.pem .* no file is there"),
        ("SSL_CERT_FILE", "/", "no file is there"),
        ("SSL_CERT_FILE", str(Path(__file__)), "it holds no certificates"),
        ("SSL_CERT_DIR", "/gone", "names /gone .* no folder is there"),
        ("SSL_CERT_DIR", str(Path(__file__)), "no folder is there"),
    ],
)
def test_certificates_that_are_not_there(variable: str, value: str, words: str) -> None:
    """Named with their variable, before anything is sent; a folder may be empty."""
    with pytest.raises(CutlistError, match=f"{variable} .*{words}"):
        check_route(Routes.of({variable: value}), URL)
    check_route(Routes.of({variable: value}), "http://127.0.0.1:1/api/v1")


async def test_a_certificate_that_is_not_believed() -> None:
    """Without the variable the service of the test is a stranger: nothing is sent to it."""
    async with (
        served(ANSWER, tls=hostile.tls_server()) as service,
        served(hostile.http_proxy(service, [])) as port,
    ):
        with pytest.raises(NotReached, match=r"(?i)certificate"):
            await created({"HTTPS_PROXY": f"http://127.0.0.1:{port}", "SSL_CERT_FILE": ""})


def test_apply_says_what_is_left_out(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each on standard error; a stale certificate file ends it in words, exit 1."""
    env = {
        "DASHSCOPE_API_KEY": "sk-none",
        "HTTPS_PROXY": "http://user:s3cret@[::1",
        "NO_PROXY": "fd00::/8,10.0.0.0/99",
        "SSL_CERT_FILE": "/gone/cacert.pem",
    }
    workspace.edit("intro", input={"prompt": "x", "media": [CLIP]})
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    said = workspace.run("apply", "--auto-approve", "--endpoint", "singapore")
    assert said.code == 1
    told = " ".join((said.out + said.err).split())
    assert "warning: HTTPS_PROXY is left out" in told
    assert 'warning: "10.0.0.0/99" of NO_PROXY is left out' in told
    assert "error: SSL_CERT_FILE names /gone/cacert.pem for certificates" in said.err
    assert "Nothing was sent." in said.err
    assert "s3cret" not in said.err + said.out
    assert "Traceback" not in said.err


def test_a_key_that_no_header_takes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of two lines, or beyond ASCII, is refused in words and not shown."""
    workspace.edit("intro", input={"prompt": "x", "media": [CLIP]})
    for key in ("sk-a\nb", "sk-ключ", "sk a"):
        monkeypatch.setenv("DASHSCOPE_API_KEY", key)
        said = workspace.run("apply", "--auto-approve", "--endpoint", "singapore")
        assert said.code == 1
        assert "DASHSCOPE_API_KEY is no key" in said.err
        assert key not in said.err


async def test_a_proxy_that_is_not_there_is_named() -> None:
    """Where people have to look is the variable; its password is nobody's business."""
    with pytest.raises(NotReached) as told:
        await created({"HTTPS_PROXY": "http://me:hush@127.0.0.1:9"})
    assert "through http://127.0.0.1:9, the proxy of HTTPS_PROXY" in told.value.message
    assert "hush" not in str(told.value) + told.value.hint
