"""Completion, in the shells themselves: what is offered, and that nothing else happens."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from reconciler.cli.main import cutlist
from tests.nursery import get_nursery
from tests.repository import Repository
from tests.workspace import PROJECT, Workspace

SHOT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: shot, labels: {campaign: spring}}
spec:
  matrix: {look: [snow, rain], tier: [720P]}
  model: wan2.7-videoedit
  input: {prompt: "${{ matrix.look }}", media: [{type: video, url: "https://e.example/a.mp4"}]}
  parameters: {resolution: "${{ matrix.tier }}"}
"""
HOUSE = """\
model: house-edit
title: Ours
extends: wan2.7-videoedit
names: {house-edit: {singapore: allowed}}
"""
# what is typed, and what is offered for its last word
OFFERED = {
    "explain fi": ["first"],
    "show shot": ["shot[look=snow,tier=720P]", "shot[look=rain,tier=720P]"],
    "plan --target camp": ["campaign=spring"],
    "plan --env dr": ["draft"],
    "plan --endpoint mo": ["mock"],
    "diff HEAD..to": ["HEAD..topic"],
    "plan --from v": ["v1"],
    "models house": ["house-edit"],
    "log zzz": [],
}
# bash takes `=` for the end of a word, and completes what stands behind the last one
IN_BASH = {
    **OFFERED,
    "show shot": [r"shot\[look=snow,tier=720P\]", r"shot\[look=rain,tier=720P\]"],
    "plan --target campaign=": ["spring"],
    "plan --target campaign=sp": ["spring"],
    r"explain shot\[look=s": [r"snow,tier=720P\]"],
}


@pytest.fixture
def film(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project with a model of its own, a label, a matrix, an environment, a branch and a tag."""
    own = "  models: [house.yaml]\n"
    workspace.write("cutlist.yaml", f"{PROJECT}  environments: {{draft: {{}}, final: {{}}}}\n{own}")
    workspace.write("house.yaml", HOUSE)
    workspace.edit("first")
    workspace.write("specs/shot.yaml", SHOT)
    repository = Repository(workspace.root)
    repository.commit()
    repository.git("branch", "topic")
    repository.git("tag", "v1")
    monkeypatch.setenv("PATH", f"{get_nursery().programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(workspace.root.parent))
    monkeypatch.chdir(workspace.root)
    return workspace


def shell(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: its completion was not tried")
    return path


def answered(*command: str, given: str = "") -> list[str]:
    """The lines that a command prints; it must print nothing else."""
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=180, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_bash(film: Workspace) -> None:
    """All cases in one bash, which fills COMPREPLY as it does for a person."""
    bash = shell("bash")
    ask = 'COMP_LINE="cutlist $line"; COMP_POINT=${#COMP_LINE}; _cutlist_completion cutlist'
    say = 'echo "$line>${COMPREPLY[*]}"'
    loop = f"source <(cutlist completion bash); while read -r line; do {ask}; {say}; done"
    lines = answered(bash, "--norc", "-c", loop, given="".join(f"{line}\n" for line in IN_BASH))
    assert dict(line.split(">") for line in lines) == {
        line: " ".join(offered) for line, offered in IN_BASH.items()
    }


def test_fish(film: Workspace) -> None:
    """All cases in one fish, asked as it asks itself."""
    fish = shell("fish")
    script = film.write("cutlist.fish", "")
    script.write_text("\n".join(answered("cutlist", "completion", "fish")))
    loop = f'source {script}; while read -l line; echo "+$line"; complete -C "cutlist $line"; end'
    lines = answered(
        fish, "--no-config", "-c", loop, given="".join(f"{line}\n" for line in OFFERED)
    )
    offered: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("+"):
            offered[line[1:]] = []
        else:
            offered[[*offered][-1]].append(line)
    assert {line: sorted(names) for line, names in offered.items()} == {
        line: sorted(names) for line, names in OFFERED.items()
    }


@pytest.fixture
def terminal(film: Workspace) -> Iterator[int]:
    """A zsh at a terminal, with completion set up; what is written there is typed."""
    zsh = shell("zsh")
    ours, theirs = pty.openpty()
    process = subprocess.Popen([zsh, "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    typed(ours, "PS1='> '; unsetopt beep; autoload -U compinit; compinit -u -D\n", "> ")
    typed(ours, 'eval "$(cutlist completion zsh)"; echo rea""dy\n', "ready")
    yield ours
    process.kill()
    process.wait()
    os.close(ours)


def typed(terminal: int, keys: str, awaited: str, within_s: float = 40.0) -> str:
    """Type keys; what the terminal shows until the awaited text stands there."""
    os.write(terminal, keys.encode())
    shown, until_s = "", time.monotonic() + within_s
    while awaited not in shown:
        left_s = until_s - time.monotonic()
        assert left_s > 0, f"{awaited!r} never came: {shown!r}"
        if select.select([terminal], [], [], left_s)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


@pytest.mark.parametrize(
    ("keys", "completed"),
    [
        ("cutlist explain fi\t", "first"),
        ("cutlist show shot\\[look=s\t", "snow,tier=720P"),
        ("cutlist plan --target camp\t", "aign=spring"),
        ("cutlist diff HEAD..to\t", "pic"),
    ],
)
def test_zsh(terminal: int, keys: str, completed: str) -> None:
    """A person types the beginning and the tabulator; the rest appears."""
    typed(terminal, keys, completed)


# ------------------------------------------------------------------ in every shell


def offered(*words: str, typed: str = "") -> list[str]:
    """What is offered behind these words."""
    complete = ShellComplete(cutlist, {}, "cutlist", "_CUTLIST_COMPLETE")
    return [item.value for item in complete.get_completions(list(words), typed)]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("cutlist.yaml", "kind: [\n"),
        ("cutlist.yaml", "\xff\x00"),
        ("specs/first.yaml", "metadata: 7\n"),
        ("specs/first.yaml", "metadata: {name: [1]}\nspec: {matrix: 7}\n"),
        (".cutlist/mock/ledger.db", "no database"),
    ],
)
def test_a_broken_project_offers_what_it_can(
    film: Workspace, path: str, content: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is said about it, wherever it is broken, and nothing is written but the cache."""
    film.write(path, content.encode("latin-1"))
    before = set(film.files())
    offers = [
        offered("explain"), offered("plan", "--target"), offered("plan", "--env"),
        offered("diff"), offered("resolve", "first", "--adopt"),
        offered("plan", "--env", "nowhere", "--target"),
    ]  # fmt: skip
    assert all(isinstance(names, list) for names in offers)
    assert capfd.readouterr() == ("", "")
    assert {name for name in set(film.files()) - before if "cache" not in name} == set()


def test_outside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands and options only."""
    monkeypatch.chdir(tmp_path)
    assert offered("explain") == []
    assert "plan" in offered()


def test_it_loads_little(film: Workspace) -> None:
    """No network, no media, no schemas where there is no matrix: a press of a key is short."""
    (film.root / "specs/shot.yaml").unlink()
    film.run("validate")
    code = (
        "import sys\nfrom click.shell_completion import ShellComplete\n"
        "from reconciler.cli.main import cutlist\n"
        "items = ShellComplete(cutlist, {}, 'cutlist', '_X').get_completions(['explain'], '')\n"
        "assert [item.value for item in items] == ['first']\n"
        "print([name for name in ('httpx', 'aiohttp', 'av', 'PIL', 'jsonschema', 'rich')"
        " if name in sys.modules])"
    )
    assert answered(sys.executable, "-c", code) == ["[]"]
