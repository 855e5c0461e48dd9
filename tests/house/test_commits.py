"""The check of commit subjects: what it accepts, and where it has no history to look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.check_commits import NoHistory, check_subject, list_subjects, read_subject
from tests.repository import Repository


@pytest.mark.parametrize(
    "subject",
    [
        "plan: a step names its reason",
        "report, cli: money is worded once",
        "docs/python-api: examples are run",
        'Revert "plan: a step names its reason, and the reason is long enough for two"',
        "x: " + "y" * 68,
    ],
)
def test_good_subjects(subject: str) -> None:
    """An area or several, a colon, what changed; git's own subjects pass."""
    assert check_subject(subject) == []


@pytest.mark.parametrize(
    ("subject", "complaint"),
    [
        ("Fix a bug", "not in the form `area: what`"),
        ("plan:no space", "not in the form `area: what`"),
        ("x: " + "y" * 70, "73 characters, at most 72"),
        ("plan: a step names its reason.", "a full stop at the end"),
        ("", "not in the form `area: what`"),
    ],
)
def test_bad_subjects(subject: str, complaint: str) -> None:
    """Each rule has its own complaint."""
    assert check_subject(subject) == [complaint]


def test_commits_since_the_base_or_the_last_tag(tmp_path: Path) -> None:
    """A tag that is newer than the base takes its place."""
    repository = Repository(tmp_path)
    base = repository.commit("Start")
    repository.commit("plan: first")
    assert [subject for _, subject in list_subjects(tmp_path, base)] == ["plan: first"]
    repository.git("tag", "v1")
    repository.commit("plan: second")
    assert [subject for _, subject in list_subjects(tmp_path, base)] == ["plan: second"]


def test_without_enough_history_it_says_so(tmp_path: Path) -> None:
    """An exported tree, one inside another's repository and a shallow clone cannot be checked."""
    exported = tmp_path / "exported"
    exported.mkdir()
    with pytest.raises(NoHistory, match="not a git repository"):
        list_subjects(exported, "HEAD")

    around = Repository(tmp_path)
    base = around.commit("Start")
    around.commit("plan: first")
    with pytest.raises(NoHistory, match="no repository of its own"):
        list_subjects(exported, base)

    shallow = tmp_path / "shallow"
    around.git("clone", "--quiet", "--depth=1", tmp_path.as_uri(), str(shallow))
    with pytest.raises(NoHistory, match=f"does not reach back to {base}"):
        list_subjects(shallow, base)


def test_message_of_a_hook(tmp_path: Path) -> None:
    """Comments and empty lines before the subject are not the subject."""
    message = tmp_path / "COMMIT_EDITMSG"
    message.write_text("\n# what git tells\nplan: first\n\nThe reason.\n", encoding="utf-8")
    assert read_subject(message) == "plan: first"
