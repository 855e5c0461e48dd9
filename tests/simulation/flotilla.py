"""Several machines with many tasks on one ledger, on virtual time: how fast the account is asked,
whoever asks.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Config
from reconciler.operations import shared
from reconciler.state.ledger.holders import LedgerUser
from reconciler.state.ledger.postgres import PostgresLedger
from tests.simulation.crowd.ledgers import FileDatabase, TroubledDatabase, open_shared
from tests.simulation.fleet import (
    MANIFEST,
    PROJECT,
    Strait,
    Voyage,
    apply_all,
    open_server,
    start_clock,
)
from tests.simulation.loop import VirtualLoop
from tests.simulation.shortcuts import take_shortcuts

SHARED = "spec:\n  ledger: postgresql://db.example/cutlist\n"


class Calm:
    """Nothing happens to anybody at the ledger."""

    def before(self) -> None:
        pass

    def at_commit(self, *, is_intent: bool) -> None:
        pass

    def after(self, *, is_intent: bool) -> None:
        pass


def sail_together(
    folder: Path, *, machines: int, jobs: int, running: int, task_s: tuple[float, float]
) -> Voyage:
    """Apply as many projects as there are machines at the same moment, which have `jobs` together.
    Raises AssertionError where not all goes well.
    """
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(_sail(folder, machines, jobs, running, task_s))
    finally:
        loop.close()


async def _sail(
    folder: Path, machines: int, jobs: int, running: int, task_s: tuple[float, float]
) -> Voyage:
    server, voyage, database = open_server(running, task_s), Voyage(jobs), FileDatabase(folder)

    def open_ledger(config: Config, id_: str, command: str, **_: Any) -> PostgresLedger:
        return _open(database, config.name, LedgerUser(id_, command, "a-machine"))

    def open_readonly(config: Config) -> PostgresLedger:
        return _open(database, config.name, None)

    with pytest.MonkeyPatch.context() as patch:
        take_shortcuts(patch)
        patch.setattr(shared, "open_ledger", open_ledger)
        patch.setattr(shared, "open_readonly", open_readonly)
        try:
            applies = []
            for number in range(machines):
                root = folder / f"machine-{number}"
                _write_project(root, range(number, jobs, machines), running)
                strait = Strait(server, voyage, refuses_lists=False)
                applies.append(apply_all(root, server, start_clock(number), strait, voyage))
            await asyncio.gather(*applies)
        finally:
            database.close()
            await server.stop()
    return voyage


def _write_project(root: Path, numbers: range, running: int) -> None:
    (root / "specs").mkdir(parents=True)
    project = PROJECT.replace("RUNNING", str(running)).replace("spec:\n", SHARED, 1)
    (root / "cutlist.yaml").write_text(
        project.replace("spec:", "metadata: {name: films}\nspec:", 1)
    )
    manifest = MANIFEST.replace("NUMBERS", ", ".join(map(str, numbers)))
    (root / "specs/shots.yaml").write_text(manifest)


def _open(database: FileDatabase, project: str, me: LedgerUser | None) -> PostgresLedger:
    inner, close = database.connect(readonly=me is None)
    virtual = TroubledDatabase(inner, Calm(), close, lambda: "first")
    return open_shared(virtual, project, me or LedgerUser("", "", ""), readonly=me is None)
