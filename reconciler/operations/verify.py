"""`cutlist verify`: whether everything that is stored is what it is named for. What is damaged is
moved away where that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.config import Config
from reconciler.formats.words import format_count
from reconciler.state import lockfile
from reconciler.state.ledger import Ledger
from reconciler.state.store import Damage, Store

_MOST_NAMES = 8  # names that are listed before an ellipsis stands for the rest


def find_damages(
    config: Config, store: Store, ledger: Ledger | None, *, read_data: bool
) -> Sequence[Damage]:
    """Everything that is not what it should be. With `read_data` every blob is hashed again."""
    sections = lockfile.read_for(config)
    damages = list(store.verify(read_data=read_data))
    if ledger is not None:
        damages += [Damage(f"the ledger: {words}") for words in ledger.integrity()]
    missing = _describe_missing(store, sections)
    return [*damages, Damage(missing)] if missing else damages


def repair(store: Store, damages: Sequence[Damage]) -> None:
    """Move what is damaged into quarantine, where there is something to move."""
    for damage in damages:
        if damage.where is not None:
            store.quarantine(damage)


def _describe_missing(store: Store, sections: lockfile.Sections) -> str:
    """Which results the lock file names that are not in the store, in words; empty for none."""
    pinned = [(name, pin.digest) for pins in sections.values() for name, pin in pins.items()]
    stored = store.find_stored({digest for _, digest in pinned})
    missing = sorted({name for name, digest in pinned if digest not in stored})
    if not missing:
        return ""
    lost = sum(digest not in stored for _, digest in pinned)
    what = f"{lockfile.LOCK_FILE} pins {format_count(len(pinned), 'result')}, and "
    if lost == len(pinned):
        what += "none is in this store"
    else:
        what += f"{lost} of them {'is' if lost == 1 else 'are'} not in this store"
    more = " …" if len(missing) > _MOST_NAMES else ""
    return (
        f"{what}: {', '.join(missing[:_MOST_NAMES])}{more}. Copy the store to this machine;"
        " `cutlist plan` says what else can be done"
    )
