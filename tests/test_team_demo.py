"""The parts of `make team-demo`: the project that it shares, and how it judges the bill. All of it
together is its own target.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler import Project
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from tests.team_demo import Demo

LEDGER = "postgresql://db.example/cutlist"
STORE = "s3://films/cutlist?region=us-east-1"


def make_demo(root: Path, bill: list[dict[str, Any]] | None = None) -> Demo:
    service = SimpleNamespace(
        url="https://service.example/api/v1",
        billed=lambda: bill or [],
        ask=lambda _what: {"tasks": bill or []},
    )
    return Demo(root, service, LEDGER, STORE)  # type: ignore[arg-type]


def list_tasks(jobs: list[int]) -> list[dict[str, Any]]:
    """A task for each job, as the service bills it."""
    return [
        {"task_id": f"task-{number}", "job_sha256": f"{job:064x}", "billed_s": 4.0}
        for number, job in enumerate(jobs)
    ]


def test_what_the_clones_share(tmp_path: Path) -> None:
    """Eight edits, a ledger, a store and workers; no key is in what is committed."""
    demo = make_demo(tmp_path)
    demo.commit_project()
    clone = demo.clone("clone-a")
    project = Project.open(clone, variables=Variables(Secret("sk-mock")))
    assert len(project.load().edits) == 8
    config = project.config
    assert (config.ledger.reveal(), config.shares_ledger, config.leaves_work) == (
        LEDGER,
        True,
        True,
    )
    assert str(config.bucket).startswith("s3://films/cutlist")
    committed = [path for path in clone.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert committed
    assert not any(b"sk-mock" in path.read_bytes() for path in committed)
    assert not (clone / "renders").exists()


@pytest.mark.parametrize(
    ("jobs", "is_good", "words"),
    [
        (list(range(8)), True, "8 jobs, 8 tasks, 32.0 s: 0 paid twice."),
        ([*range(8), 3], False, "8 jobs, 9 tasks, 36.0 s: 1 paid twice."),
        (list(range(7)), False, "7 jobs, 7 tasks, 28.0 s: 0 paid twice."),
    ],
)
def test_the_bill_is_judged(
    jobs: list[int], is_good: bool, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that was paid twice, or not rendered, fails the demo."""
    demo = make_demo(tmp_path, list_tasks(jobs))
    assert demo.count_tasks() == len(jobs)
    assert demo.tell_bill() is is_good
    assert words in capsys.readouterr().out


def test_what_a_process_says_stands_behind_its_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    demo = make_demo(tmp_path)
    assert demo.wait(demo.start("clone-a", "--version")) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first.strip().endswith("clone-a $ cutlist --version")
    assert second.startswith(" clone-a | cutlist")
