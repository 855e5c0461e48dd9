"""The first plan of a project, of which nothing is remembered and nothing rendered, beside a script
that reads the same manifests with libyaml and checks them with jsonschema.

Twice: with manifests that say all themselves, and with manifests that leave the model to the
project's defaults. Of those the script checks less: without a model no rule of one applies.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from frame import Usage, measure_command, measure_in_turn, say, tell_cpu_ratio
from scene.making import CUTLIST
from scene.projects import EDIT, PROJECT, make_files

EDITS = 10_000
ALLOWED = 2  # times the script
ROOT = Path(__file__).resolve().parents[1]
PEER = [sys.executable, ROOT / "benchmarks" / "scene" / "peer.py"]
SCHEMA = ROOT / "schemas" / "manifest.schema.json"
BARE_PROJECT = "apiVersion: cutlist/v1\nkind: Project\nspec: {}\n"
WHOLE_EDIT = EDIT.replace("spec:\n", "spec:\n  model: wan2.7-videoedit\n").replace(
    "seed: 7", "seed: 7, resolution: 720P"
)


def plan_first(root: Path) -> Usage:
    """The plan of somebody who has just cloned the project."""
    shutil.rmtree(root / ".cutlist", ignore_errors=True)
    return measure_command([*CUTLIST, "-C", root, "plan"])


def check_with_peer(root: Path) -> Usage:
    return measure_command([*PEER, root / "specs", SCHEMA])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--edits", type=int, default=EDITS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    forms = (("that say all", WHOLE_EDIT, BARE_PROJECT), ("with defaults", EDIT, PROJECT))
    with tempfile.TemporaryDirectory() as folder:
        for number, (form, edit, project) in enumerate(forms):
            root = Path(folder) / str(number)
            say(f"making {arguments.edits:,} manifests {form}")
            make_files(root, arguments.edits, edit, project)
            results = measure_in_turn(
                arguments.rounds,
                plan=partial(plan_first, root),
                peer=partial(check_with_peer, root),
            )
            tell_cpu_ratio(
                f"cold plan, {arguments.edits:,} manifests {form}, to libyaml and jsonschema",
                results["plan"],
                results["peer"],
                allowed=ALLOWED,
            )


if __name__ == "__main__":
    main()
