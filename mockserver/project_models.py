"""The model files that a project names: `models:` of its cutlist.yaml, read where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from mockserver.model_files import LARGEST_FILE, BadModel

PROJECT_FILE = "cutlist.yaml"
_SUFFIXES = (".yaml", ".yml")


def find_project_models(start: Path) -> tuple[Path, ...]:
    """The model files of the project around a folder; none outside of a project.

    A project file that is no YAML names none: whatever is wrong with it is no matter of the server.
    Raises BadModel for names in `models:` that lead to no file or out of the project.
    """
    here = start.resolve()
    root = next((at for at in (here, *here.parents) if (at / PROJECT_FILE).is_file()), None)
    if root is None:
        return ()
    files: dict[Path, None] = {}
    for name in _read_names(root / PROJECT_FILE):
        files |= dict.fromkeys(_find_files(root, name))
    return tuple(sorted(files))


def _read_names(file: Path) -> list[str]:
    """What `models:` says."""
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE)
        events = yaml.parse(data, Loader=yaml.CSafeLoader)
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            return []  # it may grow without end, and no project file has any
        document = yaml.load(data, Loader=yaml.CSafeLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return []
    spec = document.get("spec") if isinstance(document, dict) else None
    names = spec.get("models") if isinstance(spec, dict) else None
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise BadModel(f"{file}: models should be a list of files, such as [models/*.yaml]")
    return names


def _find_files(root: Path, name: str) -> Iterator[Path]:
    """The files behind one name: a file, a folder with files, or a pattern in its last part."""
    folder, _, last = name.rpartition("/")
    is_pattern = "*" in last
    place = root / (folder if is_pattern else name)
    if not _is_inside(place, root):
        raise BadModel(f'{root / PROJECT_FILE}: models names "{name}", which is not in the project')
    if is_pattern or place.is_dir():
        entries = sorted(place.iterdir()) if place.is_dir() else []
        wanted = last if is_pattern else "*"
        found = [
            entry
            for entry in entries
            if entry.suffix in _SUFFIXES and fnmatchcase(entry.name, wanted) and entry.is_file()
        ]
    else:
        found = [place] if place.is_file() else []
    if not found:
        raise BadModel(f'{root / PROJECT_FILE}: models names "{name}", where no file is')
    for file in found:
        if not _is_inside(file, root):
            raise BadModel(f"{file} leads out of the project")
        yield file


def _is_inside(path: Path, root: Path) -> bool:
    """Whether a path, with all links followed, lies in the project."""
    return path.resolve().is_relative_to(root)
