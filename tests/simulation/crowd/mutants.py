"""Bad protocols of those who share a ledger and a bucket, put in place by the tests alone: a crowd
must catch each within a few hundred seeds.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from reconciler.apply import attempt as life
from reconciler.operations import gc
from reconciler.operations.claims import Claims
from reconciler.state.ledger import AlreadyOpen, MovedOn, SpendingLimit, postgres
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.ledger.holders import Holders
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.ledger.sql.attempts import SqlLedger
from reconciler.state.observed import State
from reconciler.state.store.copies import Copies
from reconciler.state.store.objects import ObjectStore
from tests.simulation.credulous import Mutant
from tests.simulation.crowd.play import run
from tests.simulation.mutants import (
    hold_in_two_steps,
    is_broken,
    late_answer_refused,
    store_read_first,
)

WITHIN = 300


def caught(mutant: Mutant, seed: int) -> bool:
    """Whether with the bad protocol a promise is broken, or the program cannot go on."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        return is_broken(run(seed).broken)


# ------------------------------------------------------------------ who holds what


def holder_ignored(patch: pytest.MonkeyPatch) -> None:
    """Whoever finds an open intent settles it, though its holder lives."""

    def take_over(self: Holders) -> None:
        with self._database.transaction() as connection:
            self.sign(connection)
            connection.execute(
                "update attempts set holder = ? where state = 'INTENT'", (self._me.id,)
            )

    patch.setattr(Holders, "take_over", take_over)


def sent_however_late(patch: pytest.MonkeyPatch) -> None:
    """A process that stood still sends what it had begun to send."""

    async def go_on(*_: Any) -> None:
        return None

    patch.setattr(life, "_check_in_time", go_on)


def intend_repeated_after_lost_commit(patch: pytest.MonkeyPatch) -> None:
    """An intent whose commit may be lost is written again, and what refuses it is taken for the
    first one.
    """
    intend = SqlLedger.intend

    def insist(self: SqlLedger, *args: Any, **options: Any) -> None:
        try:
            intend(self, *args, **options)
        except LedgerAway:
            with suppress(LedgerAway, AlreadyOpen):
                intend(self, *args, **options)

    patch.setattr(SqlLedger, "intend", insist)


def failover_unnoticed(patch: pytest.MonkeyPatch) -> None:
    """A server that took another one's place is believed to know what was sent."""
    patch.setattr(PostgresLedger, "has_failed_over", lambda _: False)
    patch.setattr(postgres, "_require_known_server", lambda _: None)


# ------------------------------------------------------------------ limits of all together


def width_counted_in_the_process(patch: pytest.MonkeyPatch) -> None:
    """Each process lets a model have as many tasks as the account may have."""

    def admit(self: PostgresLedger, connection: Any, *_: Any) -> None:
        self._holders.sign(connection)

    patch.setattr(PostgresLedger, "_admit", admit)


def budget_checked_at_the_plan(patch: pytest.MonkeyPatch) -> None:
    """What the day allowed when the plan was made, it allows."""
    intend = SqlLedger.intend

    def intend_unlimited(self: SqlLedger, *args: Any, limit: Any = None, **options: Any) -> None:
        intend(self, *args, **options)

    patch.setattr(SqlLedger, "intend", intend_unlimited)


def day_told_by_each_machine(patch: pytest.MonkeyPatch) -> None:
    """What a day has cost is counted by the clock of whoever asks."""

    def check(self: SqlLedger, limit: SpendingLimit, _: float) -> None:
        since = limit.now - limit.now % limit.period_s
        limit.check(self.books.entries(since=since), limit.now)

    patch.setattr(SqlLedger, "_check_limit", check)


# ------------------------------------------------------------------ the store


def stored_but_undecided(patch: pytest.MonkeyPatch) -> None:
    """What was given up as undecided stays so, though its video is stored."""
    end = SqlLedger.end

    def refuse(self: SqlLedger, attempt_id: str, state: State, **fields: Any) -> None:
        now = self.attempt(attempt_id, now=0.0).state
        if state is State.SUCCEEDED and now is State.UNDECIDED:
            raise MovedOn("it was given up.")
        end(self, attempt_id, state, **fields)

    patch.setattr(SqlLedger, "end", refuse)


def record_before_blob(patch: pytest.MonkeyPatch) -> None:
    """The record of a result is in the bucket before its video is."""
    put, settle = ObjectStore.put_result, ObjectStore._settle_blob
    held: list[tuple[Any, Any]] = []

    def hold_back(self: ObjectStore, blob: Any) -> None:
        held.append((self, blob))

    def put_first(self: ObjectStore, result: Any) -> None:
        put(self, result)
        while held:
            settle(*held.pop())

    patch.setattr(ObjectStore, "_settle_blob", hold_back)
    patch.setattr(ObjectStore, "put_result", put_first)


def cache_trusted(patch: pytest.MonkeyPatch) -> None:
    """A copy that is there is believed to have its bytes."""

    def find(self: Copies, digest: str) -> Any:
        path = self._path(digest)
        return path if path.exists() else None

    patch.setattr(Copies, "find", find)


def gc_of_one_project(patch: pytest.MonkeyPatch) -> None:
    """What this project does not name is named by nobody."""
    patch.setattr(gc, "read_claims", lambda *_: Claims())


MUTANTS: dict[str, Mutant] = {
    mutant.__name__: mutant
    for mutant in (
        holder_ignored,
        sent_however_late,
        store_read_first,
        width_counted_in_the_process,
        budget_checked_at_the_plan,
        day_told_by_each_machine,
        hold_in_two_steps,
        intend_repeated_after_lost_commit,
        late_answer_refused,
        stored_but_undecided,
        failover_unnoticed,
        record_before_blob,
        cache_trusted,
        gc_of_one_project,
    )
}
