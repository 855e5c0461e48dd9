"""A git repository in a temporary folder, of nobody and configured by nobody."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_CONFIG = {
    "user.name": "Ada Example",
    "user.email": "ada@example.com",
    "commit.gpgsign": "false",
    "init.defaultBranch": "main",
    "protocol.file.allow": "always",
}


class Repository:
    """Commits what lies in `root`, at times of its own: ids are the same on every machine."""

    def __init__(self, root: Path, *options: str) -> None:
        self.root = root
        self._time = 1_800_000_000
        self.git("init", "--quiet", *options)

    def git(self, *arguments: str, given: str = "") -> str:
        """Run git; what it says."""
        self._time += 1
        date = f"{self._time} +0000"
        env = {
            "PATH": os.environ["PATH"], "HOME": str(self.root), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date,
        }  # fmt: skip
        config = [part for name, value in _CONFIG.items() for part in ("-c", f"{name}={value}")]
        command = ["git", *config, *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=env, input=given.encode(), capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(self, message: str = "change", *paths: str) -> str:
        """Commit `paths` (all that is not ignored when none is named); the commit's id."""
        self.git("add", "--all", *(["--", *paths] if paths else []))
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")
