"""The pytest plugin: a fixture `dashscope_server`, there as soon as cutlist is installed.

Every pytest run of whoever installs cutlist loads this module, so it imports nothing that costs
time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockserver.threaded import LoopClock, LoopOrders, ServerThread

MARK = "dashscope_server"
_MARK_HELP = (
    f"{MARK}(speed=None, **options): how the server of the fixture {MARK} is made. Without speed"
    " its clock stands still until it is advanced; with it tasks take the models' usual minutes, so"
    " many times as fast; options are those of mockserver.MockServer."
)


class DashScopeServer:
    """The video-editing task API on a real socket, for one test."""

    def __init__(self, thread: ServerThread, api_key: str) -> None:
        self._thread = thread
        self.api_key = api_key
        # Base URL for clients: http://127.0.0.1:PORT/api/v1
        self.url: str = thread.url
        # Root of the controls: http://127.0.0.1:PORT/_mock/
        self.controls_url: str = thread.url.removesuffix("/api/v1") + "/_mock/"

    @property
    def clock(self) -> LoopClock:
        """The server's time: `now()`, `advance(seconds)`."""
        return self._thread.clock

    @property
    def faults(self) -> LoopOrders:
        """Faults on order: `add({"route": "create", "do": "lost", "nth": 1})`, `show()`,
        `clear()`.
        """
        return self._thread.faults

    @property
    def scenarios(self) -> LoopOrders:
        """How tasks go, on order: `add(...)`, `show()`, `clear()`; docs/mock-server.md says what
        there is.
        """
        return self._thread.scenarios

    def bill(self) -> dict[str, Any]:
        """What every task has cost so far: `{"tasks": [...], "total_billed_s"}`."""
        return self._thread.bill()

    def tasks(self, **filters: str) -> list[dict[str, Any]]:
        """Every task so far; `account`, `model`, `status` and `label` choose. GET /_mock/tasks."""
        return self._thread.tasks(**filters)

    def finish(self, task_id: str) -> None:
        """End a task now, as its outcome says. Raises ControlError for an unknown or ended one."""
        self._thread.finish(task_id)

    def journal(self) -> list[dict[str, Any]]:
        """The requests that have come, in order of arrival."""
        requests: list[dict[str, Any]] = self._thread.journal()["requests"]
        return requests

    def reset(self) -> None:
        """Forget tasks, uploads, videos and requests. The clock goes on."""
        self._thread.reset()


def _check_options(options: dict[str, Any], place: str) -> None:
    """Raise UsageError for an option that no server has, with the legal ones."""
    from dataclasses import fields  # lazy: only the tests that use the fixture pay for it

    from mockserver.fields import suggest
    from mockserver.settings import Settings

    legal = ["speed", *(field.name for field in fields(Settings))]
    for name in options:
        if name not in legal:
            raise pytest.UsageError(
                f"{place} has no option {name}; legal are {', '.join(legal)}{suggest(name, legal)}"
            )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, so that --strict-markers takes it."""
    config.addinivalue_line("markers", _MARK_HELP)


@pytest.fixture
def dashscope_server_options() -> dict[str, Any]:
    """Options of every `dashscope_server`; override it in a conftest.py or a module."""
    return {}


@pytest.fixture
def dashscope_server(
    request: pytest.FixtureRequest, dashscope_server_options: dict[str, Any]
) -> Iterator[DashScopeServer]:
    """A fresh DashScope video-editing server: url, api_key, clock, faults, scenarios, journal(),
    bill(), reset().
    """
    from mockserver.accounts import DEFAULT_ACCOUNTS  # lazy: only the tests that use it pay for it
    from mockserver.clock import ScaledClock, VirtualClock
    from mockserver.threaded import ServerThread

    options = dict(dashscope_server_options)
    _check_options(options, "the fixture dashscope_server_options")
    # The nearest mark has the last word.
    for mark in reversed(list(request.node.iter_markers(MARK))):
        if mark.args:
            raise pytest.UsageError(f"the mark {MARK} takes options by name, such as speed=60")
        _check_options(mark.kwargs, f"the mark {MARK}")
        options |= mark.kwargs
    speed = options.pop("speed", None)
    if speed is not None:  # tasks take their usual minutes, as on the command line
        options.setdefault("task_seconds", None)
    options.setdefault("clock", VirtualClock() if speed is None else ScaledClock(speed))
    accounts = options.get("accounts", DEFAULT_ACCOUNTS)
    with ServerThread(**options) as thread:
        yield DashScopeServer(thread, accounts[0].keys[0].secret)
