"""Whatever is in the files: words and an end, no traceback, no byte out of place.

A short while in the suite; `make fuzz SECONDS=600` goes on for longer, at other examples each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockserver import MockServer, VirtualClock
from reconciler import Project
from reconciler.apply.outcome import Report
from reconciler.config import Variables
from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret
from reconciler.report.outcome import write_outcome
from tests.badinput.babble import ANSWERS, apply
from tests.badinput.bending import DEEP, EDIT, PROJECT, TEXTS, fuzz, spoilt, text
from tests.badinput.places import Place, place, refused_or_fine
from tests.e2e.bench import SmallFilms, Ticking


def ends_in_words(here: Place) -> None:
    """Questions and an apply on whatever is there; the service is never to be reached."""
    for command in ("plan", "status", "plan --json"):
        here.run(*command.split())
    with contextlib.suppress(CutlistError):
        asyncio.run(
            apply(here.root, {kind: [httpx.ConnectError] for kind in (*ANSWERS, "download")})
        )
    assert here.written() == []


@fuzz(per_second=20, quick=30)
@given(content=text(EDIT))
@example(content=DEEP)
def test_manifest(content: bytes) -> None:
    """Any manifest is read or refused; nothing is sent for a bad one, nothing is written."""
    with place() as here:
        here.write("specs/case.yaml", content)
        refused_or_fine(here)


@fuzz(per_second=20, quick=30)
@given(content=text(PROJECT))
@example(content=DEEP)
def test_project_file(content: bytes) -> None:
    """Any project file is read or refused."""
    with place() as here:
        here.write("specs/case.yaml", json.dumps(EDIT).encode())
        here.write("cutlist.yaml", content)
        refused_or_fine(here)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with everything in place: blobs, results, ledger, outputs, lock file."""
    root = tmp_path_factory.mktemp("applied") / "film"
    (root / "specs").mkdir(parents=True)
    (root / "cutlist.yaml").write_text(json.dumps(PROJECT))
    (root / "specs/case.yaml").write_text(json.dumps(EDIT))

    async def render() -> Report:
        virtual = VirtualClock()
        async with MockServer(
            clock=virtual, renderer=SmallFilms(), task_seconds=(2.0, 4.0)
        ) as server:
            inner = httpx.AsyncHTTPTransport()

            class Redirected(httpx.AsyncBaseTransport):
                async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                    request.url = request.url.copy_with(port=server.port)
                    return await inner.handle_async_request(request)

            variables = Variables(Secret("sk-mock"))
            project = Project.open(
                root, variables=variables, clock=Ticking(virtual), transport=Redirected()
            )
            report = await project.apply_async()
            await inner.aclose()
            return report

    report = asyncio.run(render())
    assert report.exit_code == 0, write_outcome(report)
    return root


STATE = (
    "cutlist.lock",
    ".cutlist/outputs.json",
    "shelf/live/results",
    ".cutlist/live/ledger.db",
    ".cutlist/cache",
)


@fuzz(per_second=20, quick=50)
@given(data=st.data())
def test_state(applied: Path, data: st.DataObject) -> None:
    """Any lock file, record, note, cache or ledger is read or refused, and an apply on it ends in
    words.
    """
    with place(copy_of=applied) as here:
        top = here.root / data.draw(st.sampled_from(STATE))
        files = (
            [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
        )
        path = data.draw(st.sampled_from(files))
        path.chmod(0o600)
        good = path.read_bytes()
        content = data.draw(text(json.loads(good)) if path.suffix == ".json" else spoilt(good))
        here.write(path.relative_to(here.root).as_posix(), content)
        ends_in_words(here)


@pytest.mark.parametrize("name", STATE)
def test_deep_state(applied: Path, name: str) -> None:
    """Each of them nested too deep to be read: no example to be made smaller, which takes
    for ever.
    """
    with place(copy_of=applied) as here:
        top = here.root / name
        for path in [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]:
            path.chmod(0o600)
            here.write(path.relative_to(here.root).as_posix(), DEEP)
        ends_in_words(here)


def test_nonsense_in_a_record(applied: Path) -> None:
    """A record that reads well and names its result may still say nonsense of its task."""
    with place(copy_of=applied) as here:
        (path,) = (here.root / "shelf/live/results").rglob("*.json")
        path.chmod(0o600)
        made = json.loads(path.read_bytes())
        made["task"]["task_id"] = {"no": "id"}
        here.write(path.relative_to(here.root).as_posix(), json.dumps(made).encode())
        ends_in_words(here)


LEDGER = [
    ("attempts", name)
    for name in (
        "state",
        "job",
        "prompt",
        "created_at",
        "endpoint",
        "key",
        "task_id",
        "lane",
        "submitted_at",
        "code",
    )
] + [("tasks", "status"), ("tasks", "answer"), ("tasks", "task_id")]


@fuzz(per_second=8, quick=10)
@given(
    where=st.sampled_from(LEDGER),
    value=TEXTS | st.integers(-1, 2**62) | st.none(),
    version=st.integers(0, 3),
)
def test_ledger_rows(applied: Path, where: tuple[str, str], value: Any, version: int) -> None:
    """A ledger that SQLite can read and we did not write is told of in words."""
    table, column = where
    with place(copy_of=applied) as here:
        database = sqlite3.connect(here.root / ".cutlist/live/ledger.db", isolation_level=None)
        with (
            contextlib.closing(database),
            contextlib.suppress(sqlite3.Error, OverflowError, UnicodeEncodeError),
        ):
            database.execute(f"update {table} set {column} = ?", (value,))
            database.execute(f"pragma user_version = {version}")
        ends_in_words(here)
