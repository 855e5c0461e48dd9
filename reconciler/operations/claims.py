"""What each project names of a store that it shares: a note in the store, which `cutlist gc` of
every other project reads.

STORE/projects/ID.json   keys and digests that a project names in one environment
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from reconciler.config import Config
from reconciler.errors import CutlistError
from reconciler.formats.digest import hash_bytes
from reconciler.formats.records import parse_json
from reconciler.formats.words import format_moment
from reconciler.plan.jobs import Resolved
from reconciler.state import lockfile
from reconciler.state.observed import Observed
from reconciler.state.store import Notes, Store
from reconciler.system.clock import Clock

_KIND = "projects"


@dataclass(frozen=True, slots=True)
class Claims:
    """What other projects name, and this one in other environments."""

    keys: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()


def is_shared(config: Config) -> bool:
    """Whether other projects, or other clones, may name what lies in the store."""
    return config.shared_store or config.bucket is not None


def find_named_keys(observed: Observed, resolved: Iterable[Resolved]) -> frozenset[str]:
    """The keys that manifests and outputs name."""
    keys = {edit.job.key for edit in resolved if edit.job is not None}
    for output in observed.outputs.values():
        if output.published is not None:
            keys.add(output.published.key)
    return frozenset(keys)


def write_claim(config: Config, store: Store, keys: Collection[str], clock: Clock) -> None:
    """Note what this project names now, in its environment; nothing where the store is its own.
    Raises CutlistError.
    """
    if not is_shared(config):
        return
    sections = lockfile.read_for(config)
    fields = {
        "project": config.name,
        "environment": config.environment,
        "seen": format_moment(clock.now()),
        "keys": sorted(keys),
        "digests": sorted(set(lockfile.list_digests(sections))),
    }
    notes = store.open_notes(_KIND)
    raw = json.dumps(fields, ensure_ascii=False).encode() + b"\n"
    try:
        notes.write(_name_note(config), raw, tmp_name=clock.new_id())
    except OSError as error:
        raise CutlistError(
            f"{notes.describe()} cannot be written: {error.strerror}.",
            hint="Each project notes there what it names, so that gc of another leaves it alone.",
        ) from error


def read_claims(config: Config, store: Store) -> Claims:
    """What others name. Raises CutlistError where a note cannot be read: nobody can tell then what
    may go.
    """
    if not is_shared(config):
        return Claims()
    keys: set[str] = set()
    digests: set[str] = set()
    notes = store.open_notes(_KIND)
    for name, raw in notes.read().items():
        if name != _name_note(config) and name.endswith(".json"):
            keys_there, digests_there = _parse(notes, name, raw)
            keys |= keys_there
            digests |= digests_there
    return Claims(frozenset(keys), frozenset(digests))


def _name_note(config: Config) -> str:
    whose = f"{config.name}\0{config.environment}".encode("utf-8", "surrogatepass")
    return f"{hash_bytes(whose)[:32]}.json"


def _parse(notes: Notes, name: str, raw: bytes | None) -> tuple[set[str], set[str]]:
    try:
        fields = parse_json(raw or b"")
        keys, digests = fields["keys"], fields["digests"]
        if all(isinstance(each, str) for each in (*keys, *digests)):
            return set(keys), set(digests)
    except (ValueError, TypeError, KeyError):
        pass
    raise CutlistError(
        f"{notes.describe(name)} cannot be read, so nobody can tell what another project needs.",
        hint="An apply of that project writes it anew; if the project is gone, remove the note.",
    )
