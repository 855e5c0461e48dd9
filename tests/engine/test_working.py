"""What a worker, and an apply that orders, need, and what they say where it is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.engine.pgqueuer import QueueAway, open_queue
from reconciler.errors import EXIT_USAGE
from tests.bucketserver import BucketServer
from tests.postgres import make_address, open_ledger, run_sql
from tests.repository import Repository

NEEDED = {
    "endpoint": "singapore",
    "account": "studio",
    "ledger": "postgresql://db.invalid/x",
    "store": "s3://studio/films?region=us-east-1",
    "workers": True,
}


def write_project(folder: Path, **spec: Any) -> Path:
    document = {
        "apiVersion": "cutlist/v1",
        "kind": "Project",
        "metadata": {"name": "film"},
        "spec": {name: value for name, value in spec.items() if value is not None},
    }
    (folder / "cutlist.yaml").write_text(json.dumps(document))
    return folder


MISSING = [
    (
        {"ledger": None},
        "workers need a ledger that machines share, and this project names no ledger",
    ),
    ({"store": None}, "workers need a store that machines share, and this project has a folder"),
    ({"endpoint": "mock"}, "this project has a ledger of this machine"),
    ({}, "no API key: DASHSCOPE_API_KEY is not set"),
]


@pytest.mark.parametrize(("change", "words"), MISSING)
def test_what_is_missing(
    change: dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is told with what to do, before anything is opened."""
    folder = write_project(tmp_path, **{**NEEDED, **change})
    assert run(["-C", str(folder), "worker"]) != 0
    told = " ".join("".join(capsys.readouterr()).split())
    assert words in told


@pytest.mark.parametrize(("change", "words"), MISSING[:2])
@pytest.mark.parametrize("command", [["plan"], ["status"], ["diff", "HEAD"], ["apply"]])
def test_what_cannot_be_ordered_is_not_planned(
    change: dict[str, Any],
    words: str,
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A look says what the apply would; `diff --local` looks at this clone alone and orders
    nothing.
    """
    folder = write_project(tmp_path, **{**NEEDED, **change})
    (folder / "specs").mkdir()
    (folder / "specs/.keep").touch()
    Repository(tmp_path).commit("first")
    assert run(["-C", str(tmp_path), *command]) == EXIT_USAGE
    told = " ".join("".join(capsys.readouterr()).split())
    assert words in told
    if command[0] == "diff":
        assert run(["-C", str(tmp_path), *command, "--local"]) == 0


def test_the_engine_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the command names it."""
    for name in [each for each in sys.modules if each.split(".")[0] == "pgqueuer"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "reconciler.engine.pgqueuer", raising=False)
    monkeypatch.setitem(sys.modules, "pgqueuer", None)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-example")
    assert run(["-C", str(write_project(tmp_path, **NEEDED)), "worker"]) == 1
    told = " ".join("".join(capsys.readouterr()).split())
    assert "workers need pgqueuer, which is not installed" in told
    assert "pip install 'cutlist[workers]'" in told


def test_nothing_is_loaded_that_is_not_needed(tmp_path: Path) -> None:
    """A project with neither ledger, store nor workers loads no library for them, also in an
    apply.
    """
    write_project(tmp_path)
    (tmp_path / "specs").mkdir()
    program = (
        "import sys; from reconciler.cli.main import run; code = run(sys.argv[1:]);"
        " print(code, [name for name in ('psycopg', 'obstore', 'pgqueuer') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, "-C", str(tmp_path), "apply", "--auto-approve"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.stdout.splitlines()[-1] == "0 []", done.stdout + done.stderr


def test_a_bucket_that_is_not_there(
    bucket_server: BucketServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker ends before it takes an order, since what it paid for could lie nowhere."""
    address = make_address("live")
    store = f"s3://no-such-bucket/films?endpoint={bucket_server.url}&region=us-east-1"
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-example")
    monkeypatch.setenv("CUTLIST_LEDGER", address.url)
    needed = {**NEEDED, "account": address.account, "store": store}
    assert run(["-C", str(write_project(tmp_path, **needed)), "worker"]) == 1
    told = " ".join("".join(capsys.readouterr()).split())
    assert "there is no such bucket. Make it, or correct `store`" in told
    assert "at work" not in told


async def test_a_user_who_may_not_make_the_tables_of_the_workers() -> None:
    """Told which right is missing, without a trace of pgqueuer."""
    address = make_address()
    open_ledger(address).close()
    user = address.schema.replace("-", "_")
    run_sql(
        address, f'create role "{user}" login; grant usage on schema "{address.schema}" to "{user}"'
    )
    theirs = replace(address, url=address.url.replace("cutlist@", f"{user}@"))
    async with open_queue(theirs) as queue:
        with pytest.raises(QueueAway, match="the tables of the workers cannot be used") as caught:
            await queue.prepare()
    assert f"permission denied for schema {address.schema}" in caught.value.message
    assert f"all rights in the schema {address.schema}" in caught.value.hint
