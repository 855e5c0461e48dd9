"""Bad protocols, put in place by the tests alone: the simulation must catch each within a few hundred seeds."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reconciler import project
from reconciler.apply import attempt, executor, recover
from reconciler.apply import settle as settling
from reconciler.desired.job import Facts
from reconciler.errors import CutlistError
from reconciler.state import ledger
from reconciler.state.observed import State
from tests.simulation.world import run

WITHIN = 300


def caught_at(**settings: Any) -> int | None:
    """The first seed at which a promise is broken, or at which the program cannot go on."""
    for seed in range(WITHIN):
        try:
            if run(seed, **settings).broken:
                return seed
        except (CutlistError, AssertionError):
            return seed
    return None


def save_after_post(patch: pytest.MonkeyPatch) -> None:
    """The id is written down when the answer is there; nothing is written before the POST."""

    async def send_and_note(desk: Any, work: Any, prepared: Any, intent: Any) -> None:
        created = await desk.client.create(prepared.body, uses_oss=prepared.uses_oss)
        note = functools.partial(
            desk.ledger.intend,
            intent,
            request_sha256="",
            prompt=prepared.prompt,
            job=work.job.canonical,
            server_time=None,
        )
        await desk.block(note)
        await desk.block(functools.partial(desk.ledger.submitted, intent.id, created.task_id, at=desk.clock.now()))

    async def nothing_open(self: Any, work: Any, lane: Any, error: Any) -> None:
        return None

    patch.setattr(attempt, "_intend_and_send", send_and_note)
    patch.setattr(executor.Executor, "_settled", nothing_open)


def no_settle(patch: pytest.MonkeyPatch) -> None:
    """One look at the list, at once, and the request is taken for not sent."""
    real = settling.settle

    async def hasty(desk: Any, attempt_id: str) -> bool:
        return await real(dataclasses.replace(desk, settle_s=0.0), attempt_id)

    patch.setattr(executor, "settle", hasty)
    patch.setattr(recover, "settle", hasty)


def no_lock(patch: pytest.MonkeyPatch) -> None:
    """Two applies work on one store at the same time, and nothing in the ledger holds them apart."""

    @contextlib.contextmanager
    def open_door(*args: Any, **kwargs: Any) -> Iterator[None]:
        yield

    patch.setattr(project, "hold", open_door)
    patch.setattr(ledger, "_SCHEMA", ledger._SCHEMA.replace("create unique index", "create index"))


def unknown_is_lost(patch: pytest.MonkeyPatch) -> None:
    """A service that cannot be asked counts as a request that did not arrive."""

    async def given_up(self: Any, work: Any, lane: Any, error: Any) -> None:
        (attempt_id,) = self._desk.ledger.open_intents(lane.name)
        self._desk.ledger.end(attempt_id, State.NOT_SENT, at=self._desk.clock.now())

    patch.setattr(executor.Executor, "_settled", given_up)


def download_unverified(patch: pytest.MonkeyPatch) -> None:
    """Whatever arrives is stored."""
    patch.setattr(attempt, "_verified", lambda blob, usage: Facts("video", "mp4", blob.size_bytes, 16, 16, 5.0))


def start_up_forgets_intents(patch: pytest.MonkeyPatch) -> None:
    """An INTENT that an earlier run left open is closed without asking."""

    async def forgotten(desk: Any, tell: Any) -> None:
        for attempt_id in desk.ledger.open_intents():
            desk.ledger.end(attempt_id, State.NOT_SENT, at=desk.clock.now())

    patch.setattr(recover, "settle_intents", forgotten)


def any_stranger_is_ours(patch: pytest.MonkeyPatch) -> None:
    """Tasks that are known already are taken for the lost one."""
    patch.setattr(ledger.Ledger, "knows_task", lambda self, task_id: False)


MUTANTS: list[tuple[Callable[[pytest.MonkeyPatch], None], dict[str, Any]]] = [
    (save_after_post, {}),
    (no_settle, {}),
    (no_lock, {"rivals": True}),
    (unknown_is_lost, {}),
    (download_unverified, {}),
    (start_up_forgets_intents, {}),
    (any_stranger_is_ours, {}),
]


@pytest.mark.parametrize(("mutant", "settings"), MUTANTS, ids=[mutant.__name__ for mutant, _ in MUTANTS])
def test_mutant_is_caught(mutant: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The bad protocol breaks a promise that the simulation sees."""
    mutant(monkeypatch)
    assert caught_at(**settings) is not None


def test_two_applies_at_once_pay_once() -> None:
    """With the lock in place the second apply is turned away, and every promise is kept."""
    for seed in range(20):
        verdict = run(seed, rivals=True)
        assert verdict.broken == ""
        assert verdict.world.counters["locked out"] == 1
