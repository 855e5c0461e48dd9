"""Every file of the corpus is refused with its place, by the real command, before anything is sent
or written.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.workspace import Said, Workspace

HERE = Path(__file__).parent
MANIFESTS = sorted((HERE / "manifests").glob("*.yaml"))
PROJECTS = sorted((HERE / "projects").glob("*.yaml"))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that notices when anybody connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def refused(workspace: Workspace, *endpoint: str, expected: Callable[[str], None]) -> None:
    """`validate` says what is expected and writes nothing; `apply` says the same."""
    before = workspace.files()
    said = workspace.run("validate", *endpoint)
    expected(transcript(said))
    assert "Traceback" not in said.err
    written = {name for name, content in workspace.files().items() if before.get(name) != content}
    assert all(name.startswith(".cutlist/cache/") for name in written)
    if said.code == 0:
        return
    assert said.code == 3
    applied = workspace.run("apply", "--auto-approve", *endpoint)
    assert (applied.code, applied.err) == (3, said.err)
    written = {name for name, content in workspace.files().items() if before.get(name) != content}
    assert all(name.startswith(".cutlist/") for name in written)


def transcript(said: Said) -> str:
    """What stands on the screen, and the exit code."""
    return f"{said.err}{said.out}exit {said.code}\n"


@pytest.mark.parametrize("case", MANIFESTS, ids=lambda case: case.stem)
def test_manifest(
    case: Path,
    workspace: Workspace,
    media: Path,
    listener: socket.socket,
    golden: Callable[[Path, str], None],
) -> None:
    """A bad manifest gets the messages of its .txt, each with file, line and column; nothing is
    sent or written.
    """
    workspace.take(media)
    workspace.write("specs/case.yaml", case.read_bytes())
    chosen = re.search(r"^# endpoint: (\w+)$", case.read_text(encoding="utf-8"), re.MULTILINE)
    endpoint = chosen[1] if chosen else f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1"
    refused(
        workspace,
        "--endpoint",
        endpoint,
        expected=lambda text: golden(case.with_suffix(".txt"), text),
    )
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize("case", PROJECTS, ids=lambda case: case.stem)
def test_project_file(
    case: Path, workspace: Workspace, media: Path, golden: Callable[[Path, str], None]
) -> None:
    """A bad project file gets the messages of its .txt, each with its place; nothing is sent or
    written.
    """
    workspace.take(media, "ok.mp4")
    workspace.edit("good")
    workspace.write("cutlist.yaml", case.read_bytes())
    refused(workspace, expected=lambda text: golden(case.with_suffix(".txt"), text))
