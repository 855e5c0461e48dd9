"""Checks the subjects of commits: `area: what`, at most 72 characters, no full stop at the end.

`python -m tests.house.check_commits --since REVISION` looks at the commits since the last tag, or
since REVISION where there is no tag; `--message FILE` looks at one message before it is committed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_LENGTH = 72
# One or more areas, as in `plan: …` and `report, cli: …`.
FORM = re.compile(r"[a-z0-9][\w./-]*(, [a-z0-9][\w./-]*)*: \S")
# What git itself writes, or folds away before anything is published.
WRITTEN_BY_GIT = re.compile(r"Merge |Revert \"|(fixup|squash|amend)! ")


class NoHistory(Exception):
    """The commits cannot be told here; the message says why."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--since", metavar="REVISION", help="where to begin when there is no tag")
    task.add_argument("--message", metavar="FILE", type=Path, help="one message, for a git hook")
    arguments = parser.parse_args()
    if arguments.message:
        subjects = [("this commit", read_subject(arguments.message))]
    else:
        try:
            subjects = list_subjects(ROOT, arguments.since)
        except NoHistory as reason:
            print(f"Commit subjects are not checked: {reason}.")
            return
    complaints = [
        f"{commit}: {complaint}: {subject}"
        for commit, subject in subjects
        for complaint in check_subject(subject)
    ]
    if complaints:
        sys.exit(
            "\n".join([*complaints, "CONTRIBUTING.md says what a commit's subject looks like."])
        )


def check_subject(subject: str) -> list[str]:
    """Return what is wrong with a subject; nothing when it is as it should be."""
    if WRITTEN_BY_GIT.match(subject):
        return []
    complaints = []
    if not FORM.match(subject):
        complaints.append("not in the form `area: what`")
    if len(subject) > MAX_LENGTH:
        complaints.append(f"{len(subject)} characters, at most {MAX_LENGTH}")
    if subject.endswith("."):
        complaints.append("a full stop at the end")
    return complaints


def read_subject(file: Path) -> str:
    """Return the first line of a message that says anything."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((line for line in lines if line.strip() and not line.startswith("#")), "")


def list_subjects(root: Path, base: str) -> list[tuple[str, str]]:
    """Return the short id and the subject of each commit since the last tag, or since `base`.

    Raises `NoHistory` in a tree without a repository of its own, and in a clone too shallow to
    reach back that far.
    """
    if Path(run_git(root, "rev-parse", "--show-toplevel")).resolve() != root.resolve():
        raise NoHistory("this tree has no repository of its own")
    try:
        base = run_git(root, "describe", "--tags", "--abbrev=0")
    except NoHistory:
        try:
            run_git(root, "merge-base", "--is-ancestor", base, "HEAD")
        except NoHistory:
            raise NoHistory(f"the history here does not reach back to {base}") from None
    log = run_git(root, "log", "--no-merges", "--format=%h %s", f"{base}..HEAD")
    lines = [line.partition(" ") for line in log.splitlines()]
    return [(commit, subject) for commit, _, subject in lines]


def run_git(root: Path, *arguments: str) -> str:
    """Run git and return what it prints; raises `NoHistory` with what it complains of."""
    try:
        process = subprocess.run(
            ["git", "-c", "log.showSignature=false", *arguments],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
    except FileNotFoundError:
        raise NoHistory("git is not installed") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["git says no"]
        raise NoHistory(lines[0].removeprefix("fatal: ")) from None
    return process.stdout.strip()


if __name__ == "__main__":
    main()
