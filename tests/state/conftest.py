"""Every implementation of a seam, for the suites of promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.state.ledger import SqliteLedger
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.lock import FileLock, Lock
from reconciler.state.store import FolderStore
from tests.clock import FakeClock
from tests.postgres import make_address
from tests.state import ledgers, stores

LOCKS: dict[str, Callable[[Path], Lock]] = {"file": lambda folder: FileLock(folder / "lock")}


@pytest.fixture(params=sorted(ledgers.IMPLEMENTATIONS))
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteLedger]:
    """An empty ledger."""
    made = ledgers.IMPLEMENTATIONS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def address() -> LedgerAddress:
    """Where a shared ledger may come to lie; there is none yet."""
    return make_address()


@pytest.fixture(params=sorted(stores.IMPLEMENTATIONS))
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> FolderStore:
    """An empty store."""
    return stores.IMPLEMENTATIONS[request.param](tmp_path, clock)


@pytest.fixture(params=sorted(LOCKS))
def lock(request: pytest.FixtureRequest, tmp_path: Path) -> Lock:
    """A lock that nobody holds."""
    return LOCKS[request.param](tmp_path)
