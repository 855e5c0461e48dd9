"""Bad protocols, put in place by the tests alone: the simulation must catch each within a few
hundred seeds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from reconciler.apply import attempt, bookkeeping, carry, collect, executor, recover, session
from reconciler.apply import context as context_of_attempts
from reconciler.apply import settle as settling
from reconciler.desired.job import Facts
from reconciler.errors import LedgerError, ServiceError
from reconciler.history import spending
from reconciler.operations import obsolete
from reconciler.plan.step import Plan
from reconciler.state import ledger, lookup, observed
from reconciler.state import lock as holder
from reconciler.state.booked import Holding
from reconciler.state.ledger import sqlite
from reconciler.state.ledger.sql import attempts, baselines, books
from reconciler.state.observed import State
from reconciler.state.store import folder as store
from reconciler.state.store import incoming
from reconciler.system import cache, files
from tests.simulation.credulous import CREDULOUS, Mutant
from tests.simulation.play import open_door, run

WITHIN = 300
_UNFIT = ("TypeError: ", "AttributeError: ", "NameError: ")


def caught(mutant: Mutant, seed: int) -> bool:
    """Whether with the bad protocol a promise is broken, or the program cannot go on."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        return is_broken(run(seed).broken)


def is_broken(words: str) -> bool:
    """Whether a verdict says that anything is broken. Raises AssertionError where it is the mutant
    itself: it no longer fits the code that it replaces, and breaks no promise.
    """
    assert not words.startswith(_UNFIT), words
    return bool(words)


# ------------------------------------------------------------------ the four of the contract


def save_after_post(patch: pytest.MonkeyPatch) -> None:
    """The id is written down when the answer is there; nothing is written before the POST."""

    async def send_and_note(
        context: Any, work: Any, prepared: Any, intent: Any, most_running: Any
    ) -> str:
        created = await context.client.create(prepared.body, uses_oss=prepared.uses_oss)
        note = functools.partial(
            context.ledger.intend,
            intent,
            request_sha256="",
            prompt=prepared.prompt,
            job=work.job.canonical,
            server_time=None,
        )
        await context.block(note)
        await context.block(
            functools.partial(
                context.ledger.submitted, intent.id, created.task_id, at=context.clock.now()
            )
        )
        return str(intent.id)

    async def nothing_open(self: Any, work: Any, lane: Any, error: Any) -> None:
        return None

    patch.setattr(attempt, "_intend_and_send", send_and_note)
    patch.setattr(carry.Carrier, "_settled", nothing_open)


def lane_released(patch: pytest.MonkeyPatch) -> None:
    """A request whose answer was lost counts as one that did not arrive, and its lane goes on."""

    async def given_up(self: Any, work: Any, lane: Any, error: Any) -> None:
        (attempt_id,) = self._context.ledger.open_intents(lane.name)
        self._context.ledger.end(attempt_id, State.NOT_SENT, at=self._context.clock.now())

    patch.setattr(carry.Carrier, "_settled", given_up)


def no_settle(patch: pytest.MonkeyPatch) -> None:
    """One look at the list, at once, and the request is taken for not sent."""
    real = settling.settle

    async def hasty(context: Any, attempt_id: str) -> bool:
        return await real(dataclasses.replace(context, settle_s=0.0), attempt_id)

    patch.setattr(carry, "settle", hasty)
    patch.setattr(recover, "settle", hasty)


def no_lock(patch: pytest.MonkeyPatch) -> None:
    """Two applies work on one store at the same time, and nothing in the ledger holds them
    apart.
    """
    patch.setattr(holder.FileLock, "hold", open_door)
    steps = tuple(each.replace("create unique index", "create index") for each in sqlite.STEPS)
    patch.setattr(sqlite, "STEPS", steps)


# ------------------------------------------------------------------ ours


def download_unverified(patch: pytest.MonkeyPatch) -> None:
    """Whatever arrives is stored."""
    patch.setattr(
        collect,
        "_verify_output",
        lambda blob, models, request, usage: Facts("video", "mp4", blob.size_bytes, 16, 16, 5.0),
    )


def start_up_forgets_intents(patch: pytest.MonkeyPatch) -> None:
    """An INTENT that an earlier run left open is closed without asking."""

    async def forgotten(context: Any, tell: Any) -> None:
        for attempt_id in context.ledger.open_intents():
            context.ledger.end(attempt_id, State.NOT_SENT, at=context.clock.now())

    patch.setattr(recover, "settle_intents", forgotten)


def any_stranger_is_ours(patch: pytest.MonkeyPatch) -> None:
    """Tasks that are known already are taken for the lost one."""
    patch.setattr(baselines.SqlBaselines, "strangers", lambda self, task_ids: frozenset(task_ids))


def young_unknown_is_lost(patch: pytest.MonkeyPatch) -> None:
    """A task that the service does not know at the moment is given up, however young."""
    patch.setattr(observed, "TASK_LIFE_S", 0.0)
    patch.setattr(attempt, "TASK_LIFE_S", 0.0)


def any_prompt_is_ours(patch: pytest.MonkeyPatch) -> None:
    """What was adopted stays adopted, whatever its prompt."""

    async def unchecked(context: Any, attempt: Any, answer: Any) -> None:
        return None

    patch.setattr(attempt, "_check_adopted", unchecked)


def blob_renamed_before_fsync(patch: pytest.MonkeyPatch) -> None:
    """The name of a blob is durable, and its bytes are not yet."""

    def commit(self: Any) -> str:
        self._file.flush()
        os.fchmod(self._file.fileno(), 0o444)
        self._settle(self)
        os.fsync(self._file.fileno())
        return str(self.digest)

    patch.setattr(incoming.FileBlobWriter, "commit", commit)


def output_renamed_before_fsync(patch: pytest.MonkeyPatch) -> None:
    """The name of an output is durable, and its bytes are not."""

    def copy(source: Path, target: Path, *, tmp_name: str) -> None:
        files.make_dirs(target.parent)
        tmp = target.parent / f".{tmp_name}.tmp"
        tmp.write_bytes(source.read_bytes())
        tmp.rename(target)
        files.fsync_dir(target.parent)

    patch.setattr(store, "copy_atomic", copy)


def succeeded_before_stored(patch: pytest.MonkeyPatch) -> None:
    """The ledger says SUCCEEDED while names in the store are not durable."""
    patch.setattr(store, "fsync_dir", lambda folder: None)


# ------------------------------------------------------------------ the books


def intents_are_free(patch: pytest.MonkeyPatch) -> None:
    """What may have been sent does not count as spent."""
    fates = {state: fate for state, fate in spending._FATES.items() if state is not State.INTENT}
    patch.setattr(spending, "_FATES", fates)


def booked_with_the_answer(patch: pytest.MonkeyPatch) -> None:
    """The booking is not written with the intent, but when the task is known."""
    bookings: dict[str, Any] = {}
    submitted = ledger.SqliteLedger.submitted

    def noted(self: Any, attempt_id: str, task_id: str, **fields: Any) -> None:
        submitted(self, attempt_id, task_id, **fields)
        if attempt_id in bookings:
            with self._database.transaction() as connection:
                books.book(connection, attempt_id, bookings.pop(attempt_id))

    patch.setattr(
        attempts,
        "book",
        lambda connection, attempt_id, booking: bookings.update({attempt_id: booking}),
    )
    patch.setattr(ledger.SqliteLedger, "submitted", noted)


def held_anew_at_every_pass(patch: pytest.MonkeyPatch) -> None:
    """Every pass notes that each edit has another result."""
    _holdings_seen_as(patch, lambda holdings: [])


def payment_never_used_up(patch: pytest.MonkeyPatch) -> None:
    """Whoever paid once has paid for every time that the result is held."""
    _holdings_seen_as(
        patch, lambda holdings: [dataclasses.replace(each, reused=True) for each in holdings]
    )


def _holdings_seen_as(
    patch: pytest.MonkeyPatch, bent: Callable[[Sequence[Holding]], Sequence[Holding]]
) -> None:
    def note(config: Any, ledger: Any, *rest: Any, **fields: Any) -> None:
        real = ledger.books
        seen = SimpleNamespace(
            holdings=lambda edits: bent(real.holdings(edits)),
            find_held_keys=lambda environment: {
                holding.edit: holding.key
                for holding in bent(real.holdings())
                if holding.environment == environment
            },
            entries=real.entries,
            hold=real.hold,
        )
        bookkeeping.note_holdings(config, SimpleNamespace(books=seen), *rest, **fields)  # type: ignore[arg-type]

    patch.setattr(session, "note_holdings", note)


# ------------------------------------------------------------------ what nobody asks for any more


def refusal_is_a_yes(patch: pytest.MonkeyPatch) -> None:
    """A task counts as cancelled once that was asked for, whatever the service says."""

    async def believe(context: Any, work: Any) -> bool:
        task_id = context.ledger.attempt(work.attempt_id, now=context.clock.now()).task_id
        with contextlib.suppress(ServiceError):
            await context.client.cancel(task_id)
        await context_of_attempts.close(context, work.attempt_id, State.CANCELED)
        return True

    patch.setattr(executor, "cancel_waiting_task", believe)


def obsolete_is_not_collected(patch: pytest.MonkeyPatch) -> None:
    """What cannot be cancelled, since it runs, is left at the service."""
    real = executor.cancel_waiting_task

    async def leave(context: Any, work: Any) -> bool:
        await real(context, work)
        return True

    patch.setattr(executor, "cancel_waiting_task", leave)
    patch.setattr(obsolete, "_may_wait", lambda attempt, config: attempt.state is State.SUBMITTED)


def only_this_environment_counts(patch: pytest.MonkeyPatch) -> None:
    """What no edit of this environment asks for is cancelled, whoever else waits for it."""
    patch.setattr(books.SqlBooks, "environment", lambda self, attempt_id: mock.ANY)
    patch.setattr(obsolete, "list_other_environments", lambda config: ())


# ------------------------------------------------------------------ what was wrong once


def orphan_in_silence(patch: pytest.MonkeyPatch) -> None:
    """An undecided request that no edit asks for any more is in no exit code."""
    patch.setattr(Plan, "undecided", ())


def folder_taken_for_durable(patch: pytest.MonkeyPatch) -> None:
    """A folder that is there is believed, though a killed run may have made it and not its name."""

    def make_dirs(folder: Path) -> None:
        if not folder.is_dir():
            make_dirs(folder.parent)
            folder.mkdir()
            files.fsync_dir(folder.parent)

    for module in (cache, sqlite, files, holder, store):
        patch.setattr(module, "make_dirs", make_dirs)


def cache_makes_the_folder(patch: pytest.MonkeyPatch) -> None:
    """The folder of the ledger's folder is made by the cache, which made nothing durable."""
    patch.setattr(cache, "make_dirs", lambda folder: folder.mkdir(parents=True, exist_ok=True))


def record_taken_for_durable(patch: pytest.MonkeyPatch) -> None:
    """A record that is there is believed when the ledger catches up."""
    patch.setattr(store.FolderStore, "confirm", lambda self, result: None)


def own_task_refused(patch: pytest.MonkeyPatch) -> None:
    """A person cannot give an undecided request a task that the ledger has seen."""
    patch.setattr(
        ledger.SqliteLedger,
        "owner",
        lambda self, task_id: "another" if self.knows_task(task_id) else None,
    )


# ------------------------------------------------------------------ two at once


def store_read_first(patch: pytest.MonkeyPatch) -> None:
    """What the store said before the ledger was asked is taken for what is."""
    ask = lookup.Lookup._ask_store

    def ask_once(self: Any, keys: Iterable[str]) -> Any:
        asked = self.__dict__.setdefault("_asked_before", set())
        new = set(keys) - asked
        asked |= new
        return ask(self, new) if new else {}

    patch.setattr(lookup.Lookup, "_ask_store", ask_once)


def late_answer_refused(patch: pytest.MonkeyPatch) -> None:
    """An answer for an attempt that has moved on is an error, and its task is known to nobody."""

    submitted = attempts.SqlLedger.submitted

    def refuse(self: Any, attempt_id: str, task_id: str, **fields: Any) -> None:
        now = self.attempt(attempt_id, now=0.0)
        moved_on = attempts._find_move(attempt_id, now.state, now.task_id, task_id)
        if moved_on is not None and not fields.get("adopted"):
            raise LedgerError(moved_on.message)
        submitted(self, attempt_id, task_id, **fields)

    patch.setattr(attempts.SqlLedger, "submitted", refuse)


def rival_stops_all(patch: pytest.MonkeyPatch) -> None:
    """A key or a lane that somebody else has taken is an error of the ledger, which ends the
    sending.
    """

    def tell(self: Any, intent: Any) -> ledger.AlreadyOpen:
        return ledger.AlreadyOpen(f"{intent.edit} has an attempt that is not over.")

    learn = carry.Carrier.learn

    def stop(self: Any, error: Any, lane: Any = None) -> None:
        if isinstance(error, ledger.AlreadyOpen):
            self.send_nothing_more(error)
        learn(self, error, lane)

    patch.setattr(attempts.SqlLedger, "_tell_what_is_open", tell)
    patch.setattr(carry.Carrier, "learn", stop)


def hold_in_two_steps(patch: pytest.MonkeyPatch) -> None:
    """What is noted was chosen before, and another process notes the same in between."""
    hold = books.SqlBooks.hold

    def choose_and_hold(self: Any, choose: Callable[[], Iterable[Holding]]) -> None:
        chosen = list(choose())
        hold(self, choose)
        hold(self, lambda: chosen)

    patch.setattr(books.SqlBooks, "hold", choose_and_hold)


MUTANTS: dict[str, Mutant] = {
    mutant.__name__: mutant
    for mutant in (
        save_after_post,
        lane_released,
        no_settle,
        no_lock,
        download_unverified,
        start_up_forgets_intents,
        any_stranger_is_ours,
        young_unknown_is_lost,
        any_prompt_is_ours,
        blob_renamed_before_fsync,
        output_renamed_before_fsync,
        succeeded_before_stored,
        folder_taken_for_durable,
        cache_makes_the_folder,
        record_taken_for_durable,
        own_task_refused,
        orphan_in_silence,
        refusal_is_a_yes,
        obsolete_is_not_collected,
        only_this_environment_counts,
        intents_are_free,
        booked_with_the_answer,
        held_anew_at_every_pass,
        payment_never_used_up,
        store_read_first,
        late_answer_refused,
        rival_stops_all,
        hold_in_two_steps,
        *CREDULOUS,
    )
}
