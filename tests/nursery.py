"""Commands in processes of their own that find everything loaded: forked from one that waits here.

Loading the program takes longer than most commands that tests run. What a process is to the kernel
is as real as ever: its files, locks, streams, signals and its end.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.coarse_films import make_films_coarse

MAIN = "reconciler.cli:main"
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

# What renders films; several commands do, and it takes long to load.
_FILMS = ("mockserver.media.film_writer",)

Stream = int | io.IOBase | None


class Nursery:
    """The process that waits, for whoever wants others from it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nursery-")
        self._path = f"{self._folder.name}/line"
        with socket.socket(socket.AF_UNIX) as line:
            line.bind(self._path)
            line.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, str(line.fileno())],
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                pass_fds=[line.fileno()],
                stdin=subprocess.PIPE,  # it ends when nobody holds the other end any more
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def load(self, *names: str) -> None:
        """Have these packages ready as well, with all their modules: some commands only need
        them.
        """
        raw = json.dumps(names).encode()
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(self._path)
            line.sendall(_pack(len(raw)) + raw)
            assert line.recv(_NUMBER_BYTES), "the nursery has ended"

    @functools.cached_property
    def programs(self) -> Path:
        """A folder with a program `cutlist` that starts here: for shells, and whatever else starts
        programs by their names.
        """
        stand_in = (_ROOT / "tests" / "stand_in.py").read_text(encoding="utf-8")
        program = Path(self._folder.name) / "programs" / "cutlist"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable} -IS\n{stand_in}", encoding="utf-8")
        program.chmod(0o755)
        return program.parent

    def start(
        self,
        function: str,
        arguments: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str],
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = subprocess.PIPE,
        stderr: Stream = subprocess.PIPE,
    ) -> Child:
        """Start `module:function` as the main function of a process with these arguments, in a
        session of its own; a terminal that it reads from is the one that its Ctrl-C comes from.
        """
        order = {"function": function, "arguments": [*arguments], "env": dict(env)}
        raw = json.dumps({**order, "cwd": str(cwd or Path.cwd())}).encode()
        line = socket.socket(socket.AF_UNIX)
        line.connect(self._path)
        with contextlib.ExitStack() as theirs:
            numbers, read = [_find(stdin, 0, theirs)], []
            for own, wish in enumerate((stdout, stderr), start=1):
                reads = None
                if wish == subprocess.PIPE:
                    reads, wish = os.pipe()
                    theirs.callback(os.close, wish)
                read.append(reads)
                is_same = wish == subprocess.STDOUT
                numbers.append(numbers[-1] if is_same else _find(wish, own, theirs))
            socket.send_fds(line, [_pack(len(raw))], numbers)
            line.sendall(raw)
        return Child([function, *arguments], line, *read)

    def run(
        self,
        function: str,
        arguments: Sequence[str],
        cwd: Path | None,
        env: Mapping[str, str],
        timeout_s: float,
        encoding: str = "utf-8",
    ) -> subprocess.CompletedProcess[str]:
        """The same to its end, with what it has written."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = self.start(function, arguments, cwd=cwd, env=env, stdout=out, stderr=err)
            try:
                code = child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                raise
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode(encoding))
        return subprocess.CompletedProcess(child.args, code, *said)

    def end(self) -> None:
        """End it, and forget it."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._folder.cleanup()
        get_nursery.cache_clear()


class Child:
    """A process that was started so, to be used like a `Popen` of texts."""

    def __init__(
        self, args: Sequence[str], line: socket.socket, out: int | None, err: int | None
    ) -> None:
        self.args = [*args]
        self.returncode: int | None = None
        self.stdout = None if out is None else open(out, encoding="utf-8")  # noqa: SIM115, PTH123
        self.stderr = None if err is None else open(err, encoding="utf-8")  # noqa: SIM115, PTH123
        self._line = line
        self._turn = threading.Lock()
        self.pid = self._hear()

    def _hear(self) -> int:
        told = self._line.recv(_NUMBER_BYTES, socket.MSG_WAITALL)
        assert told, "the nursery has ended"
        return int.from_bytes(told, "big", signed=True)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, or below 0 the signal that has ended it."""
        with self._turn:
            if self.returncode is None:
                self._line.settimeout(timeout)
                try:
                    self.returncode = self._hear()
                except (TimeoutError, BlockingIOError):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
                self._line.close()
        return self.returncode

    def poll(self) -> int | None:
        """The same if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0.0)
        return None

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read what it still writes, until it ends."""
        said = {stream: "" for stream in (self.stdout, self.stderr) if stream is not None}

        def read(stream: Any) -> None:
            with contextlib.suppress(ValueError):  # closed: communicated already
                said[stream] = stream.read()

        readers = [threading.Thread(target=read, args=[each], daemon=True) for each in said]
        end = None if timeout is None else time.monotonic() + timeout
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(None if end is None else max(0.0, end - time.monotonic()))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        self.wait(None if end is None else max(0.0, end - time.monotonic()))
        for stream in said:
            stream.close()
        return said.get(self.stdout, ""), said.get(self.stderr, "")

    def send_signal(self, which: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, which)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()


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
    make_films_coarse()
    ends, told = socket.socketpair()
    for each in (ends, told):
        each.setblocking(False)
    signal.set_wakeup_fd(told.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    lines: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([asked, ends, sys.stdin, *lines.values()], [], [])
        for pid, line in lines.items():
            if line in ready:  # whoever wanted it has gone
                os.kill(pid, signal.SIGKILL)
        if ends in ready:
            ends.recv(4096)
            _tell_of_ends(lines)
        if asked in ready:
            line, _ = asked.accept()
            order, streams = _hear_order(line)
            if not streams:
                with line, contextlib.suppress(OSError):
                    load_more(order)
                    line.sendall(_pack(0))
                continue
            if (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (asked, ends, told, line, *lines.values()):
                    each.close()
                return begin(order, streams)
            for stream in streams:
                os.close(stream)
            with contextlib.suppress(OSError):  # it may have gone already, and is heard below
                line.sendall(_pack(pid))
            lines[pid] = line
        if sys.stdin in ready:
            sys.exit()


def _hear_order(line: socket.socket) -> tuple[Any, Sequence[int]]:
    """What is asked for, and the streams of a process; without streams, packages to be loaded. None
    of either where whoever asked has gone.
    """
    head, streams, *_ = socket.recv_fds(line, _NUMBER_BYTES, 3)
    size = int.from_bytes(head, "big")
    raw = line.recv(size, socket.MSG_WAITALL) if size else b""
    if raw and len(raw) == size:
        return json.loads(raw), streams
    for stream in streams:
        os.close(stream)
    return [], []


def _tell_of_ends(lines: dict[int, socket.socket]) -> None:
    """Say who has ended, and how."""
    for pid in [*lines]:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with lines.pop(pid) as line, contextlib.suppress(OSError):  # nobody may want to know
                line.sendall(_pack(os.waitstatus_to_exitcode(status)))


def begin(order: Mapping[str, Any], streams: Sequence[int]) -> Callable[[], object]:
    """Become the process that was ordered, up to its main function."""
    os.setsid()
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    open_streams(os.environ.get("PYTHONIOENCODING", "utf-8"))
    sys.argv = ["-c", *order["arguments"]]
    module, _, name = order["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    return functools.partial(run_to_its_end, function)


def open_streams(encoding: str) -> None:
    """The standard streams as Python opens them when it starts."""
    sys.stdin = sys.__stdin__ = open(0, encoding=encoding, closefd=False)  # noqa: SIM115
    for name, number in (("stdout", 1), ("stderr", 2)):
        errors = "backslashreplace" if name == "stderr" else "strict"
        stream = open(number, "w", encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115
        stream.reconfigure(line_buffering=name == "stderr" or stream.isatty())
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def run_to_its_end(function: Callable[[], object]) -> None:
    """Run a main function, and leave without taking the program apart, which takes longer than most
    commands do.
    """
    code = 0
    try:
        function()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        code = end.code or 0
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def load_program() -> None:
    """Import what commands import, at once or when they need it."""
    for name in ("httpx", "jsonschema", "aiohttp.web", "mockserver.server", *_FILMS):
        importlib.import_module(name)
    load_more(_PACKAGES, _LEFT_OUT)


def load_more(packages: Sequence[str], left_out: tuple[str, ...] = ()) -> None:
    """Import packages with their modules, and keep the collector from what there is."""
    for package in packages:
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(getattr(found, "__path__", ()), f"{package}."):
            if not (left_out and module.name.startswith(left_out)):
                importlib.import_module(module.name)
    gc.freeze()  # or every process would copy what it looks through


def _find(stream: Stream, own: int, closed: contextlib.ExitStack) -> int:
    """The number of a stream's file; `own` is the one that this process has."""
    if stream is None:
        return own
    if stream == subprocess.DEVNULL:
        number = os.open(os.devnull, os.O_RDWR)
        closed.callback(os.close, number)
        return number
    return stream if isinstance(stream, int) else stream.fileno()


def _pack(number: int) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big", signed=True)
