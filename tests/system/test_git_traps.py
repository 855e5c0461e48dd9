"""A project folder may come from a stranger, `.git` and all: nothing that it has configured runs.

Each trap writes a file of its name when it is sprung. That it can be sprung at all is shown with
plain git; then everything that the program asks of git is asked, and no such file may be there.
"""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from reconciler.errors import CutlistError
from reconciler.system.git import run as asking
from reconciler.system.git.committed import (
    Commit,
    find_lfs_file,
    list_entries,
    read_head,
    read_versions,
)
from reconciler.system.git.revisions import find_ends, find_revision
from reconciler.system.git.run import Objects
from tests.repository import Repository
from tests.workspace import Workspace

EDITED = "specs/rain.yaml"  # not as it was committed, so that git would filter and compare it
SIGNED = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"


class Traps:
    """A repository in which everything that git can be told to run is a trap."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sprung_dir = root.parent / "sprung"
        self.sprung_dir.mkdir()
        self.repository = Repository(root)

    def trap(self, name: str) -> str:
        """A program that tells that it was run."""
        path = self.root.parent / "traps" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch '{self.sprung_dir}/{name}'\n")
        path.chmod(0o755)
        return str(path)

    def configure(self, key: str, value: str, *where: str) -> None:
        self.repository.git("config", *where, key, value)

    def sprung(self) -> set[str]:
        """The names of the traps that were run since the last question; they are forgotten then."""
        paths = list(self.sprung_dir.iterdir())
        for path in paths:
            path.unlink()
        return {path.name for path in paths}

    def spring(self, command: list[str]) -> None:
        """Run a command as a person would: at a terminal, with what the repository configures."""
        ours, theirs = pty.openpty()
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root.parent), "TERM": "xterm"}
        try:
            subprocess.run(
                command, cwd=self.root, env=environment, stdin=subprocess.DEVNULL, stdout=theirs,
                stderr=subprocess.DEVNULL, check=False, timeout=20,
            )  # fmt: skip
        finally:
            os.close(ours)
            os.close(theirs)


def film(root: Path) -> Traps:
    """A small project with a submodule, a lost object, refs and paths that look like options, and
    every trap armed.
    """
    root.mkdir()
    texts = {
        EDITED: "one\n", "specs/same.yaml": "same\n", "-c.yaml": "dash\n", "cutlist.lock": "two\n",
        ".gitattributes": "*.yaml filter=bent diff=bent merge=bent\n",
    }  # fmt: skip
    for name, text in texts.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    inner = Repository(_made(root.parent / "inner"))
    (inner.root / "inner.yaml").write_text("kind: Nothing\n")
    inner.commit()
    traps = Traps(root)
    traps.repository.commit()
    traps.repository.git("submodule", "--quiet", "add", str(inner.root), "parts")
    traps.repository.commit("again")
    _sign(traps.repository)
    _lose(traps, "lost")
    for ref in ("refs/heads/-x", "refs/heads/--output=sprung", "refs/tags/--upload-pack=sprung"):
        traps.repository.git("update-ref", ref, "HEAD")
    (root / EDITED).write_text("two\n")
    (root / ".git/objects/info/alternates").write_text(f"{inner.root}/.git/objects\n")
    _arm(traps)
    return traps


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _lose(traps: Traps, text: str) -> None:
    """An object that is named, by the file `lost`, and not there."""
    name = traps.repository.git("hash-object", "-w", "--stdin", given=text)
    (traps.root / ".git/objects" / name[:2] / name[2:]).unlink()
    (traps.root / "lost").write_text(name)


def _sign(repository: Repository) -> None:
    head, _, message = repository.git("cat-file", "commit", "HEAD").partition("\n\n")
    commit = repository.git(
        "hash-object", "-t", "commit", "-w", "--stdin", given=f"{head}\n{SIGNED}\n\n{message}\n"
    )
    repository.git("update-ref", "HEAD", commit)


def _arm(traps: Traps) -> None:
    """Everything that is known to start a program, and is read from the repository."""
    hooks = Path(traps.trap("hook")).parent / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "post-checkout", "reference-transaction", "pre-auto-gc"):
        (hooks / name).symlink_to(traps.trap("hook"))
    for key, name in {
        "core.pager": "pager", "pager.rev-list": "pager", "pager.cat-file": "pager",
        "core.editor": "editor", "sequence.editor": "editor", "gpg.program": "gpg",
        "diff.external": "external", "diff.bent.command": "external",
        "diff.bent.textconv": "textconv", "merge.bent.driver": "merge",
        "filter.bent.clean": "clean", "filter.bent.smudge": "smudge",
        "filter.many.process": "process", "core.sshCommand": "ssh", "core.gitProxy": "proxy",
        "core.askPass": "askpass", "credential.helper": "askpass",
        "core.alternateRefsCommand": "alternates", "remote.origin.uploadpack": "uploadpack",
        "uploadpack.packObjectsHook": "packobjects", "trailer.bent.command": "trailer",
    }.items():  # fmt: skip
        traps.configure(key, traps.trap(name))
    traps.configure("core.hooksPath", str(hooks))
    traps.configure("log.showSignature", "true")
    for question in (*asking.QUESTIONS, "nonsense"):
        traps.configure(f"alias.{question}", f"!{traps.trap('alias')}")
    _arm_files(traps)
    _arm_promise(traps)


def _arm_files(traps: Traps) -> None:
    """Settings in other files than `.git/config`."""
    extra = traps.root / ".git/extra"
    extra.write_text(f'[filter "included"]\n\tclean = {traps.trap("include")}\n')
    traps.configure("include.path", "extra")
    conditional = traps.root / ".git/conditional"
    conditional.write_text(f'[filter "conditional"]\n\tclean = {traps.trap("includeif")}\n')
    traps.configure("includeIf.gitdir:**.path", "conditional")
    traps.configure("extensions.worktreeConfig", "true")
    traps.configure("core.fsmonitor", traps.trap("fsmonitor"), "--worktree")
    modules = traps.root / ".git/modules/parts/config"
    if modules.exists():
        inner = f"[core]\n\tfsmonitor = {traps.trap('submodule')}\n"
        modules.write_text(modules.read_text() + inner)
    more = "extra.txt filter=included\nmore.txt filter=conditional\nmany.txt filter=many\n"
    (traps.root / ".git/info").mkdir(exist_ok=True)
    (traps.root / ".git/info/attributes").write_text(more)
    for name in ("extra.txt", "more.txt", "many.txt"):
        (traps.root / name).write_text("text\n")


def _arm_promise(traps: Traps) -> None:
    """A remote that has promised the missing objects: git fetches them unasked."""
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": "ssh://nowhere.invalid/film",
        "protocol.allow": "always",
    }.items():
        traps.configure(key, value)


LOST = "$(cat lost)"
# How plain git springs each: what it shows is that the trap is live.
CONTROLS = {
    "hook": "git checkout --quiet --detach",
    "fsmonitor": "git status",
    "clean": "git status",
    "process": "git add many.txt",
    "include": "git add extra.txt",
    "includeif": "git add more.txt",
    "smudge": "git archive HEAD --format=tar",
    "textconv": "git --no-pager log -p --no-ext-diff",
    "external": "git diff",
    "pager": "git log",
    "gpg": "git --no-pager log",
    "editor": "git -c user.name=A -c user.email=a@example.com commit --amend",
    "alias": "git nonsense",
    "submodule": "git status",
    "ssh": f"git cat-file -p {LOST}",
    "proxy": "git fetch git://nowhere.invalid/film",
    "uploadpack": f"git config remote.origin.url {{inner}}; git cat-file -p {LOST}",
    "alternates": "git fetch {inner}",
}


@pytest.fixture(scope="module")
def sprung_by_git(tmp_path_factory: pytest.TempPathFactory) -> Traps:
    """A project for plain git, which changes it."""
    return film(tmp_path_factory.mktemp("sprung") / "film")


@pytest.fixture
def armed(tmp_path: Path) -> Traps:
    """A project that nobody has asked anything of."""
    return film(tmp_path / "film")


@pytest.mark.parametrize("name", CONTROLS)
def test_the_traps_are_live(sprung_by_git: Traps, name: str) -> None:
    """Plain git runs what each of them names; without this the other tests would prove nothing."""
    sprung_by_git.sprung()
    inner = sprung_by_git.root.parent / "inner"
    sprung_by_git.spring(["sh", "-c", CONTROLS[name].replace("{inner}", str(inner))])
    assert name in sprung_by_git.sprung()


def test_no_question_springs_a_trap(armed: Traps, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question that the program has, of names that look like options, too."""
    monkeypatch.setenv("GIT_PAGER", armed.trap("environment"))
    monkeypatch.setenv("GIT_SSH_COMMAND", armed.trap("environment"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", armed.trap("environment"))
    root, lost = armed.root, (armed.root / "lost").read_text()
    seen = read_head(root, [EDITED])
    assert seen is not None
    assert seen.changed
    same = read_head(root, ["specs/same.yaml", "-c.yaml", "parts/inner.yaml", "cutlist.lock"])
    assert same == Commit(seen.id, "Ada Example", False)
    for name in ("-x", "--output=sprung", "--upload-pack=sprung", "HEAD"):
        assert find_revision(root, name).id == seen.id
    assert find_ends(root, "-x...--output=sprung")[0].id == seen.id
    for name in ("--nowhere", "-h", lost, f"{lost}^{{commit}}", "--batch"):
        with pytest.raises(CutlistError):
            find_revision(root, name)
    assert list(read_versions(root, "cutlist.lock", commits=3)) == [b"two\n"]
    entries = list_entries(root, seen.id)
    assert entries["parts"].kind == "submodule"
    find_lfs_file(root, "0" * 64)
    with Objects(root) as objects:
        assert b"".join(objects.read_chunks(entries["-c.yaml"].id)) == b"dash\n"
        with pytest.raises(CutlistError, match="lacks the object"):
            list(objects.read_chunks(lost))
    assert armed.sprung() == set()
    assert not (root / "sprung").exists()


def test_a_git_of_the_repository_is_not_run(armed: Traps, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PATH names the folder one is in, a file `git` of the project is not taken for git."""
    (armed.root / "git").symlink_to(armed.trap("path"))
    monkeypatch.chdir(armed.root)
    monkeypatch.setenv("PATH", f".::{os.environ['PATH']}")
    armed.spring(["env", f"PATH=.:{os.environ['PATH']}", "git", "status"])
    assert armed.sprung() == {"path"}
    assert read_head(armed.root) is not None
    assert armed.sprung() == set()


def test_only_questions_are_asked(armed: Traps) -> None:
    """What compares files or writes is refused in the one function that starts git."""
    for command in ("status", "diff", "add", "fetch", "checkout", "log", "hash-object"):
        with pytest.raises(ValueError, match="no question"):
            asking.ask_git(armed.root, command)
    assert armed.sprung() == set()


def test_no_command_springs_a_trap(
    workspace: Workspace, media: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The commands that ask git: plan and diff of revisions, gc, and what notes the commit of a
    result.
    """
    workspace.take(media, "ok.mp4")
    workspace.write(".gitignore", ".cutlist/\nrenders/\n")
    workspace.write(".gitattributes", "*.yaml filter=bent diff=bent\n")
    workspace.edit("rain")
    traps = Traps(workspace.root)
    traps.repository.commit()
    workspace.edit("snow")
    traps.repository.commit("again")
    workspace.edit("rain", take=2)
    _arm(traps)
    commands = (
        ("plan", "--from", "HEAD~1"), ("diff", "HEAD~1"), ("diff", "HEAD~1...HEAD"), ("gc",),
        ("plan", "--from", "--output=sprung"), ("import", "rain", "--file", str(media / "ok.mp4")),
    )  # fmt: skip
    codes = [workspace.run(*command).code for command in commands]
    assert codes == [0, 0, 0, 0, 64, 0]
    assert "+" in workspace.run("show", "rain").out  # the edit is not as it was committed
    assert traps.sprung() == set()
    traps.spring(["git", "status"])
    assert "clean" in traps.sprung()
