"""The rooms of one project: one for each of its environments that somebody looks at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack

from reconciler.project import Project
from reconciler.web.api import PageApi
from reconciler.web.desk import OwnDesk
from reconciler.web.feed import Feed
from reconciler.web.media import MediaRoom
from reconciler.web.places import MediaPlaces
from reconciler.web.reading import list_environments
from reconciler.web.refusals import Refused
from reconciler.web.rooms import PageRoom
from reconciler.web.runs import PageRuns
from reconciler.web.watched import WatchedProject

ALL = "*"
# the project in an environment, its files read anew; None: the one that holds where none is named
OpenIn = Callable[[str | None], Project]


class ProjectHouse:
    """The page of one project. Its own environment is followed all the time. Another one is looked
    at when somebody asks for it; from then on after each look at the first, while somebody is told,
    and else when it is asked for again. So what nobody looks at costs nothing.
    """

    prefix = ""
    lobby = None

    def __init__(
        self,
        project: Project,
        open_in: OpenIn,
        make_name: Callable[[], str],
        tell_fault: Callable[[Exception], None],
    ) -> None:
        self._open_in, self._make_name, self._tell_fault = open_in, make_name, tell_fault
        self._feed = Feed(make_name())  # of all environments together
        self._media = MediaRoom(project.config.cache_dir, project.clock)
        self._own = project.config.environment
        self._others: dict[str, _EnvironmentRoom] = {}
        self._first = self._build_room(project, self._look_at_others)
        self._looking: set[asyncio.Task[None]] = set()

    @property
    def watched(self) -> WatchedProject:
        """The project in the environment of its own."""
        return self._first.watched

    async def run(self) -> None:
        """Follow the project's files and its ledger until cancelled."""
        await self.watched.run()

    def find(self, parts: Mapping[str, str], environment: str = "") -> PageRoom:  # noqa: ARG002
        return self._find(environment).room

    def find_feed(self, parts: Mapping[str, str], environment: str) -> Feed:  # noqa: ARG002
        return self._feed if environment == ALL else self._find(environment).room.feed

    async def close(self) -> None:
        """Stop what runs, as Ctrl-C does, and end all that is open."""
        async with AsyncExitStack() as stack:
            stack.callback(self._feed.close)
            stack.push_async_callback(self._media.close)
            for room in (self._first, *self._others.values()):
                stack.callback(room.room.feed.close)
                stack.push_async_callback(room.runs.close)
            for task in self._looking:
                task.cancel()
            if self._looking:
                await asyncio.wait(self._looking)

    def _find(self, environment: str) -> _EnvironmentRoom:
        """The room of an environment. Raises Refused."""
        if environment in ("", self._own):
            return self._first
        known = list_environments(self.watched.project.config)
        if environment not in known:
            hint = "Choose one environment." if environment == ALL else ""
            raise Refused(
                404,
                "no_environment",
                "The project has no environment of that name.",
                hint or f"It has {', '.join(known)}.",
            )
        if environment not in self._others:
            self._open(environment)
        room = self._others[environment]
        room.wake()
        return room

    def _open(self, environment: str) -> None:
        room = self._others[environment] = self._build_room(self._open_in(environment))
        task = asyncio.ensure_future(room.watched.run_by(room.tell_openings()))
        self._looking.add(task)
        task.add_done_callback(self._end_looking)

    def _end_looking(self, task: asyncio.Task[None]) -> None:
        self._looking.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._tell_fault(error)

    def _look_at_others(self) -> None:
        """Something may have changed in every environment."""
        for room in self._others.values():
            room.expire()

    def _build_room(
        self, project: Project, after_look: Callable[[], None] = lambda: None
    ) -> _EnvironmentRoom:
        """What answers for a project in its environment."""
        environment, media = project.config.environment, self._media
        feed = Feed(self._make_name(), self._feed)

        def open_project() -> Project:
            return self._open_in(environment)

        watched = WatchedProject(
            project,
            open_project,
            feed,
            MediaPlaces(),
            media,
            self._tell_fault,
            after_look=after_look,
        )
        runs = PageRuns(open_project, feed, self._tell_fault)
        api = PageApi(watched, OwnDesk(watched, runs))
        return _EnvironmentRoom(watched, runs, PageRoom(api, feed, media))


class _EnvironmentRoom:
    """The room of one environment, and whether it is as the project is now."""

    def __init__(self, watched: WatchedProject, runs: PageRuns, room: PageRoom) -> None:
        self.watched, self.runs, self.room = watched, runs, room
        self._is_due = asyncio.Event()
        self._is_due.set()
        self._is_expired = False

    def expire(self) -> None:
        """Look again: now where somebody is told, else when somebody asks."""
        if self.room.feed.has_readers:
            self._is_due.set()
        elif not self._is_due.is_set():
            self._is_expired = True
            self.watched.forget()

    def wake(self) -> None:
        """Somebody asks."""
        if self._is_expired:
            self._is_expired = False
            self._is_due.set()

    async def tell_openings(self) -> AsyncGenerator[Callable[[], Project], None]:
        """When to look."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            yield self.watched.open_project
