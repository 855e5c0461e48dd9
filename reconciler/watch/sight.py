"""What a project names as it lies on the disk at one moment, and what of it has changed since."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from reconciler.config import PROJECT_FILE, Config
from reconciler.errors import CutlistError
from reconciler.state.lockfile import LOCK_FILE
from reconciler.system.clock import Clock
from reconciler.watch.named import Named, NameReader
from reconciler.watch.stamps import Stamp, take_stamp

_WRITTEN = (0, 0, 0, 0, False)  # of a file that was there, whatever it was


@dataclass(frozen=True, slots=True)
class Sight:
    """Stamps by path. `asked` is what only people write: project file, manifests, media. `made` is
    what a pass writes as well: outputs and the lock file.
    """

    named: Named = field(default_factory=Named)
    asked: Mapping[str, Stamp] = field(default_factory=dict)
    made: Mapping[str, Stamp] = field(default_factory=dict)

    def is_whole(self, changes: Iterable[str]) -> bool:
        """Whether what has changed seems to be written to its end: it is there, it can be
        understood, and it is so old that one more change of it will be seen.
        """
        for path in changes:
            stamp = self.asked.get(path)
            is_young = stamp is not None and stamp[4]
            is_gone = stamp is None and path not in self.made
            if is_young or is_gone or path in self.named.broken:
                return False
        return True

    def list_changes(self, before: Sight, *, during_pass: bool = False) -> list[str]:
        """What is not as it was, sorted by path. A pass that runs writes outputs and the lock
        file; of those only what is gone counts then.
        """
        return sorted(
            {*self._list_asked(before), *self._list_made(before, during_pass=during_pass)}
        )

    def _list_asked(self, before: Sight) -> Iterator[str]:
        yield from self.named.manifests ^ before.named.manifests
        if self.asked is before.asked:
            return
        known = before.asked
        for path, stamp in self.asked.items():
            if known.get(path, stamp) != stamp:
                yield path

    def _list_made(self, before: Sight, *, during_pass: bool) -> Iterator[str]:
        if self.made is before.made:
            return
        known = before.made
        for path, stamp in self.made.items():
            if known.get(path, stamp) != stamp and not (during_pass and stamp):
                yield path

    def take_over(self, later: Sight, written: Collection[str]) -> Sight:
        """The same, with what a pass has made as it is `later`. What is gone by then stays missed:
        what was there before, and what the pass has `written`.
        """
        missed = {path: stamp for path, stamp in self.made.items() if stamp is not None}
        for path in written:
            missed[path] = _WRITTEN
        made = {path: stamp or missed.get(path) for path, stamp in later.made.items()}
        return replace(self, made=made)


class Eyes:
    """Take one sight after another."""

    def __init__(self, config: Config, read_config: Callable[[], Config], clock: Clock) -> None:
        self._root = str(config.root)
        self._read_config = read_config
        self._clock = clock
        self._reader = NameReader(config, clock)
        self._rules = self._take_rules()  # of the project file, and of models of its own
        self._turn = threading.Lock()
        self._last = Sight()

    def look(self) -> Sight:
        """All that the project names now, as it is now. One look at a time, from any thread."""
        with self._turn, suppress(OSError):  # a folder that may not be read: as it was
            self._last = self._look()
        return self._last

    def look_at(self, paths: Collection[str]) -> Sight:
        """The same where nothing but these manifests was heard of since the last look: the rest is
        taken to be as it was then. Where one of them has gone, everything is looked at.
        """
        with self._turn, suppress(OSError):
            self._last = self._look_at(paths) or self._look()
        return self._last

    def _look_at(self, paths: Collection[str]) -> Sight | None:
        last, now_ns = self._last, int(self._clock.now() * 1e9)
        stamps = {path: self._take(path, now_ns) for path in paths}
        if None in stamps.values() or not last.named.manifests.issuperset(paths):
            return None
        manifests = {path: last.asked[path] for path in last.named.manifests} | stamps
        named = self._reader.read(manifests)
        asked = {**{path: last.asked[path] for path in self._rules}, **manifests}
        for path in named.media:
            asked[path] = last.asked[path] if path in last.asked else self._take(path, now_ns)
        made = {
            path: last.made[path] if path in last.made else self._take(path)
            for path in (LOCK_FILE, *named.outputs)
        }
        return Sight(named, asked, made)

    def _look(self) -> Sight:
        now_ns = int(self._clock.now() * 1e9)
        rules = self._take_rules(now_ns)
        if rules != self._rules:
            with suppress(CutlistError):  # what could be read last goes on
                self._reader.follow(self._read_config())
            self._rules = rules = self._take_rules(now_ns)
        manifests = {path: self._take(path, now_ns) for path in self._reader.list_manifests()}
        named = self._reader.read(manifests)
        media = {path: self._take(path, now_ns) for path in named.media}
        made = {path: self._take(path) for path in (LOCK_FILE, *named.outputs)}
        return Sight(named, {**rules, **manifests, **media}, made)

    def _take_rules(self, now_ns: int = 0) -> dict[str, Stamp]:
        paths = (PROJECT_FILE, *self._reader.list_models())
        return {path: self._take(path, now_ns) for path in paths}

    def _take(self, path: str, now_ns: int = 0) -> Stamp:
        return take_stamp(f"{self._root}/{path}", now_ns=now_ns)
