"""CPU time of plans over 1,000 manifests, beside reading and hashing the files and beside parsing
them with libyaml.
"""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from reconciler import Project
from reconciler.state.observed import Result

EDITS = 1000
PLAN = [sys.executable, "-c", "from reconciler.cli import main; main()", "-C"]
PROJECT = """\
apiVersion: cutlist/v1
kind: Project
spec:
  defaults: {model: wan2.7-videoedit, parameters: {resolution: 720P}}
"""
EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata:
  name: edit-NUMBER
  labels: {campaign: spring}
spec:
  input:
    prompt: Replace the girl's clothes with the clothes from image NUMBER
    media:
      - {type: video, url: "https://clips.example/girl-NUMBER.mp4"}
      - {type: reference_image, url: "https://clips.example/clothes.png"}
  parameters: {watermark: true, seed: 7}
"""


def make(root: Path) -> None:
    """A project of many edits."""
    (root / "specs").mkdir()
    (root / "cutlist.yaml").write_text(PROJECT)
    for number in range(EDITS):
        (root / "specs" / f"{number:05}.yaml").write_text(EDIT.replace("NUMBER", f"{number:05}"))


def fill(root: Path) -> None:
    """Give every edit a result and its output, as if all had been rendered."""
    fill_project(Project.open(root), root)


def fill_project(project: Project, outputs: Path) -> None:
    """The same for a project wherever it lies, with its outputs below a folder."""
    for name, each in project.run_pass().resolved.items():
        content = name.encode() * 100
        with project.store.new_blob() as blob:
            blob.write(content)
            digest = blob.commit()
        assert each.job is not None
        project.store.put_result(
            Result(
                each.job.key,
                digest,
                len(content),
                5.0,
                1280,
                720,
                "2026-01-01T00:00:00+00:00",
                name,
                each.job.canonical,
                {},
                {},
                "mock",
                "default",
            )
        )
        output = outputs / each.wanted.edit.output
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(content)


def cpu_s(command: list[str]) -> float:
    """CPU time of a command, start-up included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root)
        start = time.process_time()
        raw = [path.read_bytes() for path in sorted((root / "specs").iterdir())]
        for each in raw:
            hashlib.sha256(each).hexdigest()
        floor = time.process_time() - start
        start = time.process_time()
        for each in raw:
            yaml.load(each, Loader=yaml.CSafeLoader)
        libyaml = time.process_time() - start
        cold = cpu_s([*PLAN, folder, "plan"])
        fill(root)
        time.sleep(2.1)  # digests of files younger than 2 s are not remembered
        cpu_s([*PLAN, folder, "plan"])
        warm = min(cpu_s([*PLAN, folder, "plan"]) for _ in range(3))
    print(f"read and hash {EDITS} manifests   {floor:6.3f} s")
    print(f"parse them with libyaml        {libyaml:6.3f} s")
    print(f"first plan (parses, checks)    {cold:6.3f} s   {cold / libyaml:.1f} times libyaml")
    print(
        f"plan with nothing to do        {warm:6.3f} s   {warm / libyaml:.2f} times libyaml;"
        " allowed 0.500 s"
    )


if __name__ == "__main__":
    main()
