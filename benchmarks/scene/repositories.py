"""Projects of any size in repositories, and the documents of Syncs that follow them."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from reconciler.apply.outcome import Stop
from reconciler.config import Variables
from reconciler.controller.checkout import Checkout
from reconciler.controller.documents import Sync
from reconciler.controller.loading import load_syncs
from reconciler.controller.places import SyncPlaces
from reconciler.controller.remote import open_mirror
from reconciler.formats.secret import Secret
from reconciler.project import Project
from reconciler.system.clock import SystemClock
from scene.projects import EDIT, PROJECT, fill_project
from tests.githost import GitHost, Visit
from tests.repository import Repository


class TimedHost(GitHost):
    """A host that knows when each repository was asked for its refs."""

    def __init__(self, folder: Path) -> None:
        self.looks: defaultdict[str, list[float]] = defaultdict(list)
        super().__init__(folder)

    def note(self, visit: Visit) -> None:
        if "info/refs?service=git-upload-pack" in visit.path:
            self.looks[visit.path.split("/")[1].removesuffix(".git")].append(time.monotonic())
        super().note(visit)


def write_sync(name: str, url: str, endpoint: str, **spec: object) -> dict[str, object]:
    """A document that follows a repository."""
    fields = {
        "repository": {"url": url},
        "endpoint": endpoint,
        "webhook": {"secretFrom": "HOOK_SECRET"},
        **spec,
    }
    return {
        "apiVersion": "cutlist/v1",
        "kind": "Sync",
        "metadata": {"name": name},
        "spec": fields,
    }


def write_project(root: Path, edits: int) -> None:
    """A project of so many edits."""
    for number in range(edits):
        path = root / "specs" / f"{number // 100:03}" / f"{number:05}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(EDIT.replace("NUMBER", f"{number:05}"))
    (root / "cutlist.yaml").write_text(PROJECT)


def make_team(folder: Path, host: GitHost, edits: int) -> tuple[Repository, str]:
    """A repository of so many edits, and its URL at the host."""
    work = folder / "work"
    work.mkdir()
    repository = Repository(work)
    write_project(work, edits)
    repository.commit("first")
    return repository, host.publish(repository)


def read_sync(document: dict[str, object]) -> Sync:
    """The Sync that a document says."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(document, file)
        file.flush()
        (sync,) = load_syncs([Path(file.name)])
    return sync


def fill(state: Path, document: dict[str, object]) -> None:
    """Give every edit of a Sync a result and its output, without asking the server."""
    sync = read_sync(document)
    places, clock = SyncPlaces.of(state, sync), SystemClock()
    mirror = open_mirror(sync, places, Stop())
    commit = mirror.fetch_revision(mirror.find_ref("main")[0]).id
    variables = Variables(Secret("sk-mock"))
    guarded = Checkout(mirror, sync, places, clock, variables).prepare(commit)
    fill_project(Project(guarded.config, clock), places.outputs)


def import_history(bare: Path, size: int) -> None:
    """Make a repository of `size` commits, the first of which has as many manifests."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--template=", bare], check=True)
    with (bare / "config").open("a") as file:
        file.write("[uploadpack]\n\tallowFilter = true\n")

    def write() -> Iterator[bytes]:
        for number in range(size):
            date = f"Ada <ada@example.com> {1_700_000_000 + number} +0000"
            yield f"commit refs/heads/main\ncommitter {date}\ndata 4\nnext\n".encode()
            if number == 0:
                yield write_file("cutlist.yaml", PROJECT)
            for edit in range(size) if number == 0 else [number]:
                content = EDIT.replace("NUMBER", f"{edit:05}").replace("seed: 7", f"seed: {number}")
                yield write_file(f"specs/{edit // 100:03}/{edit:05}.yaml", content)

    subprocess.run(["git", "fast-import", "--quiet"], cwd=bare, input=b"".join(write()), check=True)


def write_file(path: str, content: str) -> bytes:
    """A file of a commit, as git fast-import reads it."""
    return f"M 644 inline {path}\ndata {len(content.encode())}\n{content}\n".encode()


def count_objects(repository: Path) -> int:
    """How many objects a bare repository has."""
    command = ["git", "-c", "safe.bareRepository=all", "count-objects", "-v"]
    said = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    counts = dict(line.split(": ") for line in said.stdout.splitlines())
    return int(counts["count"]) + int(counts["in-pack"])
