"""`cutlist gc`: which results nothing names any more, and may go. Only reports."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.config import Config
from reconciler.errors import InvalidInput
from reconciler.operations.claims import find_named_keys, is_shared, read_claims
from reconciler.planner import Pass
from reconciler.state import lockfile
from reconciler.state.excerpts import find_source_digest, is_excerpt
from reconciler.state.observed import Observed, Result
from reconciler.state.store import Store
from reconciler.system.git.committed import read_versions

_YOUNG_S = 14 * 24 * 3600  # in a shared store: of what may not be claimed yet


@dataclass(frozen=True, slots=True)
class Garbage:
    """Results that nothing names any more, and the bytes that their going would free."""

    results: tuple[Result, ...]
    size_bytes: int

    def to_json(self) -> dict[str, object]:
        """The same as plain data: the bytes, and of each result what tells it from others."""
        results = [
            {
                "edit": result.edit,
                "key": result.key,
                "digest": result.digest,
                "duration_s": result.duration_s,
                "size_bytes": result.size_bytes,
                "stored_at": result.stored_at,
            }
            for result in self.results
        ]
        return {"size_bytes": self.size_bytes, "results": results}


def find_garbage(
    config: Config, store: Store, current: Pass, now: float, *, commits: int
) -> Garbage:
    """Results that nothing names: no manifest, no output, no claim of another project, and neither
    the lock file nor its versions of the last `commits` commits and of the branches. `current` is
    a pass over the whole store; in a shared one what is young at `now` stays.

    Raises GitError, CutlistError.
    """
    observed, claims = current.observed, read_claims(config, store)
    stored_before = now - _YOUNG_S if is_shared(config) else math.inf
    keys_in_use = find_named_keys(observed, current.resolved.values()) | claims.keys
    pinned = {
        *lockfile.list_digests(lockfile.read_for(config)),
        *_find_digests_pinned_before(config.root, commits),
        *claims.digests,
    }
    unnamed = [
        result
        for key, results in sorted(observed.results.items())
        for result in results
        if key not in keys_in_use and result.digest not in pinned and result.stored < stored_before
    ]
    unnamed = _leave_excerpts(unnamed, observed)
    return Garbage(tuple(unnamed), _add_up_bytes(unnamed, observed))


def _leave_excerpts(unnamed: Sequence[Result], observed: Observed) -> list[Result]:
    """`unnamed` without the excerpts of videos that stay."""
    going = {(result.key, result.digest) for result in unnamed}
    staying = {
        result.digest
        for key, results in observed.results.items()
        for result in results
        if (key, result.digest) not in going
    }
    return [
        result
        for result in unnamed
        if not (is_excerpt(result) and find_source_digest(result) in staying)
    ]


def _add_up_bytes(unnamed: Collection[Result], observed: Observed) -> int:
    """How many bytes go with these results; a video that another result shares stays."""
    going = {(result.key, result.digest): result.size_bytes for result in unnamed}
    staying = {
        result.digest
        for key, results in observed.results.items()
        for result in results
        if (key, result.digest) not in going
    }
    sizes = {digest: size for (_, digest), size in going.items() if digest not in staying}
    return sum(sizes.values())


def _find_digests_pinned_before(root: Path, commits: int) -> Iterator[str]:
    """Digests that cutlist.lock pinned in the last commits, or pins on a branch; none outside git.

    A version that cannot be read pins nothing. Raises GitError.
    """
    for raw in read_versions(root, lockfile.LOCK_FILE, commits=commits):
        try:
            sections = lockfile.parse_pins(raw)
        except InvalidInput:
            continue
        yield from lockfile.list_digests(sections)
