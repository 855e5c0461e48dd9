"""How plans grow with chains of edits and with matrices: twice as many edits take at most twice as
long, start-up aside.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from frame import Usage, measure_command, measure_in_turn, tell_ratio
from scene.making import CUTLIST

ROUNDS = 3
ALLOWED = 1.1  # times linear
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
    media: [{type: video, url: "URL"}]
"""


def make_chain(root: Path, links: int) -> None:
    """Edits, each of the one before."""
    for number in range(links):
        up = f"edit://link-{number - 1:05}" if number else "https://clips.example/a.mp4"
        text = LINK.replace("NUMBER", f"{number:05}").replace("UP", up)
        (root / "specs" / f"{number:05}.yaml").write_text(text)


def make_matrix(root: Path, cells: int, clip: str = "https://clips.example/a.mp4") -> None:
    """One manifest of a square matrix."""
    side = json.dumps(list(range(round(cells**0.5))))
    text = MATRIX.replace("[A]", side).replace("[B]", side).replace("URL", clip)
    (root / "specs" / "matrix.yaml").write_text(text)


def make_wrong_matrix(root: Path, cells: int) -> None:
    """The same, and none of it can be rendered: there is no such clip."""
    make_matrix(root, cells, "./none.mp4")


SHAPES: tuple[tuple[str, Callable[[Path, int], None], int, int], ...] = (
    ("chain", make_chain, 500, 1000),
    ("matrix", make_matrix, 2500, 10_000),
    ("wrong matrix", make_wrong_matrix, 2500, 10_000),
)


def make(root: Path, make_edits: Callable[[Path, int], None], edits: int) -> Path:
    """A project of one shape."""
    (root / "specs").mkdir(parents=True)
    (root / "cutlist.yaml").write_text(PROJECT)
    make_edits(root, edits)
    return root


def plan(root: Path, *, again: bool, code: int = 0) -> Usage:
    """The plan of a project; `again`: by who remembers what there was."""
    if not again:
        shutil.rmtree(root / ".cutlist", ignore_errors=True)
    return measure_command([*CUTLIST, "-C", root, "plan", "--json"], code=code)


def tell_growth(
    name: str, small: tuple[int, Path], large: tuple[int, Path], *, again: bool, code: int
) -> None:
    """The claim of one shape."""
    results = measure_in_turn(
        ROUNDS,
        start=partial(measure_command, [*CUTLIST, "--version"]),
        small=partial(plan, small[1], again=again, code=code),
        large=partial(plan, large[1], again=again, code=code),
    )
    times = large[0] / small[0]
    starts, smalls, larges = ([usage.cpu_s for usage in each] for each in results.values())
    tell_ratio(
        f"{'second' if again else 'first'} plan of a {name}, from {small[0]:,} to {large[0]:,}"
        f" edits, to {times:g} times as long",
        [whole - start for start, whole in zip(starts, larges, strict=True)],
        [(part - start) * times for start, part in zip(starts, smalls, strict=True)],
        allowed=ALLOWED,
        unit="s CPU",
    )


def main() -> None:
    for name, make_edits, small, large in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            roots = [make(Path(folder) / str(size), make_edits, size) for size in (small, large)]
            for again in (False, True):
                tell_growth(
                    name,
                    (small, roots[0]),
                    (large, roots[1]),
                    again=again,
                    code=3 if make_edits is make_wrong_matrix else 0,
                )


if __name__ == "__main__":
    main()
