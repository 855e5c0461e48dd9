"""The bundled server inside a command: started here, or found running in another process of the
same project.

Its state lies in the project, so that a task submitted by one command is there for the next. A
kernel file lock says who serves; whoever finds it taken uses that server, and takes its place at
the same port when it ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from reconciler.errors import CutlistError
from reconciler.formats.records import parse_json
from reconciler.formats.untrusted import read_whole_number
from reconciler.system.files import make_dirs

TASK_SECONDS = (2.0, 4.0)
_LOOK_EVERY_S = 0.1
_START_WITHIN_S = 10.0
_LAST_PORT = 65535


@asynccontextmanager
async def start_bundled_server(
    folder: Path, root: Path, models: Sequence[Path] | None = None
) -> AsyncIterator[str]:
    """The base URL of the server of the project at `root` for the length of the block. State lies
    in `folder`; it knows the models of the project's own as well: those of the files `models`, or
    those that the project file names.
    """
    make_dirs(folder)
    lock = os.open(folder / "serving", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    keeper: asyncio.Task[None] | None = None
    servers: list[Any] = []
    try:
        if _taken(lock):
            servers.append(await _serve(folder, root, models))
        else:
            keeper = asyncio.ensure_future(_take_over(folder, root, models, lock, servers))
        yield await _address(folder)
    finally:
        if keeper is not None:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        for server in servers:
            await server.stop()
        os.close(lock)


def _taken(lock: int) -> bool:
    """Whether this process now holds the lock."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _take_over(
    folder: Path, root: Path, models: Sequence[Path] | None, lock: int, servers: list[Any]
) -> None:
    while not _taken(lock):
        await asyncio.sleep(_LOOK_EVERY_S)
    servers.append(await _serve(folder, root, models))


async def _serve(folder: Path, root: Path, models: Sequence[Path] | None) -> Any:
    from mockserver import MockServer  # lazy: start-up time
    from mockserver.errors import ServerError
    from mockserver.project_models import find_project_models

    for port in dict.fromkeys((_last_port(folder), 0)):
        try:
            server = MockServer(
                state_dir=folder,
                port=port,
                task_seconds=TASK_SECONDS,
                models=find_project_models(root) if models is None else tuple(models),
            )
            await server.start()
        except ServerError as error:
            if port == 0:
                raise CutlistError(f"the bundled server cannot start: {error}.") from error
            continue
        note = folder / f"address.{os.getpid()}"
        note.write_text(
            json.dumps({"url": server.url, "port": server.port, "pid": os.getpid()}),
            encoding="utf-8",
        )
        note.replace(folder / "address.json")
        return server
    raise AssertionError("port 0 either works or raises")


def _last_port(folder: Path) -> int:
    """The port that was served last; 0 where nobody noted one that can be."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return (
            read_whole_number(
                parse_json((folder / "address.json").read_bytes())["port"], _LAST_PORT
            )
            or 0
        )
    return 0


async def _address(folder: Path) -> str:
    """The URL of the server that holds the lock; it may still be starting.

    Of what is noted only the port is believed: whatever stands in the file, requests stay on this
    machine.
    """
    for _ in range(int(_START_WITHIN_S / _LOOK_EVERY_S)):
        port = _last_port(folder)
        if port:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return f"http://127.0.0.1:{port}/api/v1"
        await asyncio.sleep(_LOOK_EVERY_S)
    raise CutlistError(
        "another command of this project serves the mock and does not answer.",
        hint="End it and try again.",
    )
