"""The page as a folder of plain files: it opens from a disk, from what CI has kept, or from any
host of files. With two revisions it is the review of what changed between them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from reconciler.config import CommittedFolder, Config, list_other_environments
from reconciler.errors import CutlistError, UsageError
from reconciler.formats.digest import hash_bytes
from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.history.log import log_to_json
from reconciler.plan.diff import Change, Comparison, Side
from reconciler.planner import Pass
from reconciler.project import Project
from reconciler.system.files import make_dirs
from reconciler.system.probe.client import ProbeClient
from reconciler.system.probe.refusal import Unreadable
from reconciler.system.stills.kinds import StillKind
from reconciler.system.stills.shelf import StillShelf
from reconciler.web.edits import build_edit, name_media
from reconciler.web.files import Shell
from reconciler.web.media import MediaSource, NoMedium, OpenFile, find_inputs, open_shelves
from reconciler.web.places import EXPORTED_VIDEO, MediaPlaces
from reconciler.web.reading import (
    encode_board,
    read_board,
    read_edit,
    read_project,
    read_revision,
)
from reconciler.web.rights import PageRights

_DATA = "data.js"
_MARK = b"window.cutlistData = "
_MEDIUM = re.compile(r"(media|inputs)/([0-9a-f]{64})/([a-z0-9.]+)")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is exported: with the videos themselves, and only what changed from one revision to
    another where `ends` names them as `cutlist diff` takes them.
    """

    folder: Path
    videos: bool = False
    ends: str | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: edits, files and bytes, and how many media could not be had."""

    edits: int
    files: int
    size_bytes: int
    missing: int


def export_page(project: Project, request: ExportRequest, tell: Callable[[str], None]) -> Exported:
    """Write the page of a project into a folder, which is new, empty, or an earlier export. Raises
    UsageError, InvalidInput, GitError, CutlistError; then the folder is as it was.
    """
    _require_place(request.folder)
    shell = Shell()
    scene = _read_scene(project, request, tell)
    building = request.folder.with_name(f".{request.folder.name}.{project.clock.new_id()}.tmp")
    try:
        make_dirs(building)
        media = _MediaWriter(project, scene.inputs, building, tell)
        data = media.bring(scene.data)
        media.close()
        _write_pages(shell, data, building)
        size = [path.stat().st_size for path in building.rglob("*") if path.is_file()]
        _replace(request.folder, building)
    except OSError as error:
        raise CutlistError(
            f"{request.folder} cannot be written: {error.strerror or error}.",
            hint="Nothing of it is left; make room, or choose another folder.",
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Exported(scene.edits, len(size), sum(size), media.missing)


# ------------------------------------------------------------------ what it says


@dataclass(frozen=True, slots=True)
class _Scene:
    """The answers of the API by path, and how the media that go into the edits are opened."""

    data: Mapping[str, Any]
    inputs: Mapping[str, OpenFile]
    edits: int


def _read_scene(project: Project, request: ExportRequest, tell: Callable[[str], None]) -> _Scene:
    """What is exported: a review, or the environment that was named, or all of them."""
    places = MediaPlaces("", exported=True, has_videos=request.videos)
    if request.ends is not None:
        return _prefix(_read_review(project, request.ends, places))
    first = _read_environment(project, places)
    scenes = {project.config.environment: first}
    if project.config.environment == NO_ENVIRONMENT:
        for config in list_other_environments(project.config):
            try:
                scenes[config.environment] = _read_environment(
                    Project(config, project.clock), places
                )
            except CutlistError as error:
                tell(f"! the environment {config.environment} is left out: {error}")
    data: dict[str, Any] = {}
    for name, scene in scenes.items():
        scene.data["project"]["environments"] = list(scenes)
        mark = "" if scene is first else f"?environment={quote(name, safe=_UNQUOTED)}"
        data |= {f"{path}{mark}": value for path, value in scene.data.items()}
    inputs = {digest: one for scene in scenes.values() for digest, one in scene.inputs.items()}
    return _prefix(_Scene(data, inputs, sum(scene.edits for scene in scenes.values())))


def _prefix(scene: _Scene) -> _Scene:
    return replace(scene, data={f"/api/v1/{path}": value for path, value in scene.data.items()})


def _read_environment(project: Project, places: MediaPlaces) -> _Scene:
    current = project.run_pass()
    names = current.desired.edits
    data = _read_pages(project, current, places)
    for name in names:
        data[_name_edit(name)] = build_edit(read_edit(project, current, name, places))
    return _Scene(data, find_inputs(current, project.config, project.clock), len(names))


def _read_review(project: Project, ends: str, places: MediaPlaces) -> _Scene:
    comparison = project.diff(ends)
    before, current = _look_at_sides(project, comparison)
    changes = [change for change in comparison.changes if change.name in current.resolved]
    data = _read_pages(project, current, places, [change.name for change in changes])
    data["project"]["environments"] = [project.config.environment]
    data["diff"] = comparison.to_json()
    data["plan"]["plan"] = comparison.plan.to_json()
    for change in changes:
        edit = build_edit(read_edit(project, current, change.name, places))
        was = _show_before(before, change, comparison, places)
        data[_name_edit(change.name)] = edit | {"before": [*was, *edit["before"]]}
    inputs = find_inputs(current, _place_inputs(project, comparison.after), project.clock)
    return _Scene(data, inputs, len(changes))


def _read_pages(
    project: Project, current: Pass, places: MediaPlaces, only: Collection[str] | None = None
) -> dict[str, Any]:
    """What every page but those of single edits shows, of these edits or of all."""
    environment = project.config.environment
    answer = encode_board(environment, read_board(project, current, places), ())
    log = project.log()
    if only is not None:
        answer["cards"] = [card for card in answer["cards"] if card["name"] in only]
        log = [record for record in log if record.edit in only]
    return {
        "project": read_project(project, read_revision(project), "", PageRights("export")),
        "board": {"etag": hash_bytes(orjson.dumps(answer))[:32], **answer},
        "plan": {"id": "", "plan": current.plan.to_json(), "expires": None},
        "cost": project.cost(current).to_json(),
        "status": project.status(current).to_json(),
        "log": log_to_json(log),
    }


def _name_edit(name: str) -> str:
    return f"edits/{quote(name, safe=_UNQUOTED)}"


_UNQUOTED = "!'()*~"  # what encodeURIComponent leaves as it is, besides letters, digits and -_.


def _look_at_sides(project: Project, comparison: Comparison) -> tuple[Pass, Pass]:
    """The passes over both sides of a comparison."""
    assert comparison.before.commit is not None
    before = project.run_pass_at(project.find_revision(comparison.before.commit))
    if comparison.after.commit is None:
        return before, project.run_pass()
    return before, project.run_pass_at(project.find_revision(comparison.after.commit))


def _place_inputs(project: Project, side: Side) -> Config:
    """The configuration by which the files of one side are found: in its commit, or below the
    project.
    """
    if side.commit is None:
        return project.config
    return replace(project.config, committed=CommittedFolder(project.config.root, side.commit))


def _show_before(
    before: Pass, change: Change, comparison: Comparison, places: MediaPlaces
) -> Sequence[Mapping[str, Any]]:
    """What an edit was on the earlier side, if it was rendered: it stands first among what goes
    into it. What merely lies in its output does not count.
    """
    old = before.resolved.get(change.was or change.name)
    if old is None or old.result is None:
        return []
    return [
        {
            "role": "video before",
            "kind": "revision",
            "form": "video",
            "duration_s": old.result.duration_s,
            "name": str(comparison.before.name),
            "url_host": None,
            "url": None,
            **name_media(old.result.digest, places),
        }
    ]


# ------------------------------------------------------------------ media


class _MediaWriter:
    """Brings the media that the answers name into the folder."""

    def __init__(
        self,
        project: Project,
        inputs: Mapping[str, OpenFile],
        folder: Path,
        tell: Callable[[str], None],
    ) -> None:
        def open_input(digest: str) -> Any:
            if digest not in inputs:
                raise NoMedium("No file of the project has these bytes now.")
            return inputs[digest]()

        videos, given = open_shelves(project.config.cache_dir)
        self._sources: dict[str, tuple[MediaSource, StillShelf]] = {
            "media": (MediaSource(project.store.open_blob), videos),
            "inputs": (MediaSource(open_input), given),
        }
        self._new_id = project.clock.new_id
        self._client = ProbeClient()
        self._folder = folder
        self._tell = tell
        self._done: dict[str, bool] = {}
        self.missing = 0

    def bring(self, value: Any) -> Any:
        """The answers, in which a medium that cannot be had is None."""
        if isinstance(value, Mapping):
            return {name: self.bring(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.bring(part) for part in value]
        found = _MEDIUM.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return value
        if value not in self._done:
            self._done[value] = self._write(*found.groups())
            if not self._done[value]:
                self.missing += 1
        return value if self._done[value] else None

    def close(self) -> None:
        """End the process that makes small ones."""
        self._client.close()

    def _write(self, kind: str, digest: str, name: str) -> bool:
        target = self._folder / kind / digest / name
        source, shelf = self._sources[kind]
        try:
            if name == EXPORTED_VIDEO:
                with source.open(digest) as file:
                    make_dirs(target.parent)
                    with target.open("wb") as out:
                        shutil.copyfileobj(file, out, _CHUNK)
                return True
            made = shelf.read(digest, StillKind(name))
            if made is None:
                with source.open(digest) as file:
                    size_bytes = file.seek(0, os.SEEK_END)
                    made = self._client.make(file, name, size_bytes)
                with suppress(CutlistError, OSError):
                    shelf.put(digest, StillKind(name), made, tmp_name=self._new_id())
        except (NoMedium, Unreadable) as error:
            self._tell(f"! {kind}/{digest[:12]}…/{name} is left out: {error}")
            return False
        make_dirs(target.parent)
        target.write_bytes(made)
        return True


# ------------------------------------------------------------------ files


def _write_pages(shell: Shell, data: Mapping[str, Any], folder: Path) -> None:
    modules = {}
    for path, body in shell.files.items():
        if path.endswith(".js") and path != "offline.js":
            modules[path] = body.decode()
        elif not path.endswith(".html"):
            target = folder / "static" / path
            make_dirs(target.parent)
            target.write_bytes(body)
    (folder / "modules.js").write_bytes(
        b"globalThis.cutlistModules = " + orjson.dumps(modules) + b";\n"
    )
    (folder / _DATA).write_bytes(_MARK + orjson.dumps(data) + b";\n")
    (folder / "index.html").write_bytes(shell.make_export_page())


def _require_place(folder: Path) -> None:
    """Raises UsageError where something else lies that would be lost."""
    if not folder.exists():
        return
    if folder.is_dir() and not folder.is_symlink():
        if not any(folder.iterdir()):
            return
        with suppress(OSError), (folder / _DATA).open("rb") as file:
            if file.read(len(_MARK)) == _MARK:
                return
    raise UsageError(
        f"{folder} is there already and is no export of a page.",
        hint="Name a folder that is new or empty.",
    )


def _replace(folder: Path, building: Path) -> None:
    """Put what was built in the place of the folder."""
    if folder.exists():
        shutil.rmtree(folder)
    building.rename(folder)
