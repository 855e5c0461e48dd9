"""The page at the command line: its address, the browser, the last word."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path

from reconciler.cli import crash, screen
from reconciler.formats.secret import Secret
from reconciler.system.clock import make_secret
from reconciler.system.programs import find_opener, run_program
from reconciler.web.auth import COOKIE, open_gate
from reconciler.web.environments import OpenIn, ProjectHouse
from reconciler.web.files import Shell
from reconciler.web.gate import PageGate, TokenGate
from reconciler.web.server import PageServer

_TOKEN_BYTES = 24
_READ_WITHIN_S = 30.0  # so long the browser may take to read where it is sent


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What the command line says. `auth` None: whoever has the token of this start."""

    open_in: OpenIn
    host: str
    port: int
    open_browser: bool
    auth: str | None
    folder: Path  # from which files are named


async def serve_page(settings: PageSettings) -> None:
    """Serve the page until cancelled. Raises CutlistError where it cannot begin."""
    token = Secret("" if settings.auth else make_secret(_TOKEN_BYTES).hex())
    project = settings.open_in(None)
    house = ProjectHouse(project, settings.open_in, lambda: make_secret(8).hex(), _tell_fault)
    given = None if settings.auth is None else open_gate(settings.auth, settings.folder)

    def open_own_gate(port: int) -> PageGate:
        who = house.watched.project.config.approver
        return given or TokenGate([(who, token)], f"{COOKIE}-{port}", [port])

    server = PageServer(
        house,
        Shell(),
        open_own_gate,
        _tell_fault,
        host=settings.host,
        port=settings.port,
    )
    async with AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.stop)
        stack.push_async_callback(house.close)
        host = f"[{server.host}]" if ":" in server.host else server.host
        address = f"http://{host}:{server.port}/"
        whole = f"{address}?token={token.reveal()}" if token else address
        screen.print_lines(f"The page is at {whole}")
        screen.say("Ctrl-C closes it.")
        if settings.open_browser and token:
            browser = asyncio.ensure_future(_open_browser(whole))
            stack.callback(browser.cancel)
        await house.run()


def _tell_fault(error: Exception) -> None:
    """Write a report of a fault of the page."""
    crash.tell(error, where="on the page")


async def _open_browser(address: str) -> None:
    """Open the page. The token is in a file of this user alone: arguments of programs are seen by
    everybody on this machine.
    """
    opener = find_opener()
    if opener is None:
        return
    with tempfile.TemporaryDirectory(prefix="cutlist-page-") as folder:
        file = Path(folder) / "open.html"
        text = f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(address)}">'
        file.write_text(text, encoding="utf-8")
        with suppress(OSError):
            if await run_program([*opener, str(file)], quiet=True):
                return
        await asyncio.sleep(_READ_WITHIN_S)
