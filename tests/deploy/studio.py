"""A team's repository with a project in a folder of it, its origin, and a service with a bill."""

from __future__ import annotations

import os
from pathlib import Path

from mockserver.threaded import ServerThread
from tests.nursery import get_nursery
from tests.repository import Repository

KEY = "sk-mock"
PROJECT = """\
apiVersion: cutlist/v1
kind: Project
metadata: {name: films}
spec:
  endpoint: URL
  realm: live
  prices: {currency: USD, models: {wan2.7-videoedit: {720P: 0.1}}}
"""
EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: NAME}
spec:
  model: wan2.7-videoedit
  input:
    prompt: make it NAME
    media: [{type: video, url: "https://clips.example/a.mp4"}]
  parameters: {resolution: 720P, duration: 2}
"""


class Studio:
    """`work` is where people commit, `origin` the bare repository, and checkouts are a runner's."""

    def __init__(self, folder: Path, server: ServerThread) -> None:
        self.folder, self.server = folder, server
        self.secrets: dict[str, str] = {}  # variables that a job has besides
        (folder / "work").mkdir()
        self.origin = folder / "films.git"
        self.work = Repository(folder / "work")
        self.work.git("init", "--quiet", "--bare", str(self.origin))
        self.work.git("remote", "add", "origin", str(self.origin))
        self.project = self.work.root / "films"
        (self.project / "specs").mkdir(parents=True)
        (self.project / "cutlist.yaml").write_text(PROJECT.replace("URL", server.url))
        (self.project / ".gitignore").write_text(".cutlist/\nrenders/\n")
        self.add("rain")
        self.push("main")

    def rename_account(self, account: str) -> None:
        """Have the project work for an account of this name."""
        file = self.project / "cutlist.yaml"
        file.write_text(f"{file.read_text()}  account: {account}\n")
        self.work.commit("another account")
        self.push("main")

    def add(self, name: str, prompt: str = "") -> None:
        """Write one more edit and commit it."""
        edit = EDIT.replace("make it NAME", f"make it {prompt or name}").replace("NAME", name)
        (self.project / "specs" / f"{name}.yaml").write_text(edit)
        self.work.commit(f"{name} is wanted")

    def push(self, branch: str) -> None:
        """Bring what is committed to the origin."""
        self.work.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")

    def check_out(self, branch: str) -> Path:
        """What a runner checks out: everything anew, with the whole history."""
        checkout = self.folder / "runner" / branch
        if not checkout.exists():
            self.work.git("clone", "--quiet", str(self.origin), str(checkout))
        for command in ("fetch", f"checkout --detach --force origin/{branch}", "clean -ffdx"):
            self.work.git("-C", str(checkout), *command.split(), "--quiet")
        return checkout

    def read(self, path: str, branch: str = "main") -> str:
        """A file at the tip of a branch of the origin."""
        return self.work.git("--git-dir", str(self.origin), "show", f"{branch}:{path}")

    def count_tasks(self) -> int:
        """How often was paid."""
        return len(self.server.bill()["tasks"])

    def build_environment(self) -> dict[str, str]:
        """What a runner gives to every shell: programs, a home, and neither key nor name."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        packages = Path(__file__).resolve().parents[2]
        return {
            "PATH": f"{get_nursery().programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHONPATH": str(packages),
            "LANG": "C.UTF-8",
            **self.secrets,
        }
