"""Who works on a shared ledger, by the clock of its server, and what of the dead may be taken over.

A process that writes is a holder: it says every few seconds that it lives, and its name stands on
each of its open intents. Nobody settles an intent whose holder lives. A holder that is stopped for
a while may still send what it has decided to send, so that its intent is left alone for as long as
that may take; and it sends nothing that was decided earlier (`SEND_WITHIN_S`).
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass

from reconciler.errors import CutlistError
from reconciler.state.ledger.sql.database import TEXT, Connection, Database
from reconciler.state.ledger.sql.schema import IS_INTENT, IS_OPEN

ALIVE_S = 15.0  # after a sign of life
SIGN_EVERY_S = 5.0
SEND_WITHIN_S = 10.0  # after its intent was begun, a request has left, or is not sent
TAKE_AFTER_S = SEND_WITHIN_S + 30.0  # and 30 s is what a request may take
FORGET_S = 24 * 3600.0
# by the server's clock, in seconds since 1970; of this very moment, also in a long transaction
NOW = "cast(extract(epoch from clock_timestamp()) as double precision)"
LIVING = f"select id from holders where alive_until > {NOW}"
_SIGN = f"""insert into holders (id, command, host, alive_until) values (?, ?, ?, {NOW} + {ALIVE_S})
    on conflict (id) do update set alive_until = excluded.alive_until"""


def build_abandoned_sql(table: str, moment: str, within_s: float) -> str:
    """Whether who holds a row of `table` has stood still since its `moment`, or lives no more."""
    return f"({table}.{moment} < {NOW} - {within_s} or {table}.holder not in ({LIVING}))"


@dataclass(frozen=True, slots=True)
class LedgerUser:
    """A process, as others see it."""

    id: str
    command: str
    host: str


class Holders:
    """The processes that write to one ledger, as seen from one of them."""

    def __init__(self, database: Database, me: LedgerUser) -> None:
        self._database = database
        self._me = me
        self.sharers = 1  # the holders that lived at the last sign of life, this one too
        self._left = threading.Event()
        self._signs = threading.Thread(target=self._go_on, name="ledger", daemon=True)

    def join(self) -> None:
        """Be a holder from now on. Raises LedgerError."""
        with self._database.transaction() as connection:
            self.sign(connection)
            connection.execute(f"delete from holders where alive_until < {NOW} - {FORGET_S}")
            self._count(connection)
        self._signs.start()

    def sign(self, connection: Connection) -> None:
        """A sign of life, in a transaction that is open."""
        connection.execute(_SIGN, (self._me.id, self._me.command, self._me.host))

    def leave(self) -> None:
        """Be none any more: what is still open of this process may be taken over."""
        self._left.set()
        self._signs.join()
        with suppress(CutlistError), self._database.transaction() as connection:
            connection.execute("delete from holders where id = ?", (self._me.id,))
            connection.execute("delete from duties where holder = ?", (self._me.id,))

    def _go_on(self) -> None:
        while not self._left.wait(SIGN_EVERY_S):
            self.sign_once()

    def sign_once(self) -> None:
        """A sign of life in a transaction of its own; none where the ledger is away."""
        with suppress(CutlistError), self._database.transaction() as connection:
            self.sign(connection)
            self._count(connection)

    def _count(self, connection: Connection) -> None:
        row = connection.execute(f"select count(*) from ({LIVING}) as living").fetchone()
        self.sharers = max(1, int(row[0]) if row is not None else 1)

    def take_over(self) -> None:
        """Hold the open intents of the dead, where their request cannot be on its way any more."""
        with self._database.transaction() as connection:
            self.sign(connection)
            connection.execute(
                f"update attempts set holder = ? where {IS_INTENT} and holder <> ? and"
                f" intended_at < {NOW} - {TAKE_AFTER_S} and holder not in ({LIVING})",
                (self._me.id, self._me.id),
            )

    def list_held(self) -> list[str]:
        """The open intents that this process holds, oldest first."""
        rows = self._database.rows(
            f"select id from attempts where {IS_INTENT} and holder = ? order by rowid",
            self._me.id,
            kinds=[TEXT],
        )
        return [str(row[0]) for row in rows]

    def count_living(self, command: str) -> int:
        """How many holders live that are this command."""
        sql = f"select id from holders where command = ? and id in ({LIVING})"
        return len(self._database.rows(sql, command, kinds=[TEXT]))

    def take_duty(self, name: str) -> bool:
        """Whether something that one process does for all is this one's from now on."""
        with self._database.transaction() as connection:
            self.sign(connection)
            connection.execute(
                "insert into duties (name, holder) values (?, ?) on conflict (name) do update set"
                f" holder = excluded.holder where duties.holder not in ({LIVING})",
                (name, self._me.id),
            )
            row = connection.execute("select holder from duties where name = ?", (name,)).fetchone()
        return row is not None and row[0] == self._me.id

    def find_followed(self) -> frozenset[str]:
        """The attempts that are not over, of other processes that live."""
        rows = self._database.rows(
            f"select id from attempts where {IS_OPEN} and state <> 'UNDECIDED' and holder <> ? and"
            f" holder in ({LIVING})",
            self._me.id,
            kinds=[TEXT],
        )
        return frozenset(str(row[0]) for row in rows)
