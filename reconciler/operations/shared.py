"""The ledger that several machines share, as the project file or the environment names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.config import Config
from reconciler.config.variables import find_machine_name
from reconciler.errors import CutlistError, LedgerError, UsageError
from reconciler.formats.words import format_count
from reconciler.state.ledger.errors import LedgerAway, LedgerRetired

if TYPE_CHECKING:
    from reconciler.state.ledger.address import LedgerAddress
    from reconciler.state.ledger.leases import Leases
    from reconciler.state.ledger.postgres import PostgresLedger

_REACHING = (
    "Look at its address (CUTLIST_LEDGER, which wins, or `ledger` in the project file) and whether"
    " it is up; the password comes from PGPASSWORD, PGPASSFILE, ~/.pgpass or CUTLIST_LEDGER."
)


def find_address(config: Config) -> LedgerAddress:
    """Where the shared ledger of a project lies."""
    from reconciler.state.ledger.address import LedgerAddress  # lazy: start-up time

    return LedgerAddress(config.ledger.reveal(), config.realm, config.account)


def find_shared_id(config: Config) -> str:
    """What tells the shared ledger of a project from others; empty where it has a file."""
    return find_address(config).fingerprint if config.shares_ledger else ""


def require_shared_state(config: Config) -> None:
    """Raises UsageError where orders and results cannot be handed over."""
    if not config.shares_ledger:
        what = "has a ledger of this machine" if config.ledger else "names no ledger"
        raise UsageError(
            f"workers need a ledger that machines share, and this project {what}.",
            hint="Say `ledger: postgresql://HOST/DATABASE`, or set CUTLIST_LEDGER; the bundled"
            " server always has a file.",
        )
    if config.bucket is None:
        raise UsageError(
            "workers need a store that machines share, and this project has a folder.",
            hint="Say `store: s3://BUCKET/PLACE`, or set CUTLIST_STORE.",
        )


def open_readonly(config: Config) -> PostgresLedger | None:
    """The ledger for looking; None when there is none yet. Raises LedgerError."""
    with _told():
        from reconciler.state.ledger.postgres import PostgresLedger  # lazy: only where it is shared

        return PostgresLedger.open_readonly(find_address(config), config.name)


def open_ledger(
    config: Config, id_: str, command: str, *, beside_a_file: bool = False
) -> PostgresLedger:
    """The ledger for writing, by a process that others know as `id_`. Raises LedgerError, also
    where this clone has a file with requests of its own, unless that is to be moved.
    """
    if not beside_a_file:
        _require_no_file(config)
    with _told():
        from reconciler.state.ledger.holders import LedgerUser  # lazy: only where it is shared
        from reconciler.state.ledger.postgres import PostgresLedger

        me = LedgerUser(id_, command, find_machine_name())
        return PostgresLedger.open(find_address(config), config.name, me)


def _require_no_file(config: Config) -> None:
    """Raises LedgerError where requests of this clone are known to its file alone: they would be
    sent again.
    """
    from reconciler.state.ledger.sqlite import SqliteLedger  # lazy: only where it is shared

    path = config.ledger_file
    try:
        ledger = SqliteLedger.open_readonly(path)
    except LedgerRetired:
        return
    if ledger is None:
        return
    try:
        number = len(ledger.books.entries())
    finally:
        ledger.close()
    if number:
        raise LedgerError(
            f"{format_count(number, 'request')} of this clone stand in {path}, and the shared"
            " ledger does not know them.",
            hint="Move them: cutlist move --to shared. Nothing was sent.",
        )


def open_leases(address: LedgerAddress, id_: str, command: str) -> Leases:
    """The leases of a process in a shared ledger, which others know as `id_`. Raises LedgerError,
    Locked, CutlistError.
    """
    with _told():
        from reconciler.state.ledger.holders import LedgerUser  # lazy: only where it is shared
        from reconciler.state.ledger.leases import Leases

        return Leases.open(address, LedgerUser(id_, command, find_machine_name()))


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong before anything is done."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise CutlistError(
            "a shared ledger needs psycopg, which is not installed. Nothing was sent.",
            hint="Install it with: pip install 'cutlist[team]'",
        ) from error
    except LedgerAway as error:
        raise LedgerAway(f"{error.message} Nothing was sent.", hint=_REACHING) from error
