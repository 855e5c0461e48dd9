"""A server on virtual time in a thread of its own, and the vendor's SDK pointed at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dashscope
import pytest
from dashscope.aigc.video_synthesis import AioVideoSynthesis, VideoSynthesis
from dashscope.api_entities.aio_session import close_shared_aio_session
from dashscope.api_entities.http_request import close_shared_sync_session

from mockserver import VirtualClock
from mockserver.media.probe.client import probe_file
from mockserver.threaded import ServerThread
from tests.described import Watch
from tests.media import make_clip


class QuickRenderer:
    """Looks into real media, but writes a few bytes in place of a film: for tests that are not
    about pictures.
    """

    def probe(self, path: Path, kind: str) -> Any:
        return probe_file(path, kind)

    def render(self, plan: Any, medium: Any, target: Path) -> None:
        target.write_bytes(b"film " + plan.name.encode())


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ServerThread]:
    """Tasks take 10 s of a time that stands still; `@pytest.mark.dashscope_server(...)` changes
    options.

    Every answer of it must be one that schemas/dashscope.openapi.yaml describes.
    """
    options: dict[str, Any] = {
        "clock": VirtualClock(),
        "task_seconds": (10, 10),
        "renderer": QuickRenderer(),
    }
    for mark in request.node.iter_markers("dashscope_server"):
        options |= mark.kwargs
    thread, watch = ServerThread(**options), Watch()
    watch.over(thread.server)
    with thread as server:
        yield server
    assert watch.undescribed == []


class Sdk:
    """`VideoSynthesis` or `AioVideoSynthesis`, called alike."""

    def __init__(
        self, made: Callable[[str, tuple[Any, ...], dict[str, Any]], Any], server: ServerThread
    ) -> None:
        self._made, self.server = made, server

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: self._made(name, args, kwargs)

    def finished(self, *args: Any, **kwargs: Any) -> Any:
        """async_call, ten seconds, wait."""
        created = self.async_call(*args, **kwargs)
        assert (created.status_code, created.output.task_status) == (200, "PENDING"), created
        self.server.clock.advance(10)
        return self.wait(created)


@pytest.fixture(params=["VideoSynthesis", "AioVideoSynthesis"])
def sdk(
    request: pytest.FixtureRequest, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sdk]:
    """The SDK in both its forms, as its own settings point it at the server."""
    monkeypatch.setattr(dashscope, "base_http_api_url", server.url)
    monkeypatch.setattr(dashscope, "api_key", "sk-mock")
    if request.param == "VideoSynthesis":
        yield Sdk(lambda name, args, kwargs: getattr(VideoSynthesis, name)(*args, **kwargs), server)
        close_shared_sync_session()
        return
    with asyncio.Runner() as runner:
        yield Sdk(
            lambda name, args, kwargs: runner.run(
                getattr(AioVideoSynthesis, name)(*args, **kwargs)
            ),
            server,
        )
        runner.run(close_shared_aio_session())


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 2 s, 320*240, that a path with a space leads to."""
    path = tmp_path_factory.mktemp("my clips") / "clip.mp4"
    make_clip(path)
    return path
