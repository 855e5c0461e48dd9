"""A project that is watched for the page: the board of its last good pass, its faults now, and a
feed of what changes. Passes run off the event loop, one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from reconciler.apply.events import RunBlocking, run_in_thread
from reconciler.errors import CutlistError, Fault, InvalidInput, Place
from reconciler.formats.digest import hash_bytes
from reconciler.planner import Pass
from reconciler.project import Project
from reconciler.state.lockfile import find_folder, measure_mark
from reconciler.watch.stamps import take_stamp
from reconciler.web.cards import BoardView, fault_to_json, list_changed
from reconciler.web.feed import Feed
from reconciler.web.media import MediaRoom, OpenFile, find_inputs
from reconciler.web.places import MediaPlaces
from reconciler.web.reading import encode_board, put_in_words, read_board, read_revision

T = TypeVar("T")
_LEDGER_LOOK_S = 2.0  # between two looks whether another process has written the ledger
_MOST_CARDS = 50  # of one event; where more have changed, the board is asked for whole


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look has brought."""

    project: Project
    current: Pass
    board: BoardView
    inputs: Mapping[str, OpenFile]
    mark: str
    revision: str | None


class WatchedProject:
    """One project and what is known of it. `open_project` reads its files anew."""

    def __init__(
        self,
        project: Project,
        open_project: Callable[[], Project],
        feed: Feed,
        places: MediaPlaces,
        media: MediaRoom,
        tell_fault: Callable[[Exception], None],
        block: RunBlocking = run_in_thread,
        after_look: Callable[[], None] = lambda: None,
    ) -> None:
        self.open_project = open_project
        self.feed = feed
        self.places = places
        self.media = media
        self._tell_fault = tell_fault
        self._block = block
        self._after_look = after_look
        self._project = project
        self._open_now: Callable[[], Project] = lambda: self._project
        self._turn = asyncio.Lock()
        self._board = BoardView()
        self._faults: Sequence[Mapping[str, str]] = ()
        self._document: tuple[bytes, str] = (b"", "")
        self._has_looked = asyncio.Event()
        self._is_seen_anew = asyncio.Event()
        self._mark: str | None = None  # of the lock file
        self._current: Pass | None = None
        self.revision: str | None = None  # the commit that is checked out
        self._encode()

    @property
    def project(self) -> Project:
        """The project as its files said it when they were last without a fault."""
        return self._project

    @property
    def _environment(self) -> str:
        return self._project.config.environment

    @property
    def names(self) -> Mapping[str, Any]:
        """The edits of the board, by name."""
        return self._board.cards

    async def ask(self, question: Callable[[Project], T]) -> T:
        """What a project answers to a question that may take its time. Raises CutlistError."""
        async with self._turn:
            return await self._block(question, self._project)

    async def ask_about(self, question: Callable[[Project, Pass], T]) -> T:
        """What can be said by the last good pass. Raises CutlistError where there was none."""
        await self._has_looked.wait()
        async with self._turn:
            current = self._current
            if current is None:
                current = await self._block(self._project.run_pass)
            return await self._block(question, self._project, current)

    async def read_board(self) -> tuple[bytes, str]:
        """The board as JSON, and its ETag; at first it is waited for."""
        await self._has_looked.wait()
        return self._document

    # -------------------------------------------------------------- looking

    async def run(self) -> None:
        """Follow the project's files and its ledger until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_files())
            group.create_task(self._follow_ledger())
            group.create_task(self._keep_inputs())

    async def run_by(self, openings: AsyncGenerator[Callable[[], Project], None]) -> None:
        """Look whenever somebody else says so, at the project that he names, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(openings))
            group.create_task(self._keep_inputs())

    def forget(self) -> None:
        """What was seen is not what is: whoever asks next waits for another look."""
        self._has_looked.clear()

    async def look(self) -> None:
        """Have one pass, and tell what is not as it was."""
        async with self._turn:
            before, faults = self._board, self._faults
            try:
                seen = await self._block(self._read)
            except Exception as error:  # the page stays, and says so
                self._faults = self._explain(error)
                self.media.follow(self._project.store, self._environment)
            else:
                self._project, self._board, self._faults = seen.project, seen.board, ()
                self.media.follow(seen.project.store, self._environment, seen.inputs)
                self.revision, self._current = seen.revision, seen.current
                self._tell_lock(seen.mark)
            await self._block(self._encode)
            self.feed.note_board(self._environment, self._document[1])
        is_first = not self._has_looked.is_set()
        self._has_looked.set()
        self._is_seen_anew.set()
        if not is_first:
            if self._faults != faults:
                told = {"environment": self._environment, "faults": list(self._faults)}
                self.feed.publish("faults", told)
            self._tell_changes(before)
        self._after_look()

    def _read(self) -> _Seen:
        """The project as its files say it now, and its board. Raises CutlistError."""
        project = self._open_now()
        current = project.run_pass()
        board = read_board(project, current, self.places)
        mark = measure_mark(find_folder(project.config))
        inputs = find_inputs(current, project.config, project.clock)
        revision = read_revision(project)
        return _Seen(project, current, board, inputs, mark, revision)

    def _encode(self) -> None:
        data = encode_board(self._environment, self._board, self._faults)
        etag = hash_bytes(orjson.dumps(data))[:32]
        self._document = (orjson.dumps({"etag": etag, **data}), etag)

    def _tell_changes(self, before: BoardView) -> None:
        changed, gone = list_changed(before, self._board)
        if not changed and not gone and before.summary == self._board.summary:
            return
        told: dict[str, Any] = {
            "environment": self._environment,
            "etag": self._document[1],
            "summary": self._board.summary,
            "whole": len(changed) + len(gone) > _MOST_CARDS,
        }
        if not told["whole"]:
            told |= {"cards": changed, "gone": gone}
        self.feed.publish("board", told)

    def _tell_lock(self, mark: str) -> None:
        if self._mark is not None and mark != self._mark:
            self.feed.publish("lock", {"lock": mark})
        self._mark = mark

    async def _follow_files(self) -> None:
        passes = self._project.watch(self._tell_words, self._complain)
        async with aclosing(passes):
            await self._follow(watch_pass.open_project async for watch_pass in passes)

    async def _follow(self, openings: AsyncGenerator[Callable[[], Project], None]) -> None:
        async with aclosing(openings):
            async for opening in openings:
                self._open_now = opening
                await self.look()

    async def _follow_ledger(self) -> None:
        """Look when another process has written the ledger: a task was sent, or has ended."""
        seen = self.stamp_ledger()
        while True:
            await self._project.clock.sleep(_LEDGER_LOOK_S)
            now = self.stamp_ledger()
            if now != seen:
                seen = now
                await self.look()

    async def _keep_inputs(self) -> None:
        """Have the small ones of inputs made after each look, one look after the other."""
        while True:
            await self._is_seen_anew.wait()
            self._is_seen_anew.clear()
            await self.media.keep_inputs()

    def stamp_ledger(self) -> list[tuple[int, int] | None]:
        """Sizes and times of the ledger's files. A look itself may touch their ctime, where SQLite
        runs as root.
        """
        path = str(self._project.config.ledger_file)
        stamps = [take_stamp(path), take_stamp(f"{path}-wal")]
        return [None if stamp is None else stamp[:2] for stamp in stamps]

    def _explain(self, error: Exception) -> Sequence[Mapping[str, str]]:
        """What is wrong with the project; a fault of the program is also told elsewhere."""
        if isinstance(error, CutlistError):
            return list_faults(error)
        if isinstance(error, OSError):
            return list_faults(put_in_words(error))
        self._tell_fault(error)
        return list_faults(CutlistError("The project cannot be read: a fault of the program."))

    def _tell_words(self, words: str) -> None:
        self.feed.publish("words", {"text": words})

    def _complain(self, error: CutlistError) -> None:
        self.feed.publish("words", {"text": str(error)})


def list_faults(error: CutlistError) -> Sequence[Mapping[str, str]]:
    """What is wrong with a project, as `validate` says it."""
    if isinstance(error, InvalidInput):
        return [fault_to_json(fault) for fault in error.faults]
    words = f"{error.message} {error.hint}".strip()
    return [fault_to_json(Fault(Place(""), words))]
