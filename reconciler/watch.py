"""When the next pass runs: at every save of a manifest, or of a medium that one names; and what it
leaves alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from reconciler.apply.outcome import Report
from reconciler.config import PROJECT_FILE, STATE_DIR
from reconciler.errors import CutlistError, NotReached, ServiceError
from reconciler.project import Project

_QUIET_MS = 200  # a save often comes as several events


class Failed:
    """What the service has refused or failed in this watch: not sent again by a save of another
    file.
    """

    def __init__(self) -> None:
        self._manifests: dict[str, str] = {}  # by key: the manifest that asked for it

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that the next pass leaves alone. A changed request has another key."""
        return tuple(sorted(self._manifests))

    def learn(self, report: Report) -> None:
        """Take in how a pass ended. What never reached the service is no failure of an edit."""
        for outcome in report.failures:
            answered = isinstance(outcome.error, ServiceError)
            if outcome.step.key and answered and not isinstance(outcome.error, NotReached):
                self._manifests[outcome.step.key] = outcome.step.place.file

    def saved(self, paths: Sequence[str]) -> None:
        """Who saves a manifest asks for its edits again; who saves the project file, for all."""
        if PROJECT_FILE in paths:
            self._manifests.clear()
        for key in [key for key, file in self._manifests.items() if file in paths]:
            del self._manifests[key]


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
