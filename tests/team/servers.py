"""S3 servers as they are in use, started from the programs of `make test-team`."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.bucketserver import ACCESS, JUDGE

PROGRAMS = Path(__file__).resolve().parents[2] / "build" / "team" / "bin"
READY_S = 60.0
KEYS = (tuple(ACCESS.values()), tuple(JUDGE.values()))
# What concerns one connection alone, and is not handed on.
_HOP = {"connection", "keep-alive", "transfer-encoding", "server", "date"}


def _command_seaweedfs(folder: Path, port: int) -> list[str]:
    identities = [
        {
            "name": f"user-{number}",
            "credentials": [{"accessKey": access, "secretKey": secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        for number, (access, secret) in enumerate(KEYS)
    ]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": identities}))
    parts = ("master", "volume", "filer", "s3")
    ports = [f"-{part}.port.grpc={find_port()}" for part in parts]
    ports += [f"-{part}.port={find_port()}" for part in parts[:-1]]
    return [
        *("weed", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"),
        *("-s3", f"-s3.port={port}", f"-s3.config={config}", "-s3.port.iceberg=0"),
        *("-volume.max=0", "-master.volumeSizeLimitMB=64", *ports),
    ]


def _command_rclone(folder: Path, port: int) -> list[str]:
    objects = folder / "objects"
    objects.mkdir()
    pairs = [word for pair in KEYS for word in ("--auth-key", ",".join(pair))]
    return ["rclone", "serve", "s3", *pairs, "--addr", f"127.0.0.1:{port}", str(objects)]


COMMANDS: dict[str, Callable[[Path, int], list[str]]] = {
    "rclone": _command_rclone,  # ignores conditions
    "seaweedfs": _command_seaweedfs,
}


def find_port() -> int:
    """A port of this machine that nobody has now."""
    with closing(socket.socket()) as asking:
        asking.bind(("127.0.0.1", 0))
        return int(asking.getsockname()[1])


@contextmanager
def run_s3(name: str) -> Iterator[int]:
    """The server of that name in a new folder, until the block ends. Yields its port."""
    with tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as made:
        folder, port = Path(made), find_port()
        program, *arguments = COMMANDS[name](folder, port)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [PROGRAMS / program, *arguments], cwd=folder, stdout=log, stderr=log
            )
        try:
            _wait_until_it_answers(process, port, folder / "log")
            yield port
        finally:
            process.kill()
            process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < end:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as asking:
                asking.request("GET", "/")
                if asking.getresponse().status < 500:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(log.read_text(errors="replace")[-4000:])


def forward_to(port: int) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """A WSGI application that hands each request on as it came, so that its signature holds."""

    def forward(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        headers = {
            name[5:].replace("_", "-").title(): text
            for name, text in environ.items()
            if name.startswith("HTTP_")
        }
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        size = int(environ.get("CONTENT_LENGTH") or 0)
        headers["Content-Length"] = str(size)
        inner = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with closing(inner):
            body = environ["wsgi.input"].read(size) if size else None
            inner.request(environ["REQUEST_METHOD"], environ["REQUEST_URI"], body, headers)
            answer = inner.getresponse()
            content = answer.read()
        kept = [each for each in answer.getheaders() if each[0].lower() not in _HOP]
        if "content-length" not in {name.lower() for name, _ in kept}:
            kept.append(("Content-Length", str(len(content))))
        start(f"{answer.status} {answer.reason}", kept)
        return [content]

    return forward
