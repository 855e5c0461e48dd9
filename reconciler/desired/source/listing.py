"""Which files of a tree a project file names: manifests, and models of its own."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.config import Config
from reconciler.desired.tree import Tree, Unusable
from reconciler.errors import Fault
from reconciler.formats.names import compile_wildcard, make_plain
from reconciler.system.files import EscapesRoot

MOST_MODEL_FILES = 100


def find_manifests(config: Config, tree: Tree) -> tuple[list[str], list[Fault]]:
    """All manifest files, sorted, folder by folder, and what `manifests:` names in vain."""
    paths: set[str] = set()
    faults = []
    for index, name in enumerate(config.manifests):
        place = config.document.place(f"/spec/manifests/{index}")
        try:
            files = tree.manifests(name)
        except (EscapesRoot, Unusable) as error:
            faults.append(Fault(place, f"manifests: {error}"))
            continue
        if files is None:
            faults.append(Fault(place, f'manifests names "{name}", which does not exist'))
        else:
            paths.update(files)
    if entries := list_model_entries(config):
        paths = {path for path in paths if not any(_is_named(path, entry) for entry in entries)}
    return sorted(paths, key=lambda file: file.replace("/", "\0")), faults


def list_model_files(config: Config, tree: Tree) -> tuple[list[str], list[Fault]]:
    """The files that `models:` names, sorted, and what it names in vain."""
    paths: set[str] = set()
    faults = []
    for index, name in enumerate(list_model_entries(config)):
        place = config.document.place(f"/spec/models/{index}")
        folder, _, last = name.rpartition("/")
        is_pattern = "*" in last
        try:
            found = tree.manifests((folder or ".") if is_pattern else name)
        except (EscapesRoot, Unusable) as error:
            faults.append(Fault(place, f"models: {error}"))
            continue
        found = [path for path in found or () if _is_named(path, name)]
        if not found:
            faults.append(Fault(place, f'models names "{make_plain(name)}", where no file is'))
        paths.update(found)
    if len(paths) > MOST_MODEL_FILES:
        words = f"models names {len(paths)} files; at most {MOST_MODEL_FILES} are read"
        faults.append(Fault(config.document.place("/spec/models", key=True), words))
    return sorted(paths), faults


def _is_named(path: str, entry: str) -> bool:
    """Whether an entry of `models:` names a file."""
    folder, _, last = entry.rpartition("/")
    if "*" not in last:
        whole = posixpath.normpath(entry)
        return whole in (".", path) or path.startswith(f"{whole}/")
    at = posixpath.normpath(folder) if folder else ""
    is_there = posixpath.dirname(path) == at.removeprefix(".")
    return is_there and compile_wildcard(last).fullmatch(posixpath.basename(path)) is not None


def list_model_folders(config: Config) -> tuple[str, ...]:
    """The folders, or files, in which models of the project's own lie, or will."""
    entries = list_model_entries(config)
    return tuple(
        (name.rpartition("/")[0] or ".") if "*" in name.rpartition("/")[2] else name
        for name in entries
    )


def list_model_entries(config: Config) -> Sequence[str]:
    """What `models:` of the project file says."""
    spec: Mapping[str, Any] = config.document.data.get("spec") or {}
    entries: Sequence[str] = spec.get("models", ())
    return entries
