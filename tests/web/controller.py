"""A controller that follows a repository, and its page on a real port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from reconciler.apply.outcome import Stop
from reconciler.cli.sync_paging import SyncPages, SyncPageSettings
from reconciler.config import Variables
from reconciler.controller.documents import Sync
from reconciler.controller.logs import Log, LogStream
from reconciler.controller.service import ControllerService, ServiceSettings
from reconciler.formats.secret import Secret
from reconciler.system.clock import SystemClock
from tests.controller.stage import Stage, run_here
from tests.controller.test_controller import until

WHO = "Ada Example"
WITHIN_S = 120.0


@dataclass
class ControllerPage:
    """The page of a controller, and whoever asks it: a program with the token."""

    service: ControllerService
    pages: SyncPages
    session: aiohttp.ClientSession
    logged: StringIO
    faults: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return str(URL(self.pages.address).origin())

    async def get(self, path: str, status: int = 200, **headers: str) -> Any:
        """The JSON at a path."""
        async with self.session.get(f"{self.origin}{path}", headers=headers) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def post(self, path: str, data: Any, status: int = 200, **headers: str) -> Any:
        """The JSON that is answered to JSON."""
        async with self.session.post(f"{self.origin}{path}", json=data, headers=headers) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def until_board(self, path: str, **wanted: Any) -> Any:
        """The only card of a board, once it is as it is wanted."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                cards = (await self.get(f"{path}/api/v1/board"))["cards"]
                if cards and all(cards[0][name] == value for name, value in wanted.items()):
                    return cards[0]
                await asyncio.sleep(0.05)

    def find(self, name: str = "films") -> Any:
        """The status of a Sync."""
        syncs: Any = self.service.controller.entries.read_status()["syncs"]
        return next(one for one in syncs if one["name"] == name)


@asynccontextmanager
async def serve_controller(
    stage: Stage, syncs: Sequence[Sync], auth: str | None = None
) -> AsyncIterator[ControllerPage]:
    """The page of a controller, for the length of a block."""
    pages = SyncPages(SyncPageSettings("127.0.0.1", 0, auth, Path(), WHO, SystemClock()))
    logged = StringIO()
    service = ControllerService(
        ServiceSettings(
            state=stage.state,
            load=lambda: syncs,
            clock=stage.clock,
            alarms=stage.alarms,
            variables=Variables(Secret("sk-mock")),
            log=Log(LogStream(logged), stage.alarms, form="json", least="debug"),
            transport=stage.network,
            run_pass=run_here,
            onlooker=pages,
        )
    )
    stop = Stop()
    work = asyncio.ensure_future(service.serve(stop))
    try:
        await until(lambda: bool(pages.address) or work.done())
        token = URL(pages.address).query["token"]
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            yield ControllerPage(service, pages, session, logged)
    finally:
        stop.request("SIGTERM")
        await asyncio.wait_for(work, WITHIN_S)
