"""How many results are recorded for each edit, counted part by part of a store: a part that is as
it was is not counted again, also by a later run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, KeysView, Mapping, Sequence

from reconciler.system.cache import Cache

_TABLE = "tally 1"  # another number where a row says other things


class RecordTally:
    """The counts of one store, kept in a cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._total: Counter[str] = Counter()

    def add(
        self, part: str, mark: Sequence[str | int] | None, read_edits: Callable[[], Iterable[str]]
    ) -> KeysView[str]:
        """Count a part; the edits that it has results of. `mark` tells it from what it was before;
        None: it may change yet without another mark, and is counted anew the next time.
        """
        known = None if mark is None else self._cache.get(_TABLE, part)
        if known is None or known[0] != list(mark or ()):
            known = [list(mark or ()), Counter(read_edits())]
            if mark is not None:
                self._cache.put(_TABLE, part, [known[0], dict(known[1])])
        self._total.update(known[1])
        edits: Mapping[str, int] = known[1]
        return edits.keys()

    def read(self, edits: Collection[str]) -> Mapping[str, int]:
        """What was counted for some edits; those without any are left out."""
        return {edit: self._total[edit] for edit in edits if edit in self._total}
