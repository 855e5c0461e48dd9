"""A no-op plan beside doit, snakemake, DVC and make on the same tree: one task a manifest, which
makes its output.

`python benchmarks/peers.py ENVIRONMENT [--edits 1000 10000]`; `make bench-peers` makes the
environment. Each peer is told the tree in the shortest way that it has, and is measured when it has
remembered what it can. What is not installed is left out, with a word.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from frame import measure_command, measure_in_turn, say, tell_cpu_ratio
from scene.making import CUTLIST, SETTLED_S, make_project

DODO = """\
DOIT_CONFIG = {"verbosity": 0}


def task_render():
    for number in range(EDITS):
        yield {
            "name": f"{number:05}",
            "file_dep": [f"specs/{number:05}.yaml"],
            "targets": [f"renders/edit-{number:05}.mp4"],
            "actions": [(lambda: None,)],
        }
"""
SNAKEFILE = """\
rule all:
    input: expand("renders/edit-{number}.mp4", number=[f"{n:05}" for n in range(EDITS)])

rule render:
    input: "specs/{number}.yaml"
    output: "renders/edit-{number}.mp4"
    shell: "cp {input} {output}"
"""
DVC_STAGES = """\
stages:
  render:
    foreach: [NUMBERS]
    do:
      cmd: cp specs/${item}.yaml renders/edit-${item}.mp4
      deps: ["specs/${item}.yaml"]
      outs: ["renders/edit-${item}.mp4"]
"""
DVC_CONFIG = """\
[core]
    no_scm = True
    analytics = false
    check_update = false
    site_cache_dir = SITE
"""
MAKEFILE = """\
all: $(patsubst specs/%.yaml,renders/edit-%.mp4,$(wildcard specs/*.yaml))
renders/edit-%.mp4: specs/%.yaml
\tcp $< $@
"""


@dataclass(frozen=True)
class Peer:
    """Another tool: its name, what tells it the tree, its command, and by edits what is allowed to
    us, in times its CPU, and how often it is measured.
    """

    name: str
    prepare: Callable[[Path, int], None]
    command: Sequence[str]
    allowed: dict[int, float]
    rounds: dict[int, int]


def write_dodo(root: Path, edits: int) -> None:
    (root / "dodo.py").write_text(DODO.replace("EDITS", str(edits)))


def write_snakefile(root: Path, edits: int) -> None:
    (root / "Snakefile").write_text(SNAKEFILE.replace("EDITS", str(edits)))


def write_makefile(root: Path, _edits: int) -> None:
    (root / "Makefile").write_text(MAKEFILE)


def write_dvc(root: Path, edits: int) -> None:
    """Stages, with their lock and a cache of outputs as `dvc repro` would have left them."""
    numbers = [f"{number:05}" for number in range(edits)]
    listed = ", ".join(f'"{number}"' for number in numbers)
    (root / "dvc.yaml").write_text(DVC_STAGES.replace("NUMBERS", listed))
    lines = ["schema: '2.0'", "stages:"]
    for number in numbers:
        source, output = f"specs/{number}.yaml", f"renders/edit-{number}.mp4"
        lines += [f"  render@{number}:", f"    cmd: cp {source} {output}"]
        for kind, path in (("deps", source), ("outs", output)):
            content = (root / path).read_bytes()
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            lines += [f"    {kind}:", f"    - path: {path}", "      hash: md5"]
            lines += [f"      md5: {md5}", f"      size: {len(content)}"]
            if kind == "outs":
                cached = root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
                cached.parent.mkdir(parents=True, exist_ok=True)
                cached.write_bytes(content)
    (root / "dvc.lock").write_text("\n".join(lines) + "\n")
    (root / ".dvc" / "tmp").mkdir(parents=True)
    (root / ".dvc" / "config").write_text(DVC_CONFIG.replace("SITE", str(root / ".dvc" / "site")))


PEERS = (
    Peer("make", write_makefile, ["make", "-n"], {}, {1_000: 5, 10_000: 5}),
    Peer("doit", write_dodo, ["doit"], {1_000: 1.2, 10_000: 0.7}, {1_000: 5, 10_000: 5}),
    Peer(
        "snakemake",
        write_snakefile,
        ["snakemake", "--dry-run", "--cores", "1", "--quiet", "all"],
        {10_000: 1 / 10},
        {1_000: 3, 10_000: 2},
    ),
    Peer("DVC", write_dvc, ["dvc", "status", "--quiet"], {10_000: 1 / 50}, {1_000: 2, 10_000: 1}),
)


def find_command(peer: Peer, environment: Path) -> list[str] | None:
    """The command of a peer, of its environment or of the machine; None where it is not there."""
    folders = os.pathsep.join([str(environment / "bin"), os.environ["PATH"]])
    program = shutil.which(peer.command[0], path=folders)
    return None if program is None else [program, *peer.command[1:]]


def compare(peer: Peer, environment: Path, root: Path, edits: int) -> None:
    """Measure one peer and us in turn."""
    command = find_command(peer, environment)
    if command is None:
        say(f"{peer.name} is not installed, and left out")
        return
    say(f"{peer.name}, {edits:,} edits")
    peer.prepare(root, edits)
    measure_command(command, root)  # it remembers what it can
    results = measure_in_turn(
        peer.rounds.get(edits, 1),
        ours=partial(measure_command, [*CUTLIST, "-C", root, "plan"]),
        peer=partial(measure_command, command, root),
    )
    claim = f"no-op plan, {edits:,} edits, to {peer.name}"
    tell_cpu_ratio(claim, results["ours"], results["peer"], allowed=peer.allowed.get(edits))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("environment", type=Path)
    parser.add_argument("--edits", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--only", help="the name of one peer")
    arguments = parser.parse_args()
    for edits in arguments.edits:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "project"
            make_project(root, edits)
            time.sleep(SETTLED_S)
            measure_command([*CUTLIST, "-C", root, "plan"])
            for peer in PEERS:
                if arguments.only in (None, peer.name):
                    compare(peer, arguments.environment.absolute(), root, edits)


if __name__ == "__main__":
    main()
