"""The watch: a pass at every save of a manifest, or of a medium that one names, and what each pass
leaves alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from reconciler.apply.outcome import Report, Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.config import PROJECT_FILE, STATE_DIR
from reconciler.desired.job import Desired
from reconciler.errors import CutlistError, NotReached, ServiceError

_QUIET_MS = 200  # a save often comes as several events
_STEP_MS = 50


class Appliable(Protocol):
    """What a pass of the watch needs of a project."""

    async def apply_async(
        self, request: ApplyRequest, hooks: ApplyHooks, *, stop: Stop | None
    ) -> Report:
        """One apply."""


ProjectType = TypeVar("ProjectType", bound=Appliable)


class WatchPass(Generic[ProjectType]):
    """One pass that waits to be applied. `paths` are the files that were saved, relative to the
    project; none at the first pass.
    """

    def __init__(
        self, paths: Sequence[str], open_project: Callable[[], ProjectType], failures: Failures
    ) -> None:
        self.paths = tuple(paths)
        self._open_project = open_project
        self._failures = failures
        self._project: ProjectType | None = None

    def open_project(self) -> ProjectType:
        """The project as its files say it now; later calls give the same.

        Raises InvalidInput, UsageError.
        """
        if self._project is None:
            self._project = self._open_project()
        return self._project

    async def apply(
        self,
        request: ApplyRequest = ApplyRequest(),  # noqa: B008  (frozen)
        hooks: ApplyHooks = ApplyHooks(),  # noqa: B008  (frozen)
        *,
        stop: Stop | None = None,
    ) -> Report:
        """Apply, and leave alone what the service refused in an earlier pass and nobody saved
        since.

        Raises what Project.apply_async raises; the watch goes on then.
        """
        options = replace(request.options, given_up=self._failures.keys)
        request = replace(request, options=options)
        report = await self.open_project().apply_async(request, hooks, stop=stop)
        self._failures.learn(report)
        return report


class Failures:
    """What the service has refused or failed in this watch: it is not sent again by a save of
    another file.
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

    def forget(self, paths: Sequence[str]) -> None:
        """Who saves a manifest asks for its edits again; who saves the project file, for all."""
        if PROJECT_FILE in paths:
            self._manifests.clear()
        for key in [key for key, file in self._manifests.items() if file in paths]:
            del self._manifests[key]


async def watch_project(
    root: Path, load: Callable[[], Desired], open_project: Callable[[], ProjectType]
) -> AsyncGenerator[WatchPass[ProjectType], None]:
    """One pass at first, and another at each save that matters. Never ends by itself.

    `load` reads the manifests, to know the media that they name.
    """
    failures = Failures()
    async for paths in hear_saves(root, load):
        failures.forget(paths)
        yield WatchPass(paths, open_project, failures)


async def hear_saves(root: Path, load: Callable[[], Desired]) -> AsyncIterator[list[str]]:
    """First nothing, once saves are heard; then, whenever something matters, the paths (relative
    to the project).
    """
    from watchfiles import watch  # lazy: start-up time

    media, listening = _find_media(load), False
    batches = watch(
        root,
        debounce=_QUIET_MS,
        step=_STEP_MS,
        rust_timeout=_QUIET_MS,  # a thread that waits is free again after so long
        yield_on_timeout=True,
        raise_interrupt=False,
    )
    while True:
        batch = await asyncio.to_thread(next, batches)
        if not listening:
            listening = True
            yield []
        saved = (Path(name) for _, name in batch)
        touched = {path.relative_to(root).as_posix() for path in saved if path.is_relative_to(root)}
        relevant = [path for path in sorted(touched) if _is_manifest(path) or path in media]
        if relevant:
            yield relevant
            media = _find_media(load) or media


def _is_manifest(path: str) -> bool:
    if path == PROJECT_FILE:
        return True
    hidden = any(part.startswith(".") for part in path.split("/"))
    return path.endswith((".yaml", ".yml")) and not hidden and STATE_DIR not in path


def _find_media(load: Callable[[], Desired]) -> Collection[str]:
    """The local files that the edits name now; none while a manifest is broken."""
    try:
        desired = load()
    except CutlistError:
        return frozenset()
    references = [
        medium.medium.reference for wanted in desired.edits.values() for medium in wanted.inputs
    ]
    return frozenset(reference.value for reference in references if reference.kind == "local")
