"""Commands in processes of their own that find everything loaded: forked from one that waits here.

Loading the program takes longer than most commands that tests run. What a process is to the kernel
is as real as ever: its files, locks, streams, signals and its end.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_START = "from tests.nursery import serve; run = serve(); run()"
_NUMBER_BYTES = 8
_PACKAGES = ("reconciler", "mockserver")
# What is loaded by some command only, or in a process of its own.
_LEFT_OUT = (
    "reconciler.controller",
    "reconciler.engine",
    "reconciler.web",
    "reconciler.system.probe.",
    "reconciler.system.stills.",
    "mockserver.media.",
    "mockserver.recording",
    "mockserver.__main__",
    "mockserver.pytest_plugin",
)


class Nursery:
    """The process that waits, for whoever wants others from it: one after another."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # it ends when nobody can ask any more
            )
        self._ours = ours

    def run(
        self,
        function: str,
        arguments: Sequence[str],
        cwd: Path | None,
        env: Mapping[str, str],
        timeout_s: float,
    ) -> subprocess.CompletedProcess[str]:
        """Run `module:function` as the main function of a process with these arguments."""
        order = {"function": function, "arguments": arguments, "cwd": str(cwd or Path.cwd())}
        raw = json.dumps({**order, "env": dict(env)}).encode()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            socket.send_fds(self._ours, [_pack(len(raw))], [out.fileno(), err.fileno()])
            self._ours.sendall(raw)
            pid = self._hear()
            self._ours.settimeout(timeout_s)
            try:
                code = self._hear()
            except TimeoutError:
                os.killpg(pid, signal.SIGKILL)
                self.end()
                raise subprocess.TimeoutExpired([function, *arguments], timeout_s) from None
            finally:
                self._ours.settimeout(None)
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode())
        return subprocess.CompletedProcess([function, *arguments], code, *said)

    def _hear(self) -> int:
        told = self._ours.recv(_NUMBER_BYTES)
        assert told, "the nursery has ended"
        return int.from_bytes(told, "big", signed=True)

    def end(self) -> None:
        """End it, and what it has made."""
        self._ours.close()
        self._process.kill()
        self._process.wait()
        get_nursery.cache_clear()


@cache
def get_nursery() -> Nursery:
    """The nursery of this test process, started when the first one asks."""
    nursery = Nursery()
    atexit.register(nursery.end)
    return nursery


def serve() -> Callable[[], object]:
    """Where processes begin: in each of them it returns what that is to run. Here it goes on until
    nobody can ask any more.
    """
    asked = socket.socket(fileno=int(sys.argv[1]))
    load_program()
    gc.freeze()  # or every process would copy what it looks through
    while True:
        head, streams, *_ = socket.recv_fds(asked, _NUMBER_BYTES, 2)
        if not head:
            sys.exit()
        raw = asked.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
        if (pid := os.fork()) == 0:
            asked.close()
            return begin(json.loads(raw), streams)
        for stream in streams:
            os.close(stream)
        asked.sendall(_pack(pid))
        _, status = os.waitpid(pid, 0)
        asked.sendall(_pack(os.waitstatus_to_exitcode(status)))


def begin(order: Mapping[str, Any], streams: Sequence[int]) -> Callable[[], object]:
    """Become the process that was ordered, up to its main function."""
    os.setsid()
    for target, stream in enumerate(streams, start=1):
        os.dup2(stream, target)
        os.close(stream)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["-c", *order["arguments"]]
    module, _, name = order["function"].partition(":")
    function: Callable[[], object] = getattr(importlib.import_module(module), name)
    return function


def load_program() -> None:
    """Import what commands import, at once or when they need it."""
    for name in ("httpx", "jsonschema", "aiohttp.web", "mockserver.server", *_PACKAGES):
        importlib.import_module(name)
    for package in _PACKAGES:
        for found in pkgutil.walk_packages([str(_ROOT / package)], f"{package}."):
            if not found.name.startswith(_LEFT_OUT):
                importlib.import_module(found.name)


def _pack(number: int) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big", signed=True)
