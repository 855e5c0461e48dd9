"""How plans grow: chains of edits and matrices, each beside one of half the size, and cells beside
parsing YAML.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

PLAN = [sys.executable, "-c", "from reconciler.cli import main; main()", "-C"]
PROJECT = "apiVersion: cutlist/v1\nkind: Project\nspec: {defaults: {model: wan2.7-videoedit}}\n"
LINK = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: link-NUMBER}
spec: {input: {prompt: Again, media: [{type: video, url: "UP"}]}}
"""
MATRIX = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: cell}
spec:
  matrix: {a: [A], b: [B]}
  input:
    prompt: Make it ${{ matrix.a }} and ${{ matrix.b }}
    media: [{type: video, url: "https://clips.example/a.mp4"}]
"""


def cpu_s(*command: object) -> float:
    """CPU seconds of a process and what it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # manifests may be wrong on purpose
    subprocess.run([*map(str, command)], check=False, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def chain(root: Path, links: int) -> None:
    """Edits, each of the one before."""
    for number in range(links):
        up = f"edit://link-{number - 1:05}" if number else "https://clips.example/a.mp4"
        (root / f"specs/{number:05}.yaml").write_text(
            LINK.replace("NUMBER", f"{number:05}").replace("UP", up)
        )


def matrix(root: Path, cells: int) -> None:
    """One manifest of a square matrix."""
    side = round(cells**0.5)
    text = MATRIX.replace("[A]", str(list(range(side)))).replace("[B]", str(list(range(side))))
    (root / "specs/matrix.yaml").write_text(text)


def wrong(root: Path, cells: int) -> None:
    """The same, and none of it can be rendered: there is no such clip."""
    matrix(root, cells)
    path = root / "specs/matrix.yaml"
    path.write_text(path.read_text().replace("https://clips.example/a.mp4", "./none.mp4"))


def planned(make: object, size: int) -> tuple[float, float]:
    """CPU seconds of the first plan and of the second, which finds the manifests in the cache."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "specs").mkdir()
        (root / "cutlist.yaml").write_text(PROJECT)
        make(root, size)  # type: ignore[operator]
        return cpu_s(*PLAN, root, "plan", "--json"), cpu_s(*PLAN, root, "plan", "--json")


def main() -> None:
    """Print the growth; 2.0 is linear."""
    floor = min(cpu_s(*PLAN, ".", "--version") for _ in range(3))
    for name, make, size in (
        ("chain", chain, 500),
        ("matrix", matrix, 2500),
        ("wrong matrix", wrong, 2500),
    ):
        half, whole = planned(make, size), planned(make, size * (2 if make is chain else 4))
        times = 2 if make is chain else 4
        for which, small, large in (("first", half[0], whole[0]), ("again", half[1], whole[1])):
            growth = (large - floor) / (small - floor)
            print(
                f"{name} of {size * times:,}, {which}: {large:.2f} s CPU; {times} times as many"
                f" edits take {growth:.1f} times as long ({large / floor:.0f} times `cutlist"
                " --version`)"
            )


if __name__ == "__main__":
    main()
