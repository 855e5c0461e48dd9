"""`cutlist move`: the ledger of a project from a file into the shared one, and back."""

from __future__ import annotations

from pathlib import Path

from reconciler.config import Config
from reconciler.errors import CutlistError, UsageError
from reconciler.formats.words import format_count
from reconciler.operations.shared import open_ledger
from reconciler.state.ledger.errors import LedgerRetired

_ADVICE = "Name it as `ledger` in cutlist.yaml, or in CUTLIST_LEDGER, and run this again."


def move_to_shared(config: Config, id_: str, command: str) -> str:
    """Write the file's rows into the shared ledger, and close the file; what was done, in words.
    The caller holds the lock. Raises UsageError, LedgerError.
    """
    from reconciler.state.ledger import SqliteLedger  # lazy: start-up time

    _require_shared(config)
    path = config.ledger_file
    if not path.exists():
        raise UsageError(f"there is no {path}: nothing is to be moved.")
    source = SqliteLedger.open(path)
    try:
        target = open_ledger(config, id_, command, beside_a_file=True)
        try:
            number = source.move_into(target)
        finally:
            target.close()
    finally:
        source.close()
    return f"Moved {format_count(number, 'request')} into the shared ledger; {path} is closed."


def move_to_file(config: Config, id_: str, command: str) -> str:
    """Write the shared ledger's rows into a file, and close the ledger for everybody; what was
    done, in words. The caller holds the lock. Raises UsageError, LedgerError, Locked.
    """
    from reconciler.state.ledger import SqliteLedger  # lazy: start-up time

    _require_shared(config)
    path = config.ledger_file
    aside = _set_aside(path)
    source = open_ledger(config, id_, command)
    try:
        target = SqliteLedger.open(path)
        try:
            number = source.move_into(target)
        except CutlistError:
            target.close()
            path.unlink()
            if aside is not None:
                aside.rename(path)
            raise
        target.close()
    finally:
        source.close()
    return (
        f"Moved {format_count(number, 'request')} into {path}; the shared ledger is closed. Leave"
        " `ledger` out of cutlist.yaml now."
    )


def _require_shared(config: Config) -> None:
    """Raises UsageError where no shared ledger is named."""
    if not config.ledger:
        raise UsageError("no shared ledger is named.", hint=_ADVICE)
    if not config.shares_ledger:
        raise UsageError("the bundled server's ledger is a file of this machine, and stays one.")


def _set_aside(path: Path) -> Path | None:
    """Keep a file that was closed under another name, which is returned. Raises UsageError for one
    in use.
    """
    from reconciler.state.ledger import SqliteLedger  # lazy: start-up time

    if not path.exists():
        return None
    try:
        SqliteLedger.open(path).close()
    except LedgerRetired:
        return path.rename(path.with_suffix(".db.moved"))
    else:
        raise UsageError(f"{path} is in use.", hint="Move it aside first. Nothing was moved.")
