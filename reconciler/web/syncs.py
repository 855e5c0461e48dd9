"""The pages of a controller: a room for each Sync, over the project of its last commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, get_args

from reconciler.apply.events import Event, RunBlocking
from reconciler.apply.request import SavedPlan
from reconciler.errors import UsageError
from reconciler.project import Project
from reconciler.system.clock import Clock
from reconciler.web.api import PageApi
from reconciler.web.feed import Feed
from reconciler.web.media import MediaRoom
from reconciler.web.places import MediaPlaces
from reconciler.web.refusals import Refused
from reconciler.web.rooms import PageRoom
from reconciler.web.sync_desk import SyncDesk
from reconciler.web.watched import WatchedProject

SYNCS_VERSION = 1
THREADS = 4  # of one room: what hangs in one holds up no other, and no pass
_LEAST_REST_S = 1.0  # between two looks
_REST_FACTOR = 9.0  # and so much longer than a look took, so that passes have the machine
_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class ShownSync:
    """What a controller says of one Sync. `status` is that of `cutlist sync status --json`."""

    name: str
    mode: str
    status: Mapping[str, Any]
    leads: bool
    leader: str  # who leads instead, in words
    project: Project | None  # of the last commit that could be read

    @property
    def waiting_plan(self) -> str:
        """The id of the plan that waits for a yes; empty where none does."""
        return str(self.status["waiting_plan"])

    @property
    def may_say_yes(self) -> bool:
        """Whether a plan waits that somebody can agree to here and now."""
        return self.leads and bool(self.waiting_plan) and not self.status["suspended"]

    def to_json(self) -> dict[str, Any]:
        """The Sync for programs."""
        status = self.status
        ready = next((one for one in status["conditions"] if one["type"] == "Ready"), None)
        return {
            "name": self.name,
            "mode": self.mode,
            "leads": self.leads,
            "leader": self.leader,
            "sync": status["sync"],
            "health": status["health"],
            "suspended": status["suspended"],
            "ready": "Unknown" if ready is None else ready["status"],
            "reason": "" if ready is None else ready["reason"],
            "message": "" if ready is None else ready["message"],
            "revision": status["last_attempted_revision"],
            "waiting_plan": self.waiting_plan,
            "pass_started": status["pass_started"],
            "passes": list(reversed(status["history"])),
        }


SyncOrder = Literal["suspend", "resume", "reconcile"]  # as `cutlist sync` has them
SYNC_ORDERS: tuple[SyncOrder, ...] = get_args(SyncOrder)


class SyncSource(Protocol):
    """The controller, as its pages ask it, in its own loop."""

    def list_syncs(self) -> Sequence[ShownSync]:
        """Every Sync, as it is now."""

    def find_sync(self, name: str) -> ShownSync | None:
        """One of them; None where there is none of that name (any more)."""

    def read_waiting_plan(self, name: str) -> SavedPlan:
        """The plan that waits for a yes. Raises CutlistError. From any thread."""

    def approve(self, name: str, plan_id: str, who: str) -> None:
        """Have exactly that plan carried out. Raises UsageError where it does not wait."""

    def order(self, name: str, order: SyncOrder, who: str) -> None:
        """Have a Sync suspended, resumed, or looked at now. Raises UsageError where it cannot."""


class SyncRoom:
    """The page of one Sync; it looks when the controller says that something is new."""

    def __init__(
        self,
        shown: ShownSync,
        project: Project,
        source: SyncSource,
        feed: Feed,
        clock: Clock,
        tell_fault: Callable[[Exception], None],
    ) -> None:
        self.feed = feed
        self._name, self._source, self._clock = shown.name, source, clock
        self._threads = ThreadPoolExecutor(THREADS, f"cutlist-page-{shown.name}")
        block = run_in(self._threads)
        self._project = project
        self._media = MediaRoom(project.config.cache_dir, clock, block)
        opening = self._open_project
        self._watched = WatchedProject(
            opening(), opening, feed, MediaPlaces(f"/{shown.name}/"), self._media, tell_fault, block
        )
        self._desk = SyncDesk(shown.name, source, self._watched, feed, block)
        self.room = PageRoom(PageApi(self._watched, self._desk), feed, self._media)
        self._last_pass = _find_last_pass(shown)
        self._is_new = asyncio.Event()
        self._is_new.set()
        self._looking = asyncio.ensure_future(self._watched.run_by(self._tell_openings()))
        self._looking.add_done_callback(partial(_tell_end, tell_fault))

    def hear(self, shown: ShownSync) -> None:
        """How the Sync is from now on."""
        if shown.project is not None and shown.project is not self._project:
            self._project = shown.project
            self._is_new.set()
        before, self._last_pass = self._last_pass, _find_last_pass(shown)
        text = ""
        if self._last_pass is not None and self._last_pass != before:
            self._desk.hear_pass(self._last_pass, shown.waiting_plan)
            text = "" if _is_idle(self._last_pass) else str(self._last_pass["message"])
            if not _is_idle(self._last_pass):
                self._is_new.set()
        self.feed.publish("pass", {"sync": self._name, "text": text})

    def hear_event(self, event: Event) -> None:
        """What happens to an edit."""
        if self._desk.hear(event):
            self._is_new.set()

    async def close(self) -> None:
        """End it."""
        self._looking.cancel()
        await asyncio.wait([self._looking])
        self.feed.close()
        await self._media.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def environment(self) -> str:
        """The one that its document names."""
        return self._project.config.environment

    def _open_project(self) -> Project:
        """The project of the last commit, once more: a pass has its own."""
        return Project(self._project.config, self._project.clock)

    async def _tell_openings(self) -> AsyncGenerator[Callable[[], Project], None]:
        """When to look. Between two looks there is a rest."""
        while True:
            await self._is_new.wait()
            self._is_new.clear()
            began = self._clock.monotonic()
            yield self._open_project
            took_s = self._clock.monotonic() - began
            await self._clock.sleep(max(_LEAST_REST_S, _REST_FACTOR * took_s))


class SyncHouse:
    """All pages of a controller: the list of its Syncs, and a room for each whose project is known.
    Used in the controller's loop.
    """

    prefix = "/{sync}"

    def __init__(
        self,
        source: SyncSource,
        clock: Clock,
        make_name: Callable[[], str],
        tell_fault: Callable[[Exception], None],
    ) -> None:
        self._source, self._clock = source, clock
        self._make_name, self._tell_fault = make_name, tell_fault
        self._rooms: dict[str, SyncRoom] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.feed = Feed(make_name())

    @property
    def lobby(self) -> SyncHouse:
        """The list of all Syncs stands before their rooms."""
        return self

    def read_syncs(self, who: str) -> Mapping[str, Any]:
        """How every Sync is, for programs."""
        syncs = [shown.to_json() for shown in self._source.list_syncs()]
        return {"version": SYNCS_VERSION, "who": who, "syncs": syncs}

    def order(self, name: str, order: str, who: str) -> Mapping[str, Any]:
        """Have something done with a Sync in somebody's name; how it is then. Raises Refused."""
        self._require_known(name)
        known = next((one for one in SYNC_ORDERS if one == order), None)
        if known is None:
            raise Refused(
                404, "not_found", "There is nothing of that name.", f"Say {', '.join(SYNC_ORDERS)}."
            )
        try:
            self._source.order(name, known, who)
        except UsageError as error:
            raise Refused(409, "not_now", error.message, error.hint) from None
        return self._require_known(name).to_json()

    def _require_known(self, name: str) -> ShownSync:
        shown = self._source.find_sync(name)
        if shown is None:
            raise Refused(
                404, "no_sync", "There is no Sync of that name.", "The first page has all of them."
            )
        return shown

    def find(self, parts: Mapping[str, str], environment: str = "") -> PageRoom:
        """The room of the Sync that is asked for. Raises Refused."""
        shown = self._require_known(parts["sync"])
        room = self._rooms.get(shown.name) or self._open(shown)
        if room is None:
            words = shown.to_json()["message"] or shown.leader
            raise Refused(503, "not_read_yet", "No commit of it was read here yet.", words)
        if environment not in ("", room.environment):
            raise Refused(
                404,
                "no_environment",
                f"This Sync has the environment {room.environment}, and no other.",
                "Look at the Sync of that environment.",
            )
        return room.room

    def find_feed(self, parts: Mapping[str, str], environment: str) -> Feed:
        return self.find(parts, environment).feed

    def hear(self, name: str) -> None:
        """Something of a Sync is not as it was."""
        shown = self._source.find_sync(name)
        for gone in [gone for gone in self._rooms if self._source.find_sync(gone) is None]:
            task = asyncio.ensure_future(self._rooms.pop(gone).close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self.feed.publish("pass", {"sync": name, "text": ""})
        if shown is None:
            return
        room = self._rooms.get(name)
        if room is None:
            self._open(shown)
        else:
            room.hear(shown)

    def hear_event(self, name: str, event: Event) -> None:
        """What happens to an edit of a Sync."""
        shown = self._source.find_sync(name)
        if shown is not None and (room := self._rooms.get(name) or self._open(shown)):
            room.hear_event(event)

    def hear_words(self, name: str, words: str) -> None:
        """What a pass over a Sync has told."""
        if name in self._rooms:
            self._rooms[name].feed.publish("words", {"text": words})

    async def close(self) -> None:
        """End all rooms."""
        self.feed.close()
        rooms, self._rooms = list(self._rooms.values()), {}
        await asyncio.gather(*self._closing, *(room.close() for room in rooms))

    def _open(self, shown: ShownSync) -> SyncRoom | None:
        """A room for a Sync; None while no commit of it was read."""
        if shown.project is None:
            return None
        room = SyncRoom(
            shown,
            shown.project,
            self._source,
            Feed(self._make_name()),
            self._clock,
            self._tell_fault,
        )
        self._rooms[shown.name] = room
        return room


def run_in(threads: ThreadPoolExecutor) -> RunBlocking:
    """Runs synchronous code in these threads."""

    async def run(
        function: Callable[_Given, _Answer], /, *args: _Given.args, **kwargs: _Given.kwargs
    ) -> _Answer:
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(threads, call)

    return run


def _find_last_pass(shown: ShownSync) -> Mapping[str, Any] | None:
    history = shown.status["history"]
    return history[-1] if history else None


def _is_idle(record: Mapping[str, Any]) -> bool:
    """Whether a pass did nothing that it had not done before."""
    return record["times"] > 1 and not any(record["counts"].values())


def _tell_end(tell_fault: Callable[[Exception], None], looking: asyncio.Future[None]) -> None:
    with suppress(asyncio.CancelledError):
        error = looking.exception()
        if isinstance(error, Exception):
            tell_fault(error)
