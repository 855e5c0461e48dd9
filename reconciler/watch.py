"""When the next pass runs: at every save of a manifest, or of a medium that one names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reconciler.config import PROJECT_FILE, STATE_DIR
from reconciler.errors import CutlistError
from reconciler.project import Project

_QUIET_MS = 200  # a save often comes as several events


def changes(project: Project) -> Iterator[list[str]]:
    """First nothing, once saves are heard; then, whenever something matters, the paths (relative
    to the project).

    Ends never by itself.
    """
    from watchfiles import watch  # lazy: start-up time

    root = project.config.root
    named, listening = _media(project), False
    for batch in watch(
        root,
        debounce=_QUIET_MS,
        step=50,
        rust_timeout=_QUIET_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
    ):
        if not listening:
            listening = True
            yield []
        touched = sorted(
            {
                path.relative_to(root).as_posix()
                for _, name in batch
                if (path := Path(name)).is_relative_to(root)
            }
        )
        relevant = [path for path in touched if _is_manifest(path) or path in named]
        if relevant:
            yield relevant
            named = _media(project) or named


def _is_manifest(path: str) -> bool:
    if path == PROJECT_FILE:
        return True
    hidden = any(part.startswith(".") for part in path.split("/"))
    return path.endswith((".yaml", ".yml")) and not hidden and STATE_DIR not in path


def _media(project: Project) -> frozenset[str]:
    """The local files that the edits name now; none while a manifest is broken."""
    try:
        desired = project.load()
    except CutlistError:
        return frozenset()
    references = (
        each.medium.reference for wanted in desired.edits.values() for each in wanted.inputs
    )
    return frozenset(reference.value for reference in references if reference.kind == "local")
