"""The server's own controls under /_mock/: time, bill, journal. From the same machine only."""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from mockserver.service import Service

CLOCK = "clock"  # name of the clock's last time in the state


def add_control(app: web.Application, service: Service) -> None:
    """Add the control routes to the application."""
    control = _Control(service)
    for method, path, handler in (
        ("GET", "health", control.health),
        ("POST", "clock", control.clock),
        ("GET", "bill", control.bill),
        ("GET", "journal", control.journal),
        ("POST", "reset", control.reset),
    ):
        app.router.add_route(method, f"/_mock/{path}", _local_only(handler))


class _Control:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def health(self, _: web.Request) -> web.Response:
        now = self._service.clock.now()
        return web.json_response({"status": "ok", "now": now, "tasks": self._service.state.task_count()})

    async def clock(self, request: web.Request) -> web.Response:
        try:
            document = json.loads(await request.read())
            seconds = float(document["advance_s"])
        except (ValueError, KeyError, TypeError):
            seconds = -1.0
        if not 0 <= seconds < math.inf:
            return _refuse('the body should be {"advance_s": N}, N seconds of at least 0')
        self._service.clock.advance(seconds)
        now = self._service.clock.now()
        self._service.state.set_meta(CLOCK, repr(now))
        return web.json_response({"now": now})

    async def bill(self, _: web.Request) -> web.Response:
        return web.json_response(self._service.tasks.bill())

    async def journal(self, _: web.Request) -> web.Response:
        return web.json_response(self._service.journal())

    async def reset(self, _: web.Request) -> web.Response:
        self._service.reset()
        return web.json_response({"status": "ok"})


def _local_only(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[[web.Request], Any]:
    async def guarded(request: web.Request) -> web.Response:
        if request.remote is not None and not _is_loopback(request.remote):
            return _refuse("the controls answer only on the machine that the server runs on", 403)
        return await handler(request)

    return guarded


def _is_loopback(address: str) -> bool:
    peer = ipaddress.ip_address(address)
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return (mapped or peer).is_loopback


def _refuse(message: str, status: int = 400) -> web.Response:
    return web.json_response({"code": "InvalidControl", "message": message}, status=status)
