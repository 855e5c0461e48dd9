"""The DashScope video-editing task API on your own machine.

It has tasks, uploads, results that are real videos, and a bill.

>>> async with MockServer(clock=VirtualClock()) as server:
...     print(server.url)            # http://127.0.0.1:PORT/api/v1, key sk-mock
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mockserver.accounts import Account, ApiKey
from mockserver.clock import Clock, RealClock, ScaledClock, VirtualClock
from mockserver.errors import ServerError
from mockserver.settings import Settings

if TYPE_CHECKING:
    from mockserver.recording.recorder import Recorder
    from mockserver.recording.replay import Replay
    from mockserver.server import MockServer

__all__ = [
    "Account",
    "ApiKey",
    "Clock",
    "MockServer",
    "RealClock",
    "Recorder",
    "Replay",
    "ScaledClock",
    "ServerError",
    "Settings",
    "VirtualClock",
]


_LAZY = {"MockServer": "server", "Recorder": "recording.recorder", "Replay": "recording.replay"}


def __getattr__(name: str) -> Any:
    """Import servers at their first use: aiohttp and the video libraries are slow to load."""
    if name in _LAZY:
        return getattr(importlib.import_module(f"mockserver.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'mockserver' has no attribute {name!r}")
