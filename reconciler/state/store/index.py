"""Which results a bucket has, without a request for each: an index that lies beside the records.

index/recent/KEY.DIGEST.FACTS   a result that was stored lately; FACTS is its row, packed,
                                and goes on below `/` where the name would be too long
index/packs/S/DIGEST            the records of many results whose keys begin with S, compressed,
                                sorted, a line each; named by the SHA-256 of these bytes

The records are the truth, and the index says what they say. A pack is never changed: who folds
recent results into packs writes new ones, and then removes what they replace, so that the union of
all that is listed is whole at any moment, whoever folds at the same time. Nobody pays on the word
of the index alone: `ObjectStore.find_first` looks at the records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import RLock
from typing import NamedTuple, TypeVar

from reconciler.errors import StoreDamaged
from reconciler.state.observed import Result
from reconciler.state.store.bucket import StorageBucket
from reconciler.state.store.copies import Copies
from reconciler.state.store.markers import name_marker, unpack_row
from reconciler.state.store.packs import PackGone, Packs, make_line, parse_line
from reconciler.state.store.records import (
    Row,
    apply_row,
    build_result,
    name_result,
    parse_record,
    shorten_result,
)
from reconciler.state.store.tally import RecordTally
from reconciler.system.cache import Cache

T = TypeVar("T")
SHARDS = "0123456789abcdef"
FOLD_AT = 200  # recent results, before somebody who stores folds them into packs
_TRIES = 4
_PACK = re.compile(r"index/packs/([0-9a-f])/([0-9a-f]{64})")
_RECENT = re.compile(r"index/recent/([0-9a-f]{64}\.[0-9a-f]{64})\.([A-Za-z0-9_/-]*)")
_EDIT = re.compile(rb'"edit":"([^"\\]*)"')
_TABLE = "bucket 1"  # another number where a row says other things


@dataclass(slots=True)
class _Listing:
    """The index as it was listed: names of packs by shard; of each recent result its marker."""

    packs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    recent: dict[str, str] = field(default_factory=dict)  # KEY.DIGEST → FACTS
    markers: list[str] = field(default_factory=list)  # the names of all markers
    asked: set[str] = field(default_factory=set)  # keys

    def list_markers(self, names: Collection[str]) -> list[str]:
        """The names of the markers of some recent results (KEY.DIGEST)."""
        return [marker for marker in self.markers if marker.split("/")[2][:129] in names]


class IndexSurvey(NamedTuple):
    """What the index says: the names (KEY.DIGEST) that it has, the results of those that can be
    read, and the packs whose bytes are not their own.
    """

    names: set[str]
    results: dict[str, Result]
    bad_packs: list[str]


class ObjectIndex:
    """Answers by the index, as it is listed at the first question after `remember`, or again where
    a key is asked once more.
    """

    def __init__(self, bucket: StorageBucket, copies: Copies, cache: Cache) -> None:
        self._bucket = bucket
        self._packs = Packs(bucket, copies)
        self._cache = cache
        self._lock = RLock()
        self._listed: _Listing | None = None
        # by shard: the packs that answered, and by key what they said, as (KEY.DIGEST, row)
        self._known: dict[str, tuple[tuple[str, ...], dict[str, list[tuple[str, Row]]]]] = {}

    # -------------------------------------------------------------- questions

    def find(self, keys: Collection[str]) -> list[Result]:
        """The results of some keys."""
        with self._lock:
            wanted = set(keys)
            if self._listed is not None and wanted & self._listed.asked:
                self._listed = None
            return self._retry(lambda listing: self._find(listing, wanted))

    def find_stored(self, digests: Collection[str]) -> frozenset[str]:
        """Those of `digests` that are the outcome of some result."""
        wanted = set(digests)

        def look(listing: _Listing) -> frozenset[str]:
            named = {name[65:] for name in listing.recent}
            for line in self._list_lines(listing):
                named.add(line[65:129].decode())
            return frozenset(wanted & named)

        with self._lock:
            return self._retry(look) if wanted else frozenset()

    def find_rendered_for(self, edits: Collection[str]) -> list[Result]:
        """The results that were rendered for some edits."""
        wanted = {edit.encode() for edit in edits}

        def look(listing: _Listing) -> list[Result]:
            found = [result for result in self._read_recent(listing) if result.edit in edits]
            for line in self._list_lines(listing):
                match = _EDIT.search(line)
                if match is not None and match[1] in wanted:
                    found += parse_line(line)
            return found

        with self._lock:
            return self._retry(look) if edits else []

    def count_recorded(self, edits: Collection[str]) -> Mapping[str, int]:
        """By edit, how many results are recorded for it; a shard that is as it was is not read."""

        def look(listing: _Listing) -> Mapping[str, int]:
            tally = RecordTally(self._cache)
            for shard in SHARDS:
                recent = {name: row for name, row in listing.recent.items() if name[0] == shard}
                one = _Listing({shard: listing.packs.get(shard, ())}, recent)
                mark = [*one.packs[shard], *sorted(recent)]
                tally.add(self._name_row(shard), mark, partial(self._list_edits, one))
            return tally.read(edits)

        with self._lock:
            return self._retry(look) if edits else {}

    def _list_edits(self, listing: _Listing) -> Iterator[str]:
        """The edit of each result that is listed."""
        for result in self._read_recent(listing):
            yield result.edit
        for line in self._list_lines(listing):
            match = _EDIT.search(line)
            if match is not None:
                yield match[1].decode()

    def read_all(self) -> list[Result]:
        """All results."""

        def look(listing: _Listing) -> list[Result]:
            found = self._read_recent(listing)
            for line in self._list_lines(listing):
                found += parse_line(line)
            return found

        with self._lock:
            return self._retry(look)

    def survey(self) -> IndexSurvey:
        """All that the index says as it is now, past what is damaged."""
        with self._lock:
            self._listed = None
            listing = self._list()
            results = {name_result(each): each for each in self._read_recent(listing)}
            survey = IndexSurvey({*listing.recent}, results, [])
            for pack in [name for packs in listing.packs.values() for name in packs]:
                with suppress(PackGone):
                    try:
                        lines = self._packs.read(pack)
                    except StoreDamaged:
                        survey.bad_packs.append(pack)
                        continue
                    survey.names.update(line[:129].decode("ascii", "replace") for line in lines)
                    for result in (each for line in lines for each in parse_line(line)):
                        results.setdefault(name_result(result), result)
            return survey

    def remember(self) -> None:
        """Keep what packs said, and look anew at the next question."""
        with self._lock:
            self._listed = None
            self._packs.forget()
            for shard, (packs, known) in self._known.items():
                if known:
                    self._cache.put(_TABLE, self._name_row(shard), [list(packs), known])

    # -------------------------------------------------------------- changes

    def note(self, result: Result) -> None:
        """Put the marker of a result whose record is there."""
        name, row = name_result(result), shorten_result(result)
        facts, marker = name_marker(name, row, self._bucket.address.prefix)
        self._bucket.put(marker, b"")
        with self._lock:
            if self._listed is not None:
                self._listed.recent[name] = facts
                self._listed.markers.append(marker)

    def drop(self, names: Collection[str]) -> None:
        """Name these results (KEY.DIGEST) no more: others go on being named at every moment."""
        wanted = set(names)
        with self._lock:
            self._listed = None
            listing = self._list()
            for shard in sorted({name[0] for name in wanted}):
                for pack in listing.packs.get(shard, ()):
                    with suppress(PackGone):
                        lines = self._packs.read(pack)
                        kept = [line for line in lines if line[:129].decode() not in wanted]
                        if len(kept) < len(lines):
                            self._replace(shard, kept, [pack])
            self._bucket.remove(listing.list_markers(wanted))
            self._forget_known()

    def fold(self) -> None:
        """Where many results are recent, put them into packs."""
        with self._lock, suppress(PackGone):  # somebody else folds: leave it to them
            self._listed = None
            listing = self._list()
            if len(listing.recent) < FOLD_AT:
                return
            raw = self._read_records(listing.recent)
            for shard in SHARDS:
                new = {
                    name: make_line(name, content)
                    for name, content in raw.items()
                    if name[0] == shard and content is not None
                }
                packs = listing.packs.get(shard, ())
                if new or len(packs) > 1:
                    lines = [line for pack in packs for line in self._packs.read(pack)]
                    old = {line[:129].decode(): line for line in lines}
                    self._replace(shard, (old | new).values(), packs)
            self._bucket.remove(listing.list_markers(listing.recent.keys()))
            self._forget_known()

    def rebuild(self, shard: str, names: Collection[str], bad: str) -> None:
        """A pack in place of a bad one, of the records `names` (KEY.DIGEST), read anew."""
        with self._lock:
            raw = self._read_records(names)
            lines = [make_line(name, content) for name, content in raw.items() if content]
            self._replace(shard, lines, [bad])
            self._forget_known()

    # -------------------------------------------------------------- inside

    def _retry(self, look: Callable[[_Listing], T]) -> T:
        """What `look` says of the index; from the beginning where somebody folds it meanwhile."""
        for _ in range(_TRIES):
            try:
                return look(self._list())
            except PackGone:
                self._listed = None
        raise StoreDamaged(
            f"packs of the index of {self._bucket.address} are listed and not there.",
            hint="Run it again; if it stays so, `cutlist verify --repair` makes the index anew.",
        )

    def _list(self) -> _Listing:
        if self._listed is None:
            listing = _Listing()
            packs: dict[str, list[str]] = {}
            for each in self._bucket.list("index"):
                if match := _PACK.fullmatch(each.name):
                    packs.setdefault(match[1], []).append(each.name)
                elif match := _RECENT.fullmatch(each.name):
                    listing.recent[match[1]] = match[2].replace("/", "")
                    listing.markers.append(each.name)
            listing.packs = {shard: tuple(sorted(names)) for shard, names in packs.items()}
            self._listed = listing
        return self._listed

    def _find(self, listing: _Listing, keys: set[str]) -> list[Result]:
        listing.asked |= keys
        self._fetch_packs(listing, keys)
        names = [name for name in listing.recent if name[:64] in keys]
        found = {name_result(each): each for each in self._build_recent(listing, names)}
        for key in keys:
            for name, row in self._ask_packs(listing, key):
                if name not in found:
                    found[name] = build_result(f"{name}.json", row, self._load)
        return list(found.values())

    def _ask_packs(self, listing: _Listing, key: str) -> list[tuple[str, Row]]:
        shard = key[:1]
        packs = listing.packs.get(shard, ())
        if not packs:
            return []
        known = self._ask_known(shard, packs)
        answer = known.get(key)
        if answer is None:
            lines = {line for pack in packs for line in self._packs.find(pack, key)}
            results = [result for line in sorted(lines) for result in parse_line(line)]
            rows = {name_result(each): shorten_result(each) for each in results}
            answer = known[key] = list(rows.items())
        return answer

    def _ask_known(self, shard: str, packs: tuple[str, ...]) -> dict[str, list[tuple[str, Row]]]:
        """What these packs have said so far, by key."""
        known = self._known.get(shard)
        if known is None or known[0] != packs:
            known = self._known[shard] = (packs, self._recall(shard, packs))
        return known[1]

    def _fetch_packs(self, listing: _Listing, keys: Collection[str]) -> None:
        """Bring the packs here that have to be read for some keys."""
        wanted: set[str] = set()
        for key in keys:
            packs = listing.packs.get(key[:1], ())
            if packs and key not in self._ask_known(key[:1], packs):
                wanted.update(packs)
        self._packs.fetch(sorted(wanted))

    def _recall(self, shard: str, packs: tuple[str, ...]) -> dict[str, list[tuple[str, Row]]]:
        """What an earlier run learnt of the same packs."""
        row = self._cache.get(_TABLE, self._name_row(shard))
        if row is None or tuple(row[0]) != packs:
            return {}
        return {key: [(name, facts) for name, facts in said] for key, said in row[1].items()}

    def _name_row(self, shard: str) -> str:
        return f"{self._bucket.address} {self._bucket.address.endpoint} {shard}"

    def _forget_known(self) -> None:
        self._known.clear()
        self._listed = None

    def _load(self, file: str, row: Row) -> Result | None:
        """The whole record, by the name of its file. Where a service knows no conditions, the last
        of two writers of one record stays; what the index says in short stays as it was said.
        """
        raw = self._bucket.get(name_record(file.removesuffix(".json")))
        result = parse_record(raw, file) if raw is not None else None
        return apply_row(result, row) if result is not None else None

    def _list_lines(self, listing: _Listing) -> Iterator[bytes]:
        """The lines of all packs, each once, without those of recent results."""
        self._packs.fetch([pack for packs in listing.packs.values() for pack in packs])
        for packs in listing.packs.values():
            told: set[bytes] = set()
            for pack in packs:
                for line in self._packs.read(pack):
                    name = line[:129]
                    if name not in told and name.decode() not in listing.recent:
                        told.add(name)
                        yield line

    def _read_recent(self, listing: _Listing) -> list[Result]:
        return list(self._build_recent(listing, listing.recent))

    def _build_recent(self, listing: _Listing, names: Collection[str]) -> Iterator[Result]:
        """Recent results, by their markers; the record is read only where a marker is too short."""
        rows = {name: unpack_row(listing.recent[name]) for name in names}
        raw = self._read_records([name for name, row in rows.items() if row is None])
        for name, row in rows.items():
            if row is not None:
                yield build_result(f"{name}.json", row, self._load)
            elif (content := raw[name]) is not None:
                result = parse_record(content, f"{name}.json")
                if result is not None:
                    yield result

    def _read_records(self, names: Collection[str]) -> dict[str, bytes | None]:
        places = {name_record(name): name for name in names}
        contents = self._bucket.get_many(list(places)) if places else {}
        return {places[place]: content for place, content in contents.items()}

    def _replace(self, shard: str, lines: Collection[bytes], packs: Sequence[str]) -> None:
        """A new pack first, and then without those that it replaces."""
        new = self._packs.write(shard, lines) if lines else ""
        self._bucket.remove([pack for pack in packs if pack != new])


def name_record(name: str) -> str:
    """Where the record of a result (KEY.DIGEST) lies."""
    return f"results/{name[:2]}/{name}.json"
