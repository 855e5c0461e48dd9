"""The lock file comes back to the repository, whoever pushes at the same time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.controller.write_back import (
    LockChange,
    merge_locks,
    push_branch,
    push_lock,
)
from reconciler.errors import (
    BranchProtected,
    InvalidInput,
    PushRejected,
    RemoteRefused,
    UsageError,
)
from reconciler.state.lockfile import build_text, parse_pins
from reconciler.state.observed import Pin
from reconciler.system.git.remote import Mirror
from tests.githost import GitHost
from tests.repository import Repository

MAIN, LOCK = "refs/heads/main", "films/cutlist.lock"


def make_lock(**pins: str) -> bytes:
    """A lock file with one digit for the digest of each edit."""
    return build_text(
        {"default": {name: Pin("0" * 64, digit * 64) for name, digit in pins.items()}}
    )


def read_pins(raw: str) -> dict[str, str]:
    return {name: pin.digest[0] for name, pin in parse_pins(raw.encode())["default"].items()}


class Films:
    """A project at a host, a person who commits to it, and a controller's mirror."""

    def __init__(self, start: Films | None, top: Path, host: GitHost) -> None:
        self.host, self.top, self.name = host, top, top.name
        if start is None:
            (top / "work").mkdir()
            self.work = Repository(top / "work")
            self.write("films/specs/rain.yaml", "kind: Edit\n")
            self.base = self.write(LOCK, make_lock(rain="1", snow="1").decode())
            return
        shutil.copytree(start.top / "work", top / "work")
        self.work, self.base = Repository(top / "work"), start.base
        self.mirror = Mirror.open(top / "mirror", host.copy(self.name, start.name))

    def write(self, name: str, text: str) -> str:
        """A person's commit, which the host has at once."""
        path = self.work.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        commit = self.work.commit(f"{name} changes")
        self.host.publish(self.work, self.name)
        return commit

    def ask(self, *arguments: str) -> str:
        """What git says at the host."""
        return self.host.ask(*arguments, name=self.name)

    def change(self, content: bytes) -> LockChange:
        author = "cutlist <cutlist@example.com>"
        return LockChange(LOCK, self.base, content, "lock: rain\n\n$0.50", author, "spring", 1.8e9)

    def pins(self, ref: str = "main") -> dict[str, str]:
        return read_pins(self.ask("show", f"{ref}:{LOCK}"))

    def protect(self, script: str) -> None:
        hook = self.host.find_folder(self.name) / "hooks/update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Films]:
    with GitHost(tmp_path_factory.mktemp("host")) as host:
        yield Films(None, tmp_path_factory.mktemp("start"), host)


@pytest.fixture
def films(start: Films, tmp_path: Path) -> Films:
    """A copy of the same beginning."""
    return Films(start, tmp_path, start.host)


def test_the_lock_is_pushed_on_the_tip(films: Films) -> None:
    """One commit, which says whose it is; a second time there is nothing to do."""
    commit = push_lock(films.mirror, MAIN, films.change(make_lock(rain="2", snow="1")))
    assert films.ask("rev-parse", "main", "main~1").split() == [commit, films.base]
    assert films.pins() == {"rain": "2", "snow": "1"}
    message = films.ask("log", "-1", "--format=%B", "main")
    assert message == "lock: rain\n\n$0.50\n\nCutlist-Sync: spring"
    assert push_lock(films.mirror, MAIN, films.change(make_lock(rain="2", snow="1"))) == commit


def test_a_commit_that_came_before_is_built_upon(films: Films) -> None:
    """Its files stay, and its pins too, where ours are of before."""
    films.write(LOCK, make_lock(rain="1", snow="3", fog="3").decode())
    films.write("films/specs/fog.yaml", "kind: Edit\n")
    push_lock(films.mirror, MAIN, films.change(make_lock(rain="2", snow="1")))
    assert films.pins() == {"rain": "2", "snow": "3", "fog": "3"}
    assert films.ask("show", "main:films/specs/fog.yaml") == "kind: Edit"


def test_the_commit_that_a_pass_began_with_may_be_gone(films: Films) -> None:
    """History was rewritten: what the branch has stays, and ours comes to it."""
    films.write(LOCK, make_lock(rain="1", fog="3").decode())
    change = replace(films.change(make_lock(rain="2", snow="1")), base="1" * 40)
    push_lock(films.mirror, MAIN, change)
    assert films.pins() == {"rain": "2", "snow": "1", "fog": "3"}


def test_a_push_in_the_same_moment_is_not_lost(films: Films) -> None:
    """The host has taken another commit between our look and our push: ours is built anew."""
    push = films.mirror.push
    rounds = iter((True, False))

    def race(refspec: str, lease: str) -> None:
        if next(rounds):
            films.write("films/specs/fog.yaml", "kind: Edit\n")
        push(refspec, lease)

    films.mirror.push = race  # type: ignore[method-assign]
    push_lock(films.mirror, MAIN, films.change(make_lock(rain="2", snow="1")))
    assert films.pins()["rain"] == "2"
    assert films.ask("show", "main:films/specs/fog.yaml") == "kind: Edit"


def test_who_always_comes_first_wins(films: Films) -> None:
    """After some tries it is left to the next pass, and nothing is overwritten."""
    push, tries = films.mirror.push, []

    def race(refspec: str, lease: str) -> None:
        tries.append(films.write("x", str(len(tries))))
        push(refspec, lease)

    films.mirror.push = race  # type: ignore[method-assign]
    with pytest.raises(PushRejected):
        push_lock(films.mirror, MAIN, films.change(make_lock(rain="2")), tries=2)
    assert len(tries) == 2
    assert films.ask("rev-parse", "main") == tries[-1]


def test_a_protected_branch_gets_one_beside_it(films: Films) -> None:
    """The branch beside it is made anew from the tip, and left alone while it says the same."""
    films.protect('test "$1" != refs/heads/main || { echo "GH006: Protected branch" >&2; exit 1; }')
    change = films.change(make_lock(rain="2", snow="1"))
    with pytest.raises(BranchProtected, match="GH006") as caught:
        push_lock(films.mirror, MAIN, change)
    assert "pull request" in caught.value.hint
    assert push_branch(films.mirror, MAIN, change) == "refs/heads/cutlist/lock-main"
    first = films.ask("rev-parse", "cutlist/lock-main")
    assert films.pins("cutlist/lock-main") == {"rain": "2", "snow": "1"}
    push_branch(films.mirror, MAIN, replace(change, when_s=1.9e9))
    assert films.ask("rev-parse", "cutlist/lock-main") == first
    assert films.ask("rev-parse", "cutlist/lock-main~1", "main").split() == [films.base] * 2


def test_who_may_only_read_is_told(films: Films) -> None:
    """The host refuses before it hears of a branch: a person has to give the right."""
    films.host.order("403", service="receive-pack")
    with pytest.raises(RemoteRefused, match="403") as caught:
        push_lock(films.mirror, MAIN, films.change(make_lock(rain="2")))
    assert "for the lock file, write" in caught.value.hint


def test_a_tag_is_no_branch(films: Films) -> None:
    """What is followed may be a tag; it is not moved."""
    with pytest.raises(UsageError, match="is no branch"):
        push_lock(films.mirror, "refs/tags/v1", films.change(make_lock(rain="2")))


def test_conflict_markers_are_left_to_people(films: Films) -> None:
    """What is no lock file is not merged with."""
    films.write(LOCK, "<<<<<<< ours\n")
    with pytest.raises(InvalidInput, match="conflict markers"):
        push_lock(films.mirror, MAIN, films.change(make_lock(rain="2")))


def test_merging_is_edit_by_edit() -> None:
    """What only one side changed is that side's, what both did is ours, what is gone is gone."""
    base, ours, theirs = (
        parse_pins(raw)
        for raw in (
            make_lock(same="1", ours="1", theirs="1", both="1", gone="1", left="1"),
            make_lock(same="1", ours="2", theirs="1", both="2", left="1", new="2"),
            make_lock(same="1", ours="1", theirs="3", both="3", gone="1", other="3"),
        )
    )
    merged = {
        name: pin.digest[0] for name, pin in merge_locks(base, ours, theirs)["default"].items()
    }
    assert merged == {
        "same": "1", "ours": "2", "theirs": "3", "both": "2", "new": "2", "other": "3",
    }  # fmt: skip
    picked = Pin("0" * 64, "4" * 64, made_by="9" * 64)
    for before in (base["default"]["both"], None):
        sides = [
            {"default": {"both": pin} if pin else {}}
            for pin in (before, ours["default"]["both"], picked)
        ]
        assert merge_locks(*sides) == {"default": {"both": picked}}  # a person's word stays
    sides = [{"default": {"both": pin}} for pin in (picked, ours["default"]["both"], picked)]
    assert merge_locks(*sides) == {"default": {"both": ours["default"]["both"]}}
    section = {"rain": Pin("0" * 64, "5" * 64)}
    merged_sections = merge_locks({}, {"final": section}, {"draft": section})
    assert merged_sections == {"final": section, "draft": section}
