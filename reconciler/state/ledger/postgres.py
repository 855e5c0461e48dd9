"""A ledger in PostgreSQL, which several machines share."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.errors import FailedOver, LaneFull
from reconciler.state.ledger.holders import NOW, SEND_WITHIN_S, Holders, LedgerUser
from reconciler.state.ledger.postgres_database import SERVER, PostgresDatabase
from reconciler.state.ledger.readings import SharedReadings
from reconciler.state.ledger.sql.attempts import SqlLedger
from reconciler.state.ledger.sql.database import (
    AMOUNT,
    MOMENT,
    TEXT,
    Connection,
)
from reconciler.state.ledger.sql.schema import IS_OPEN
from reconciler.state.ledger.task_list import SharedTaskList
from reconciler.state.observed import TASK_ENDS, Attempt

# a task that nobody has followed for so long holds up nobody: its process may be gone
_LONGEST_TASK_S = 3600.0
_NOBODY = LedgerUser("", "", "")


class PostgresLedger(SqlLedger):
    """The ledger of one account in one realm, for any number of machines, as one project sees
    it.
    """

    intended_at = NOW
    is_shared = True
    send_within_s = SEND_WITHIN_S
    task_list: SharedTaskList
    readings: SharedReadings
    kept_readings = 500  # of all processes together, in a time in which none of them sends

    _database: PostgresDatabase

    def __init__(self, database: PostgresDatabase, project: str, me: LedgerUser) -> None:
        super().__init__(database, project, me.id)
        self._me = me
        self._holders = Holders(database, me)
        self.task_list = SharedTaskList(database, me)
        self.readings = SharedReadings(database, me)
        self._has_joined = False

    @classmethod
    def open(cls, address: LedgerAddress, project: str, me: LedgerUser) -> PostgresLedger:
        """Open for writing, creating its tables when there are none. Raises LedgerError, Locked."""
        ledger = cls(PostgresDatabase.open(address), project, me)
        try:
            ledger._join()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def open_readonly(cls, address: LedgerAddress, project: str) -> PostgresLedger | None:
        """Open for reading; None when there is no ledger yet. What is read is of one moment.
        Raises LedgerError.
        """
        database = PostgresDatabase.open_readonly(address)
        return None if database is None else cls(database, project, _NOBODY)

    def of_project(self, project: str) -> PostgresLedger:
        """The same ledger as another project sees it. It is closed with this one, and only so."""
        other = PostgresLedger(self._database, project, self._me)
        other._holders = self._holders
        return other

    def list_open_projects(self) -> Sequence[str]:
        """The projects that have attempts which are not over."""
        rows = self._database.rows(
            f"select distinct project from attempts where {IS_OPEN} and state <> 'UNDECIDED'",
            kinds=[TEXT],
        )
        return sorted(row[0] for row in rows)

    def count_living(self, command: str) -> int:
        """How many processes of a command work on it now."""
        return self._holders.count_living(command)

    def _join(self) -> None:
        self._holders.join()
        self._has_joined = True

    def close(self) -> None:
        if self._has_joined:
            self._holders.leave()
        super().close()

    def left_intents(self) -> Sequence[str]:
        self._holders.take_over()
        return self._holders.list_held()

    def find_followed(self) -> frozenset[str]:
        return self._holders.find_followed()

    def take_duty(self, name: str, /) -> bool:
        return self._holders.take_duty(name)

    def take_turn(self, lane: str, per_s: float, turns: int = 1, /) -> float:
        take_s = turns / per_s
        with self._database.transaction() as connection:
            row = connection.execute(
                f"insert into lanes (lane, next_at) values (?, {NOW} + ?) on conflict (lane) do"
                f" update set next_at = greatest(lanes.next_at, {NOW}) + ? returning next_at -"
                f" {NOW}",
                (lane, take_s, take_s),
            ).fetchone()
        assert row is not None
        return max(float(row[0]) - take_s, 0.0)

    def tell_time(self, _now: float, /) -> float:
        ((now,),) = self._database.rows(f"select {NOW}", kinds=[MOMENT])
        return float(now)

    def count_sharers(self) -> int:
        return self._holders.sharers

    def has_failed_over(self) -> bool:
        if not self._database.knows_server:
            return False
        sql = f"select count(*) from about where server not in ('', {SERVER})"
        ((number,),) = self._database.rows(sql, kinds=[AMOUNT])
        return bool(number)

    def accept_server(self) -> None:
        with self._database.transaction() as connection:
            connection.execute(f"update about set server = {SERVER}")

    def _admit(self, connection: Connection, attempt: Attempt, most_running: int | None) -> None:
        self._holders.sign(connection)
        if self._database.knows_server:
            _require_known_server(connection)
        if most_running is None:
            return
        row = connection.execute(
            "select count(*) from attempts a left join tasks t using (task_id) where"
            f" a.{IS_OPEN} and a.lane = ? and (a.state = 'INTENT' or (a.state = 'SUBMITTED' and"
            f" t.status not in {TASK_ENDS} and a.intended_at > {NOW} - {_LONGEST_TASK_S}))",
            (attempt.lane,),
        ).fetchone()
        if row is not None and row[0] >= most_running:
            raise LaneFull(f"{most_running} tasks of this model are at the service already.")


def _require_known_server(connection: Connection) -> None:
    """Raises FailedOver."""
    row = connection.execute(f"select server in ('', {SERVER}) from about").fetchone()
    if row is not None and not row[0]:
        raise FailedOver(
            "the ledger lies on another server than before, which may have lost what was written"
            " last. Nothing more is sent.",
            hint="Run apply again: it asks the service first which tasks there are.",
        )
