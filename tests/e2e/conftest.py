"""The bench every end-to-end test works at."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import jsonschema
import pytest

from mockserver import MockServer, VirtualClock
from reconciler.formats.digest import encode_canonical
from reconciler.state.observed import Result
from reconciler.state.store import FolderStore
from reconciler.system import shipped
from tests.e2e.bench import Bench, SmallFilms, Ticking


@pytest.fixture(autouse=True)
def records_conform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record that an apply or an import writes is what schemas/result.schema.json says."""
    put = FolderStore.put_result

    def put_what_conforms(store: FolderStore, result: Result) -> None:
        jsonschema.validate(
            json.loads(encode_canonical(asdict(result))), shipped.read_schema("result")
        )
        put(store, result)

    monkeypatch.setattr(FolderStore, "put_result", put_what_conforms)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A fresh project and a fresh server on virtual time."""
    virtual = VirtualClock()
    root = tmp_path / "project"
    root.mkdir()
    async with MockServer(clock=virtual, renderer=SmallFilms(), task_seconds=(2.0, 4.0)) as server:
        bench = Bench(root, server, Ticking(virtual), virtual)
        yield bench
        await bench.network.aclose()


@pytest.fixture
async def pair(bench: Bench) -> Bench:
    """Two edits, both rendered, in a project that prunes."""
    bench.write_project(prune={"enabled": True})
    bench.edit("rain")
    bench.edit("snow", "make it snow")
    await bench.apply()
    return bench
