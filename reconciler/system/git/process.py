"""Starts git and what belongs to it, for so long and no longer, and hears no more than it can hold.

A process that acts has a group of its own, and no terminal on which it, or what it starts, could
ask somebody. When its time is over or somebody wishes to stop, the group is ended: first so that
git removes its lock files, then without mercy.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from reconciler.errors import GitError
from reconciler.system.clock import Clock

MOST_OUTPUT = 64 << 20  # bytes that an answer may have
_MOST_COMPLAINTS = 64 << 10  # bytes; a stranger's host may complain without end
_CHUNK = 1 << 16
_GLANCE_S = 0.1  # between two looks whether somebody wishes to stop
_GRACE_S = 2.0  # to end by itself

# Where git's configuration of the person lies (`safe.directory` stands there), and no more.
_INHERITED = ("HOME", "XDG_CONFIG_HOME", "SUDO_UID", "TMPDIR")
# And for the network: the person's keys, the way out of this machine, and whom to believe.
_INHERITED_FOR_NETWORK = (
    *_INHERITED,
    "SSH_AUTH_SOCK",
    *(f"{kind}_proxy" for kind in ("http", "https", "all", "no")),
    *(f"{kind}_PROXY" for kind in ("HTTPS", "ALL", "NO")),
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


class OutOfTime(Exception):
    """The process was ended since its time was over."""


class AskedToStop(Exception):
    """The process was ended since somebody wished it."""


class Wish(Protocol):
    """Whether we are asked to stop; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether that is so now."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a process ended, and what it said."""

    code: int
    out: bytes
    complaints: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process may take, and who may end it before."""

    clock: Clock
    timeout_s: float
    stop: Wish | None = None


def build_search_path() -> str:
    """PATH without the entries that mean "wherever I am": git is run in a stranger's folder."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if Path(entry).is_absolute())


def build_environment(more: Mapping[str, str], *, network: bool = False) -> dict[str, str]:
    """What a process is told of this one's environment, and `more`."""
    names = _INHERITED_FOR_NETWORK if network else _INHERITED
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    return {"PATH": build_search_path(), **inherited, **more}


def find_program(name: str) -> str:
    """Where a program lies. Raises GitError where it is not installed."""
    program = shutil.which(name, path=build_search_path())
    if program is None:
        raise GitError(
            f"{name} is not installed, or not in PATH.", hint=f"Install {name}. Nothing was sent."
        )
    return program


@contextmanager
def raise_git_error() -> Iterator[None]:
    """What keeps git from being started, in our words."""
    try:
        yield
    except OSError as error:
        raise GitError(
            f"git cannot be started: {error.strerror}.", hint="Nothing was sent."
        ) from error


def run_process(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    patience: Patience,
    given: bytes = b"",
) -> Done:
    """The outcome of a process, whatever it is. Raises OutOfTime, AskedToStop, and GitError where
    it cannot be started or does not stop to talk.
    """
    with raise_git_error():
        process = subprocess.Popen(
            command, bufsize=0, cwd=folder, env=dict(environment), start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    try:
        return _Talk(process, patience, given).listen()
    finally:
        end_process(process)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, if it has not ended by itself."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        _signal(process, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class _Talk:
    """What is said to one process, and what is heard from it, until it ends."""

    def __init__(self, process: subprocess.Popen[bytes], patience: Patience, given: bytes) -> None:
        self._process = process
        self._patience = patience
        self._left = memoryview(given)
        self._out = bytearray()
        self._complaints = bytearray()

    def listen(self) -> Done:
        process, clock = self._process, self._patience.clock
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        deadline = clock.monotonic() + self._patience.timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, self._out)
            selector.register(process.stderr, selectors.EVENT_READ, self._complaints)
            if self._left:
                os.set_blocking(process.stdin.fileno(), False)
                selector.register(process.stdin, selectors.EVENT_WRITE)
            else:
                process.stdin.close()
            has_ended = False  # before the glance, so that its last words are heard in it
            while selector.get_map():
                self._check_patience(deadline)
                ready = selector.select(_GLANCE_S)
                if not ready and has_ended:
                    break  # something that it left behind still holds its streams
                has_ended = process.poll() is not None
                for key, _ in ready:
                    assert not isinstance(key.fileobj, int)
                    self._exchange(selector, key.fileobj, key.data)  # type: ignore[arg-type]
        while process.poll() is None:
            self._check_patience(deadline)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GLANCE_S)
        complaints = self._complaints.decode(errors="replace")
        return Done(process.returncode, bytes(self._out), complaints)

    def _check_patience(self, deadline: float) -> None:
        if self._patience.stop is not None and self._patience.stop.is_set():
            raise AskedToStop
        if self._patience.clock.monotonic() >= deadline:
            raise OutOfTime

    def _exchange(
        self, selector: selectors.BaseSelector, stream: IO[bytes], into: bytearray | None
    ) -> None:
        """Say or hear a piece on a stream that is ready; one that has ended is left."""
        try:
            if into is None:
                self._left = self._left[os.write(stream.fileno(), self._left[:_CHUNK]) :]
                ended = not self._left
            else:
                chunk = os.read(stream.fileno(), _CHUNK)
                ended = not chunk
                self._keep(chunk, into)
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want to hear the rest; its code says why
            ended = True
        if ended:
            selector.unregister(stream)
            stream.close()

    def _keep(self, chunk: bytes, into: bytearray) -> None:
        if into is self._complaints:
            into += chunk[: _MOST_COMPLAINTS - len(into)]
            return
        if len(into) + len(chunk) > MOST_OUTPUT:
            raise GitError(
                f"git answers with more than {MOST_OUTPUT >> 20} MiB.",
                hint="Nothing of it was used.",
            )
        into += chunk
