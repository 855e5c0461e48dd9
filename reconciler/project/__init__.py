"""The public Python API: one Project can do everything that a command, a page or a controller can.

docs/python-api.md is its page. It chooses endpoint, realm, store and ledger, and hands over:

    project = Project.open("path/to/project")
    project.plan().summary            # {"render": 2, "resume": 0, …, "keep": 41}
    report = project.apply()          # asks nobody: ApplyHooks(approve=…) to be asked
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.apply.events import RunBlocking
from reconciler.config import Variables, load_config
from reconciler.errors import CutlistError
from reconciler.moved import find_moved, find_renamed_method, warn_of
from reconciler.project.applying import Applying
from reconciler.project.by_hand import ByHand
from reconciler.project.looking import Looking
from reconciler.project.money import Money
from reconciler.project.storing import Storing
from reconciler.project.taking import Taking
from reconciler.system.cache import HeldCache
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.service.network import Transport  # lazy where it runs: httpx
    from reconciler.watch import WatchPass


class Project(Looking, Money, Storing, Taking, ByHand, Applying):
    """One project: its manifests, its store, its service."""

    _opened_by: Callable[[], Project] | None = None  # None: nothing names where its files are

    @classmethod
    def open(
        cls,
        path: Path | str = ".",
        *,
        endpoint: str | None = None,
        environment: str | None = None,
        variables: Variables | None = None,
        clock: Clock | None = None,
        transport: Transport | None = None,
        block: RunBlocking | None = None,
        command: str = "a Python program",
        env: Variables | None = None,
    ) -> Project:
        """The project around `path`. Raises ProjectNotFound, InvalidInput, UsageError.

        `endpoint` wins over the variables' and the project file's. `environment` is one that the
        project file names (`--env`). `variables` are those of the process (None: they are read);
        `env` is their earlier name. `command` is what others are told who find the store locked by
        this one. `clock`, `transport` (of httpx; None: the network) and `block` (runs synchronous
        code without holding up the loop) are for tests.
        """
        if env is not None:
            warn_of("Project.open(env=…) is Project.open(variables=…) now", stacklevel=3)
            variables = env
        config = load_config(
            Path(path), endpoint=endpoint, variables=variables, environment=environment
        )
        project = cls(config, clock, transport, block, command)
        project._opened_by = partial(
            cls.open,
            config.root,
            endpoint=endpoint,
            environment=config.environment,
            variables=variables,
            clock=project.clock,
            transport=transport,
            block=block,
            command=command,
        )
        return project

    async def watch(
        self,
        tell: Callable[[str], None] = lambda _text: None,
        complain: Callable[[CutlistError], None] = lambda _error: None,
    ) -> AsyncGenerator[WatchPass[Project], None]:
        """A pass at first, and another whenever something that the project names is not as it was:
        manifests, media, links' targets, the project file, the lock file, outputs that are gone.

        Whoever takes a pass decides what becomes of it: `await watch_pass.apply(request)`. Never
        ends by itself. `tell` hears in words what a person should know, `complain` what is wrong
        with what was saved while a pass runs; the pass goes on then.
        """
        from reconciler.watch import watch_project  # lazy: start-up time

        caches: dict[Path, HeldCache] = {}  # what one pass has read, the next one has at hand

        def open_again() -> Project:
            project = self if self._opened_by is None else self._opened_by()
            folder = project.config.cache_dir
            cache = caches.get(folder) or caches.setdefault(folder, HeldCache(folder))
            project._work_with(cache)
            return project

        passes = watch_project(self.config, open_again, self.clock, self._block, tell, complain)
        async with aclosing(passes):
            async for watch_pass in passes:
                yield watch_pass

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """A method by its name of before, with a warning."""
            return getattr(self, find_renamed_method(name))


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """A public name of before, with a warning."""
        return find_moved(__name__, name)
