"""Projects of any size, and all that an apply leaves behind, without asking a server.

As a program it makes them in a process of its own, so that whoever measures stays small:
`python benchmarks/scene/projects.py files|matrix|fill FOLDER [EDITS]`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from reconciler import Project
from reconciler.desired.job import Job
from reconciler.state.booked import Booking
from reconciler.state.ledger import SqliteLedger
from reconciler.state.observed import Attempt, Published, Result, State
from reconciler.state.outputs import Outputs

PROJECT = """\
apiVersion: cutlist/v1
kind: Project
spec:
  defaults: {model: wan2.7-videoedit, parameters: {resolution: 720P}}
"""
EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata:
  name: edit-NUMBER
  labels: {campaign: spring}
spec:
  input:
    prompt: Replace the girl's clothes with the clothes from image NUMBER
    media:
      - {type: video, url: "https://clips.example/girl-NUMBER.mp4"}
      - {type: reference_image, url: "https://clips.example/clothes.png"}
  parameters: {watermark: true, seed: 7}
"""


def make_files(root: Path, edits: int, edit: str = EDIT, project: str = PROJECT) -> None:
    """A project of so many edits, each in a file of its own."""
    (root / "specs").mkdir(parents=True)
    (root / "cutlist.yaml").write_text(project)
    for number in range(edits):
        (root / "specs" / f"{number:05}.yaml").write_text(edit.replace("NUMBER", f"{number:05}"))


def make_matrix(root: Path, edits: int) -> None:
    """The same edits as the cells of one matrix in one file."""
    (root / "specs").mkdir(parents=True)
    (root / "cutlist.yaml").write_text(PROJECT)
    numbers = ", ".join(f'"{number:05}"' for number in range(edits))
    text = EDIT.replace("edit-NUMBER", "edit").replace("NUMBER", "${{ matrix.number }}")
    matrix = f"spec:\n  matrix: {{number: [{numbers}]}}\n"
    (root / "specs" / "matrix.yaml").write_text(text.replace("spec:\n", matrix))


def fill(root: Path) -> None:
    """Leave in a project all that an apply of every edit leaves behind."""
    fill_project(Project.open(root), root)


def fill_project(project: Project, outputs: Path) -> None:
    """The same for a project wherever it lies, with its outputs below a folder."""
    config = project.config
    ledger, now = open_quick_ledger(config.state_dir / "ledger.db"), time.time()
    notes = {}
    for number, (name, edit) in enumerate(project.run_pass().resolved.items()):
        assert edit.job is not None
        content = name.encode() * 100
        with project.store.new_blob() as blob:
            blob.write(content)
            digest = blob.commit()
        project.store.put_result(build_result(edit.job, digest, len(content), name))
        book_attempt(ledger, edit.job, name, now - 3600 + number / 1000)
        path = edit.wanted.edit.output
        (outputs / path).parent.mkdir(parents=True, exist_ok=True)
        (outputs / path).write_bytes(content)
        notes[path] = Published(digest, config.realm, name, edit.job.key, config.environment)
    ledger.close()
    Outputs(config.root, config.outputs_file).remember(notes, tmp_name=uuid4().hex)


def open_quick_ledger(path: Path) -> SqliteLedger:
    """A ledger that a power cut would lose."""
    ledger = SqliteLedger.open(path)
    ledger._database._connection.execute("pragma synchronous = off")
    return ledger


def build_result(job: Job, digest: str, size_bytes: int, edit: str) -> Result:
    """What the store says of a video of 5 s."""
    return Result(
        job.key,
        digest,
        size_bytes,
        5.0,
        1280,
        720,
        "2026-01-01T00:00:00+00:00",
        edit,
        job.canonical,
        {},
        {},
        "mock",
        "default",
    )


def book_attempt(ledger: SqliteLedger, job: Job, edit: str, at: float) -> None:
    """One attempt that went well."""
    id_ = uuid4().hex
    lane = "mock default wan2.7-videoedit"
    attempt = Attempt(id_, job.key, lane, edit, State.INTENT, "mock", at, billable_s=5.0)
    labels: Mapping[str, str] = {"campaign": "spring"}
    booking = Booking("", labels, "wan2.7-videoedit", None, "USD")
    ledger.intend(
        attempt, request_sha256=job.key, prompt=None, job=job.canonical, server_time=at,
        booking=booking,
    )  # fmt: skip
    ledger.submitted(id_, f"task-{id_}", at=at + 0.1, server_time=at)
    ledger.end(id_, State.SUCCEEDED, at=at + 1)


def main() -> None:
    os.fsync = lambda _file: None  # nobody minds when a power cut ends a benchmark
    match sys.argv[1:]:
        case ["files", folder, edits]:
            make_files(Path(folder), int(edits))
        case ["matrix", folder, edits]:
            make_matrix(Path(folder), int(edits))
        case ["fill", folder]:
            fill(Path(folder))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
