"""New projects: what `init` and `demo` put into a folder."""

from __future__ import annotations

import re
import shutil
import unicodedata
from pathlib import Path

from reconciler.config import PROJECT_FILE
from reconciler.errors import UsageError
from reconciler.system.files import find_data_dir

_PROJECT = """\
# The project: where manifests are, which service renders them, what it may cost.
# `cutlist schema project` prints every field with its meaning.
apiVersion: cutlist/v1
kind: Project
metadata: {name: NAME}
spec:
  manifests: [specs/]
  endpoint: mock            # the bundled server: offline and free. For real videos: singapore or beijing
  account: default          # your name for the account at the service
  defaults:
    model: wan2.7-videoedit
    parameters: {resolution: 720P}
  prices:                   # of the vendor's price list, per billable second; look them up before you go live
    currency: USD
    models:
      wan2.7-videoedit: {720P: 0.10, 1080P: 0.15}
      wan2.1-vace-plus: 0.10
"""
_EDIT = """\
# One edit: a clip, what to do with it, and where the video goes (renders/first-edit.mp4).
apiVersion: cutlist/v1
kind: Edit
metadata:
  name: first-edit
spec:
  input:
    prompt: Turn the whole scene into a watercolour painting
    media:
      - {type: video, url: ./media/ball.mp4}    # a path beside this file, or an https:// address
  parameters:
    watermark: true
"""
_IGNORED = (".cutlist/", "renders/")


def scaffold(folder: Path, name: str | None) -> list[Path]:
    """Write a new project into `folder`; returns what was written. Raises UsageError rather than
    overwrite anything.
    """
    if (folder / PROJECT_FILE).exists():
        raise UsageError(
            f"{folder / PROJECT_FILE} exists already: this is a project.",
            hint="Run `cutlist plan` in it.",
        )
    files = {
        folder / PROJECT_FILE: _PROJECT.replace("NAME", _name(name, folder)),
        folder / "specs" / "first-edit.yaml": _EDIT,
    }
    clip = folder / "specs" / "media" / "ball.mp4"
    for path in (*files, clip):
        if path.exists():
            raise UsageError(
                f"{path} exists already and is not overwritten.", hint="Choose an empty folder."
            )
    clip.parent.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    shutil.copyfile(find_data_dir("demo") / "media" / "ball.mp4", clip)
    return [*files, clip, *_ignore(folder / ".gitignore")]


def _name(name: str | None, folder: Path) -> str:
    if name is not None:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name):
            raise UsageError(
                f'--name is "{name}"; legal are a-z, 0-9, - and . (beginning and ending with a'
                " letter or digit)."
            )
        return name
    plain = (
        unicodedata.normalize("NFKD", folder.resolve().name)
        .encode("ascii", "ignore")
        .decode()
        .lower()
    )
    return re.sub(r"[^a-z0-9.-]+", "-", plain).strip("-.") or "project"


def _ignore(path: Path) -> list[Path]:
    """Add what git should not see; keeps what is there."""
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in _IGNORED if line not in there.splitlines()]
    if not missing:
        return []
    path.write_text(
        there + ("\n" if there and not there.endswith("\n") else "") + "\n".join(missing) + "\n",
        encoding="utf-8",
    )
    return [path]


def prepare_demo(folder: Path) -> None:
    """Put the demo project into `folder`; one that is there already is emptied of what it rendered.

    Raises UsageError when `folder` holds anything else.
    """
    source = find_data_dir("demo")
    marked = folder / PROJECT_FILE
    if folder.exists() and any(folder.iterdir()):
        if not marked.is_file() or marked.read_bytes() != (source / PROJECT_FILE).read_bytes():
            raise UsageError(
                f"{folder} is not empty and is not the demo.",
                hint="Name another folder with --dir.",
            )
        for name in (".cutlist", "renders"):
            shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(
        source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cutlist", "renders")
    )
