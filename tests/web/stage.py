"""A page on a real port over a real project, and requests to it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from reconciler.formats.secret import Secret
from reconciler.project import Project
from reconciler.web.connections import PageConnections
from reconciler.web.environments import ProjectHouse
from reconciler.web.files import Shell
from reconciler.web.gate import TokenGate
from reconciler.web.server import PageServer
from reconciler.web.watched import WatchedProject

TOKEN = "a-token-of-this-test"
WHO = "Ada Example"
WITHIN_S = 120.0


@dataclass
class Page:
    """One page, and whoever asks it: a program with the token, unless headers say otherwise."""

    server: PageServer
    watched: WatchedProject
    session: aiohttp.ClientSession
    faults: list[Exception] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

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

    async def look(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        """The answer at a path, read to its end; redirections are not followed."""
        async with self.session.get(
            f"{self.origin}{path}", headers=headers, allow_redirects=False
        ) as answer:
            await answer.read()
            return answer


@asynccontextmanager
async def serve(root: Path, connections: PageConnections | None = None) -> AsyncIterator[Page]:
    """The page of a project, for the length of a block."""
    faults: list[Exception] = []

    def open_in(environment: str | None) -> Project:
        return Project.open(root, environment=environment)

    house = ProjectHouse(open_in(None), open_in, lambda: "test", faults.append)

    def open_gate(port: int) -> TokenGate:
        return TokenGate([(WHO, Secret(TOKEN))], "cutlist-test", [port])

    server = PageServer(house, Shell(), open_gate, faults.append, connections=connections)
    await server.start()
    looking = asyncio.ensure_future(house.run())
    try:
        async with (
            asyncio.timeout(WITHIN_S),
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session,
        ):
            yield Page(server, house.watched, session, faults)
    finally:
        looking.cancel()
        await asyncio.wait([looking])
        await house.close()
        await server.stop()
    if not looking.cancelled():
        looking.result()
    assert faults == []


def copy_project(source: Path, target: Path) -> Path:
    """A project of one's own, to be changed."""
    shutil.copytree(source, target)
    return target
