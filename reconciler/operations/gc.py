"""`cutlist gc`: which results nothing names any more, and may go. Only reports."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import InvalidInput
from reconciler.plan.jobs import Resolved
from reconciler.state import lockfile
from reconciler.state.observed import Observed, Result
from reconciler.system.git.committed import read_versions


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
    root: Path, observed: Observed, resolved: Collection[Resolved], *, commits: int
) -> Garbage:
    """Results that nothing names: no manifest, no output, and neither the lock file nor its
    versions of the last `commits` commits and of the branches.

    Raises GitError.
    """
    keys_in_use = {edit.job.key for edit in resolved if edit.job is not None}
    for output in observed.outputs.values():
        if output.published is not None:
            keys_in_use.add(output.published.key)
    sections = lockfile.read(root) if observed.realm == "live" else {}
    pinned = {*_list_digests(sections), *_find_digests_pinned_before(root, commits)}
    unnamed = tuple(
        result
        for key, results in sorted(observed.results.items())
        for result in results
        if key not in keys_in_use and result.digest not in pinned
    )
    return Garbage(unnamed, _add_up_bytes(unnamed, observed))


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


def _list_digests(sections: lockfile.Sections) -> Iterator[str]:
    """The digests that a lock file pins."""
    for pins in sections.values():
        for pin in pins.values():
            yield pin.digest


def _find_digests_pinned_before(root: Path, commits: int) -> Iterator[str]:
    """Digests that cutlist.lock pinned in the last commits, or pins on a branch; none outside git.

    A version that cannot be read pins nothing. Raises GitError.
    """
    for raw in read_versions(root, lockfile.LOCK_FILE, commits=commits):
        try:
            sections = lockfile.parse_pins(raw)
        except InvalidInput:
            continue
        yield from _list_digests(sections)
