"""The real `cutlist sync`, started, listened to and measured."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from scene.making import CUTLIST
from tests.controller.deliveries import SECRET, send_github

TICKS = os.sysconf("SC_CLK_TCK")
COMMAND = [*CUTLIST, "sync"]
HEARD_S = 60.0  # for something to be logged


class ControllerProcess:
    """One `cutlist sync` at work, and what it logs."""

    def __init__(self, folder: Path, syncs: Sequence[dict[str, object]]) -> None:
        documents = folder / "syncs.yaml"
        documents.write_text("\n---\n".join(map(json.dumps, syncs)))
        command = [*COMMAND, "-f", documents, "--state", folder / "state", "--log", "json", "-v"]
        environment = {**os.environ, "DASHSCOPE_API_KEY": "sk-mock", "HOOK_SECRET": SECRET}
        self.lines: list[dict[str, object]] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [*map(str, command), "--listen", "0"], stderr=subprocess.PIPE, env=environment
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._changed:
                said = json.loads(line)
                self.lines.append({**said, **said.pop("fields", {})})
                self._changed.notify_all()

    def wait_for(self, since: int = 0, within_s: float = HEARD_S, **wanted: object) -> int:
        """Until a line says this, at the earliest line `since`; the number of the next line."""

        def find() -> int:
            for number, line in enumerate(self.lines[since:], since + 1):
                if wanted.items() <= line.items():
                    return number
            return 0

        with self._changed:
            if not self._changed.wait_for(find, within_s):
                raise SystemExit(f"no line says {wanted}: {self.lines[-3:]}")
            return find()

    def send_webhook(self, name: str, commit: str) -> int:
        """Tell of a push to main; the status of the answer."""
        at = self.wait_for(message="the pages are at") - 1
        address = urlsplit(str(self.lines[at]["url"]))
        headers, body = send_github("push", {"ref": "refs/heads/main", "after": commit}, commit)
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        connection.request("POST", f"/hooks/{name}", body, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def read_cpu(self) -> tuple[float, float]:
        """CPU seconds of the process, and of the gits that have ended."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        own, children = sum(map(int, stat[11:13])), sum(map(int, stat[13:15]))
        return own / TICKS, children / TICKS

    def read_memory(self, field: str = "VmHWM") -> float:
        """MiB that the process has (VmRSS), or had at most (VmHWM)."""
        return read_memory(str(self._process.pid), field)

    def count_threads(self) -> int:
        """How many threads the process has."""
        return len(list(Path(f"/proc/{self._process.pid}/task").iterdir()))

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self._reader.join()


def read_memory(pid: str, field: str) -> float:
    """MiB of a process (`self`: of this one), as its status in /proc says."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextlib.contextmanager
def start(folder: Path, *syncs: dict[str, object]) -> Iterator[ControllerProcess]:
    """A controller of these documents until the block ends."""
    process = ControllerProcess(folder, syncs)
    try:
        yield process
    finally:
        process.close()
