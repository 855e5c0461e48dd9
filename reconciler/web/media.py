"""Videos, inputs, and what is made of them. Only bytes that have the digest they are asked by are
given out. Small ones are made once, one after the other, and never while a request waits for long.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from reconciler.apply.events import RunBlocking, run_in_thread
from reconciler.config import Config
from reconciler.desired.datauri import parse_data_uri
from reconciler.desired.source.opening import open_tree
from reconciler.desired.tree import Unusable
from reconciler.errors import CutlistError, GitError, StoreDamaged
from reconciler.formats.digest import DIGEST
from reconciler.operations.committed import open_revision_cache
from reconciler.planner import Pass
from reconciler.state.store import Store
from reconciler.system.clock import Clock
from reconciler.system.files import hash_stream
from reconciler.system.probe.client import ProbeClient
from reconciler.system.probe.refusal import Foreign, Unreadable
from reconciler.system.stills.kinds import StillKind
from reconciler.system.stills.shelf import StillShelf

_MOST_VIDEO_STILLS_BYTES = 512 << 20
_MOST_INPUT_STILLS_BYTES = 512 << 20
_WAIT_S = 1.5  # so long a request waits for what is being made
_SHA256 = "sha256:"
_COPIED_AT_ONCE_BYTES = 128 << 10
OpenFile = Callable[[], AbstractContextManager[IO[bytes]]]
_Stamp = tuple[int, int, int, int]


class NoMedium(Exception):
    """There is no such medium, or nothing can be made of it; the message says which."""


class NotMadeYet(Exception):
    """It is being made; whoever asks again will have it."""


class MediaSource:
    """Media of one kind by digest, and the small ones of them."""

    def __init__(self, open_medium: Callable[[str], AbstractContextManager[IO[bytes]]]) -> None:
        self._open = open_medium
        self._verified: dict[str, _Stamp] = {}  # what of a file was seen when it was hashed

    @contextmanager
    def open(self, digest: str) -> Iterator[IO[bytes]]:
        """The bytes of a medium, hashed unless the file is the one that was hashed before. Raises
        NoMedium.
        """
        require_digest(digest)
        try:
            with self._open(digest) as file:
                self._verify(digest, file)
                yield file
        except StoreDamaged as error:
            raise NoMedium(f"{error.message} {error.hint}".strip()) from error
        except OSError as error:
            raise NoMedium(f"The medium cannot be read: {error.strerror or error}.") from error

    def _verify(self, digest: str, file: IO[bytes]) -> None:
        stamp = _take_stamp(file)
        if stamp is not None and self._verified.get(digest) == stamp:
            return
        if hash_stream(file) != digest:
            self._verified.pop(digest, None)
            raise NoMedium(
                "The medium does not have the bytes it is named for. `cutlist verify` says more."
            )
        file.seek(0)
        if stamp is not None:
            self._verified[digest] = stamp


class StillMaker:
    """Makes small ones, one at a time, in the order in which they were asked for."""

    def __init__(self, clock: Clock, block: RunBlocking = run_in_thread) -> None:
        self._clock = clock
        self._block = block
        self._client = ProbeClient()
        self._turn = asyncio.Lock()
        self._making: dict[tuple[str, StillKind], asyncio.Task[bytes]] = {}
        self._refused: dict[tuple[str, StillKind], str] = {}

    async def get(
        self, source: MediaSource, shelf: StillShelf, digest: str, kind: StillKind
    ) -> bytes:
        """A small one. Raises NoMedium, NotMadeYet."""
        require_digest(digest)
        made = await self._block(shelf.read, digest, kind)
        if made is not None:
            return made
        task = self.begin(source, shelf, digest, kind)
        done, _ = await asyncio.wait([task], timeout=_WAIT_S)
        if not done:
            raise NotMadeYet
        return task.result()

    def begin(
        self, source: MediaSource, shelf: StillShelf, digest: str, kind: StillKind
    ) -> asyncio.Task[bytes]:
        """Have one made, once."""
        name = (digest, kind)
        task = self._making.get(name)
        if task is None:
            task = asyncio.ensure_future(self._make(source, shelf, digest, kind))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            task.add_done_callback(lambda _done: self._making.pop(name, None))
            self._making[name] = task
        return task

    async def close(self) -> None:
        """End what is being made."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._block(self._client.close)

    async def _make(
        self, source: MediaSource, shelf: StillShelf, digest: str, kind: StillKind
    ) -> bytes:
        name = (digest, kind)
        if name in self._refused:
            raise NoMedium(self._refused[name])
        async with self._turn:
            try:
                return await self._block(self._draw, source, shelf, digest, kind)
            except (Unreadable, Foreign) as error:
                self._refused[name] = f"Nothing small can be made of it: {error}."
                raise NoMedium(self._refused[name]) from error

    def _draw(self, source: MediaSource, shelf: StillShelf, digest: str, kind: StillKind) -> bytes:
        with source.open(digest) as file:
            size_bytes = file.seek(0, os.SEEK_END)
            made = self._client.make(file, kind.value, size_bytes)
        with suppress(CutlistError, OSError):  # a full disk: it is shown, and made again next time
            shelf.put(digest, kind, made, tmp_name=self._clock.new_id())
        return made


class MediaRoom:
    """All media of one project: its videos, and what went into them."""

    def __init__(self, cache_dir: Path, clock: Clock, block: RunBlocking = run_in_thread) -> None:
        self._maker = StillMaker(clock, block)
        self._store: Store | None = None
        self._is_ready = asyncio.Event()
        self._inputs: dict[str, Mapping[str, OpenFile]] = {}  # by environment
        self._videos = MediaSource(self._open_video)
        self._given = MediaSource(self._open_input)
        self._video_shelf, self._input_shelf = open_shelves(cache_dir)

    def follow(
        self, store: Store, environment: str, inputs: Mapping[str, OpenFile] | None = None
    ) -> None:
        """From now on these are the videos, and the inputs that lie here in an environment; None:
        as before.
        """
        self._store = store
        if inputs is not None:
            self._inputs[environment] = inputs
        self._is_ready.set()

    async def wait(self) -> None:
        """Wait until the project was looked at."""
        await self._is_ready.wait()

    async def keep_inputs(self) -> None:
        """Make the small ones of inputs while those are here: they are shown with old takes too.
        What cannot be made is left out.
        """
        for digest in [digest for inputs in self._inputs.values() for digest in inputs]:
            for kind in (StillKind.POSTER, StillKind.PREVIEW):
                if not self._input_shelf.has(digest, kind):
                    task = self._maker.begin(self._given, self._input_shelf, digest, kind)
                    await asyncio.wait([task])

    def open_video(self, digest: str) -> AbstractContextManager[IO[bytes]]:
        """The video with these bytes. Raises NoMedium."""
        return self._videos.open(digest)

    def open_input(self, digest: str) -> AbstractContextManager[IO[bytes]]:
        """The input with these bytes, while it lies in the project. Raises NoMedium."""
        return self._given.open(digest)

    async def get_video_still(self, digest: str, kind: StillKind) -> bytes:
        """A small one of a video. Raises NoMedium, NotMadeYet."""
        return await self._maker.get(self._videos, self._video_shelf, digest, kind)

    async def get_input_still(self, digest: str, kind: StillKind) -> bytes:
        """A small one of an input. Raises NoMedium, NotMadeYet."""
        return await self._maker.get(self._given, self._input_shelf, digest, kind)

    async def close(self) -> None:
        """End what is being made."""
        await self._maker.close()

    def _open_video(self, digest: str) -> AbstractContextManager[IO[bytes]]:
        assert self._store is not None
        return self._store.open_blob(digest)

    def _open_input(self, digest: str) -> AbstractContextManager[IO[bytes]]:
        for inputs in self._inputs.values():
            if digest in inputs:
                return inputs[digest]()
        raise NoMedium("No file of the project has these bytes now.")


def open_shelves(cache_dir: Path) -> tuple[StillShelf, StillShelf]:
    """Where small ones of videos and of inputs are kept, beside the cache."""
    folder = cache_dir / "stills"
    return (
        StillShelf(folder / "videos", _MOST_VIDEO_STILLS_BYTES),
        StillShelf(folder / "inputs", _MOST_INPUT_STILLS_BYTES),
    )


def require_digest(text: str) -> None:
    """Raises NoMedium for what is no digest: it may become part of a path."""
    if not DIGEST.fullmatch(text):
        raise NoMedium("This is no digest.")


def find_inputs(current: Pass, config: Config, clock: Clock) -> Mapping[str, OpenFile]:
    """By digest, how an input that lies in the project, or in its commit, is opened."""
    found: dict[str, OpenFile] = {}
    for resolved in current.resolved.values():
        for source in resolved.wanted.sources:
            identity, reference = source.identity or "", source.medium.reference
            if not identity.startswith(_SHA256):
                continue
            digest = identity.removeprefix(_SHA256)
            if source.path is not None:
                found[digest] = _open_later(source.path)
            elif reference.kind == "data":
                found[digest] = _decode_later(reference.value)
            elif reference.kind == "local" and config.committed is not None:
                found[digest] = partial(_open_committed, config, clock, reference.value)
    return found


@contextmanager
def _open_committed(config: Config, clock: Clock, path: str) -> Iterator[IO[bytes]]:
    """A file of the commit that a project is read from, copied out of it: it may be closed by
    another thread. Raises NoMedium.
    """
    with TemporaryFile() as copy:
        try:
            with (
                open_revision_cache(config) as cache,
                open_tree(config, cache, clock) as tree,
                tree.file(path).open() as file,
            ):
                shutil.copyfileobj(file, copy, _COPIED_AT_ONCE_BYTES)
        except (Unusable, GitError) as error:
            raise NoMedium(f"The input {error}.") from error
        copy.seek(0)
        yield copy


def _open_later(path: Path) -> OpenFile:
    return lambda: path.open("rb")


def _decode_later(uri: str) -> OpenFile:
    return lambda: BytesIO(parse_data_uri(uri).content)


def _take_stamp(file: IO[bytes]) -> _Stamp | None:
    """What tells an open file from another one; None for bytes in memory."""
    with suppress(OSError):
        info = os.fstat(file.fileno())
        return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
    return None
