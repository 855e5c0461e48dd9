"""What a team has: `make team-demo`. Eight edits are rendered from two clones at once, by two
workers of which one is killed; then the service's bill is held against what was asked for.

PostgreSQL, an S3 server and the bundled service are started here, as processes of this machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tests.bucketserver import ACCESS, run_server
from tests.cli.processes import COMMAND, environment, until
from tests.crash.scene import Server
from tests.postgres import find_server
from tests.repository import Repository

FOLDER = Path("cutlist-demo/team")
TASK_SECONDS = (6.0, 10.0)
PATIENCE_S = 240.0
_ADDRESSES = """\
  endpoint: {endpoint}
  ledger: {ledger}
  store: {store}
  workers: true
"""


class Demo:
    """The servers, and the processes that work with them."""

    def __init__(self, root: Path, service: Server, ledger: str, store: str) -> None:
        self.root, self.service = root, service
        self._keys = {**ACCESS, "DASHSCOPE_API_KEY": "sk-mock"}
        self._ledger, self._store = ledger, store
        self.films = root / "films"
        self._echoes: dict[int, threading.Thread] = {}  # by process

    def commit_project(self) -> None:
        """A repository with the eight sample edits, as a team would have it at its host."""
        shutil.copytree(Path("specs/demo"), self.films)
        project = self.films / "cutlist.yaml"
        lines = _ADDRESSES.format(endpoint=self.service.url, ledger=self._ledger, store=self._store)
        kept = [
            lines.rstrip() if line.lstrip().startswith("endpoint:") else line
            for line in project.read_text().splitlines()
        ]
        project.write_text("\n".join(kept) + "\n")
        (self.films / ".gitignore").write_text(".cutlist/\nrenders/\n")
        Repository(self.films).commit("Eight edits")

    def clone(self, name: str) -> Path:
        """A clone of the repository, as each person and each runner has one."""
        folder = self.root / name
        subprocess.run(["git", "clone", "--quiet", self.films, folder], check=True)
        return folder

    def start(self, name: str, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command; what it says stands on this screen behind its name."""
        click.secho(f"{name:>8} $ cutlist {' '.join(map(str, words))}", bold=True)
        process = subprocess.Popen(
            [*COMMAND, *map(str, words)],
            env=environment(**self._keys),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._echoes[process.pid] = echo = threading.Thread(target=_echo, args=(name, process))
        echo.start()
        return process

    def wait(self, process: subprocess.Popen[str]) -> int:
        """The exit code of a command, once all that it said stands on the screen."""
        code = process.wait(timeout=PATIENCE_S)
        self._echoes[process.pid].join()
        return code

    def count_tasks(self) -> int:
        """How many tasks the service has been asked for."""
        return len(self.service.ask("bill")["tasks"])

    def tell_bill(self) -> bool:
        """Print what the service billed. Returns whether each job was paid once."""
        bill = self.service.billed()
        click.secho("\nThe bill of the service:", bold=True)
        for task in bill:
            click.echo(
                f"  task {task['task_id'][:8]}…  job {task['job_sha256'][:12]}…"
                f"  {task['billed_s']:5.1f} s"
            )
        times = Counter(task["job_sha256"] for task in bill)
        paid_twice = sum(count - 1 for count in times.values())
        click.echo(
            f"  {len(times)} jobs, {len(bill)} tasks,"
            f" {sum(task['billed_s'] for task in bill):.1f} s: {paid_twice} paid twice."
        )
        return paid_twice == 0 and len(times) == 8


def _echo(name: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    with process.stdout as said:
        for line in said:
            click.echo(f"{name:>8} | {line.rstrip()}")


@contextmanager
def _start_servers(root: Path) -> Iterator[Demo]:
    with run_server() as bucket, Server(root / "service", TASK_SECONDS) as service:
        store = bucket.name_store(bucket.make_bucket("mock"))
        click.echo("PostgreSQL, an S3 server and the bundled service run on this machine.\n")
        yield Demo(root, service, find_server().url, store)


def _render(demo: Demo) -> list[int]:
    """Two applies and two workers, one of which is killed; the exit codes of the applies."""
    clones = {name: demo.clone(name) for name in ("clone-a", "clone-b")}
    workers = [demo.start(f"worker-{n}", "-C", demo.films, "worker") for n in (1, 2)]
    applies = [
        demo.start(name, "-C", folder, "apply", "--auto-approve") for name, folder in clones.items()
    ]
    until(lambda: demo.count_tasks() >= 3, applies[0], PATIENCE_S)
    click.secho("worker-1 is killed (SIGKILL) with tasks under way.", fg="red")
    workers[0].send_signal(signal.SIGKILL)
    codes = [demo.wait(process) for process in applies]
    workers[1].send_signal(signal.SIGTERM)
    for worker in workers:
        demo.wait(worker)
    return codes


@click.command()
def main() -> None:
    """Render eight edits from two clones with two workers, and judge by the bill."""
    start = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with _start_servers(FOLDER.resolve()) as demo:
        demo.commit_project()
        codes = _render(demo)
        is_paid_once = demo.tell_bill()
        third = demo.clone("clone-c")
        click.secho("\nA third clone has the videos for nothing:", bold=True)
        code = demo.wait(demo.start("clone-c", "-C", third, "apply", "--auto-approve"))
    click.echo(f"\n{time.monotonic() - start:.0f} s. The clones lie in {FOLDER}{os.sep}.")
    sys.exit(0 if is_paid_once and codes == [0, 0] and code == 0 else 1)


if __name__ == "__main__":
    main()
