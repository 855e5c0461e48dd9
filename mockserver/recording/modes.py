"""What `cutlist mock` does instead of serving: it records, replays, or compares a recording."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from mockserver.clock import Clock
from mockserver.errors import ServerError
from mockserver.recording.comparison import compare_recording
from mockserver.recording.exchange import read_recording
from mockserver.recording.recorder import Recorder
from mockserver.recording.replay import Replay
from mockserver.recording.words import build_document, count_things, write_comparison

EXIT_SAME, EXIT_DIFFERENT = 0, 2

Say = Callable[[str], None]


class Served(Protocol):
    """A server that can be started and stopped."""

    @property
    def url(self) -> str:
        """Base URL for clients."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Stop listening."""


# Serves until a person ends it; the lines are asked for and said when it listens.
ServeUntilStopped = Callable[[Served, Callable[[], Sequence[str]]], Coroutine[Any, Any, None]]


def record(
    file: Path,
    upstream: str,
    serve: ServeUntilStopped,
    say: Say,
    *,
    host: str,
    port: int,
    plain_http: bool,
) -> None:
    """Record until a person ends it. Raises ServerError, also when something was left out."""
    recorder = Recorder(upstream, file, host=host, port=port, plain_http=plain_http, say=say)
    lines = [
        f"passes requests on to {recorder.upstream.base_url} and keeps them in {file}"
        "    Ctrl-C ends it"
    ]
    if not recorder.upstream.is_loopback:
        lines.append("This costs money: every task that is accepted there is billed.")
    lines.append("Prompts stay readable in the file; keys, signatures, addresses and ids do not.")
    asyncio.run(serve(recorder, lambda: lines))
    if recorder.left_out:
        left_out = count_things(recorder.left_out, "exchange")
        raise ServerError(f"left out of {file}: {left_out}, as said above")


def replay(file: Path, serve: ServeUntilStopped, *, host: str, port: int, clock: Clock) -> None:
    """Answer from a recording until a person ends it. Raises ServerError."""
    server = Replay(file, host=host, port=port, clock=clock)
    count = count_things(len(server.recording.exchanges), "exchange")
    lines = [f"answers from {file}, {count}, to any key    Ctrl-C ends it"]
    if server.recording.cut_off:
        lines.append("Its last line is cut off and left out.")
    asyncio.run(serve(server, lambda: lines))


def compare(file: Path, say: Say, *, as_json: bool, **settings: Any) -> int:
    """Compare a recording with this server; returns the exit code. Raises ServerError."""
    comparison = asyncio.run(compare_recording(read_recording(file), **settings))
    if as_json:
        say(json.dumps(build_document(comparison), indent=2, ensure_ascii=False))
    else:
        for line in write_comparison(comparison):
            say(line)
    return EXIT_DIFFERENT if comparison.differences else EXIT_SAME
