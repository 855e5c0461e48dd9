"""verify: is what is stored what it is named for? gc: what may go? Neither asks the service; both
report by default.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import InvalidInput
from reconciler.formats.words import count
from reconciler.plan.jobs import Resolved
from reconciler.state import lockfile
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Observed, Result
from reconciler.state.store import Store
from reconciler.system import git


@dataclass(frozen=True, slots=True)
class Garbage:
    """Results that nothing names any more, and the bytes that their going would free."""

    results: tuple[Result, ...]
    size_bytes: int


_MOST_NAMES = 8


def verify(
    store: Store, ledger: Ledger | None, pins: lockfile.Sections, *, read_data: bool
) -> Sequence[tuple[Path | None, str]]:
    """(file, what is wrong) for everything that is not what it should be; `read_data` hashes every
    blob again.
    """
    damages: list[tuple[Path | None, str]] = list(store.damages(read_data=read_data))
    if ledger is not None:
        damages += [(None, f"the ledger: {words}") for words in ledger.integrity()]
    missing = _pinned_elsewhere(store, pins)
    return [*damages, (None, missing)] if missing else damages


def _pinned_elsewhere(store: Store, pins: lockfile.Sections) -> str:
    """Which results the lock file names that are not in the store, in words; empty for none."""
    named = [(name, pin.digest) for section in pins.values() for name, pin in section.items()]
    stored = store.find_stored({digest for _, digest in named})
    missing = sorted({name for name, digest in named if digest not in stored})
    if not missing:
        return ""
    lost = sum(digest not in stored for _, digest in named)
    all_of = count(len(named), "result")
    what = (
        f"{lockfile.LOCK_FILE} pins {all_of}, and none is in this store"
        if lost == len(named)
        else f"{lockfile.LOCK_FILE} pins {all_of}, and {lost} of them {'is' if lost == 1 else 'are'}"
        " not in this store"
    )
    more = " …" if len(missing) > _MOST_NAMES else ""
    return (
        f"{what}: {', '.join(missing[:_MOST_NAMES])}{more}. Copy the store to this machine; `cutlist"
        " plan` says what else can be done"
    )


def garbage(
    root: Path, observed: Observed, resolved: Collection[Resolved], *, commits: int
) -> Garbage:
    """Results that neither manifests, outputs, the lock file, nor those of the last commits and of
    branches name.
    """
    kept = {each.job.key for each in resolved if each.job is not None}
    kept |= {
        note.key
        for note in (output.published for output in observed.outputs.values())
        if note is not None
    }
    sections = lockfile.read(root) if observed.realm == "live" else {}
    digests = {pin.digest for pins in sections.values() for pin in pins.values()} | set(
        _pinned_before(root, commits)
    )
    gone = [
        result
        for key, results in sorted(observed.results.items())
        for result in results
        if key not in kept and result.digest not in digests
    ]
    staying = {r.digest for results in observed.results.values() for r in results} - {
        r.digest for r in gone
    }
    sizes = {result.digest: result.size_bytes for result in gone if result.digest not in staying}
    return Garbage(tuple(gone), sum(sizes.values()))


def _pinned_before(root: Path, commits: int) -> Iterator[str]:
    """Digests that cutlist.lock named in the last commits, or names on a branch; none outside git.
    Raises GitError.
    """
    for raw in git.versions(root, lockfile.LOCK_FILE, commits=commits):
        try:
            sections = lockfile.parse_pins(raw)
        except InvalidInput:
            continue
        yield from (pin.digest for pins in sections.values() for pin in pins.values())
