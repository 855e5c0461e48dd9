"""Which of several controllers leads a Sync, by a lease in their shared ledger, and what it leaves
there for the next one.

Who leads is a holder with a duty, by the clock of the server. A lease is about not doing things
twice that are not money, such as a push or a comment: what is paid is safe without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from reconciler.errors import CutlistError
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.holders import LIVING, NOW, LedgerUser
from reconciler.state.ledger.postgres_database import PostgresDatabase
from reconciler.state.ledger.sql.database import TEXT, Connection

LEASE_S = 12.0  # after it was renewed
_LOOK = "look"  # what another controller was told: that there is something new
_SIGN = f"""insert into holders (id, command, host, alive_until) values (?, ?, ?, {NOW} + {LEASE_S})
    on conflict (id) do update set alive_until = excluded.alive_until"""
_TAKE = (
    "insert into duties (name, holder) values (?, ?) on conflict (name) do update set"
    f" holder = excluded.holder where duties.holder not in ({LIVING})"
)


@dataclass(frozen=True, slots=True)
class Renewal:
    """How things stand after a renewal: who leads each Sync, and which are to be looked at."""

    leaders: Mapping[str, LedgerUser]
    looks: frozenset[str] = frozenset()


class Leases:
    """The leases of one process in one ledger. From any thread; every call asks the server and
    raises LedgerError.
    """

    def __init__(self, database: PostgresDatabase, me: LedgerUser) -> None:
        self._database = database
        self._me = me

    @classmethod
    def open(cls, address: LedgerAddress, me: LedgerUser) -> Leases:
        """Open a ledger, creating its tables when there are none. Raises LedgerError, Locked."""
        return cls(PostgresDatabase.open(address), me)

    def renew(self, syncs: Collection[str]) -> Renewal:
        """Keep the leads that are ours, and take those that nobody has who lives."""
        leaders, looks = {}, set()
        with self._database.transaction() as connection:
            connection.execute(_SIGN, (self._me.id, self._me.command, self._me.host))
            for sync in syncs:
                connection.execute(_TAKE, (_name_duty(sync), self._me.id))
                leaders[sync] = _read_leader(connection, sync)
                if leaders[sync].id == self._me.id and _take_look(connection, sync):
                    looks.add(sync)
        return Renewal(leaders, frozenset(looks))

    def has_free(self, syncs: Collection[str]) -> bool:
        """Whether one of these Syncs is led by nobody who lives."""
        led = f"select name from duties where holder in ({LIVING})"
        rows = self._database.rows(led, kinds=[TEXT])
        return bool({_name_duty(sync) for sync in syncs} - {row[0] for row in rows})

    def release(self, sync: str) -> None:
        """Lead a Sync no longer: another one may at once."""
        with self._database.transaction() as connection:
            connection.execute(
                "delete from duties where name = ? and holder = ?", (_name_duty(sync), self._me.id)
            )

    def close(self) -> None:
        """Lead nothing any more, and let go of the database."""
        with suppress(CutlistError), self._database.transaction() as connection:
            connection.execute("delete from duties where holder = ?", (self._me.id,))
            connection.execute("delete from holders where id = ?", (self._me.id,))
        self._database.close()

    # -------------------------------------------------------------- handover to the next one

    def read(self, sync: str) -> Mapping[str, str]:
        """The handover of a Sync: what was left of it, by the names of its parts."""
        rows = self._database.rows(
            f"select part, content from handovers where sync = ? and part <> '{_LOOK}'",
            sync,
            kinds=[TEXT, TEXT],
        )
        return dict(rows)

    def write(self, sync: str, part: str, content: str | None) -> bool:
        """Leave a part, or take it away (None), if this process leads the Sync at this moment;
        whether it does.
        """
        with self._database.transaction() as connection:
            if _read_leader(connection, sync).id != self._me.id:
                return False
            if content is None:
                connection.execute(
                    "delete from handovers where sync = ? and part = ?", (sync, part)
                )
            else:
                _put(connection, sync, part, content)
        return True

    def ask_for_look(self, sync: str) -> None:
        """Have whoever leads a Sync look at it."""
        with self._database.transaction() as connection:
            _put(connection, sync, _LOOK, "")


def _name_duty(sync: str) -> str:
    return f"lead {sync}"


def _read_leader(connection: Connection, sync: str) -> LedgerUser:
    """Who leads a Sync and lives; nobody's name where none does."""
    row = connection.execute(
        "select h.id, h.command, h.host from duties d join holders h on h.id = d.holder"
        f" where d.name = ? and h.alive_until > {NOW}",
        (_name_duty(sync),),
    ).fetchone()
    return LedgerUser("", "", "") if row is None else LedgerUser(*map(str, row))


def _take_look(connection: Connection, sync: str) -> bool:
    """Whether somebody has asked for a look; it is taken as done."""
    statement = f"delete from handovers where sync = ? and part = '{_LOOK}' returning part"
    return connection.execute(statement, (sync,)).fetchone() is not None


def _put(connection: Connection, sync: str, part: str, content: str) -> None:
    connection.execute(
        "insert into handovers (sync, part, content) values (?, ?, ?)"
        " on conflict (sync, part) do update set content = excluded.content",
        (sync, part, content),
    )
