"""Doors: floods are held off, and never by keeping out who signs."""

from __future__ import annotations

import pytest

from reconciler.controller.hooks import MOST_AT_ONCE, MOST_STRANGERS_AT_ONCE, Doors
from reconciler.controller.webhooks import Hint, LookAtBranch, WebhookRefused
from reconciler.formats.secret import Secret
from tests.clock import FakeClock
from tests.controller.deliveries import PUSH, SECRET, send_github

MAIN = LookAtBranch("refs/heads/main")


def take(doors: Doors, number: int, name: str = "spring", signed: bool = True) -> Hint | int | None:
    """The hint of a push, or the status with which it is refused."""
    headers, body = send_github("push", {**PUSH, "number": number}, f"d-{number}")
    if not signed:
        headers["X-Hub-Signature-256"] = "sha256=0"
    try:
        return doors.take(name, headers, body)
    except WebhookRefused as error:
        return error.status.value


def test_a_flood_of_signed_webhooks() -> None:
    """So many at once, then as many as time gives; another Sync has its own."""
    clock = FakeClock()
    doors = Doors({"spring": Secret(SECRET), "autumn": Secret(SECRET)}, clock)
    answers = [take(doors, n) for n in range(MOST_AT_ONCE + 3)]
    assert answers == [MAIN] * MOST_AT_ONCE + [429] * 3
    assert take(doors, 1, "autumn") == MAIN
    clock.advance(1.0)
    # what was refused for the flood was not taken, so the sender may send it again
    assert [take(doors, MOST_AT_ONCE + n) for n in range(3)] == [MAIN, MAIN, 429]
    clock.advance(3600.0)
    assert [take(doors, 100 + n) for n in range(MOST_AT_ONCE + 1)][-2:] == [MAIN, 429]


def test_a_flood_of_strangers_keeps_nobody_out() -> None:
    """Wrong signatures meet a bound of their own."""
    doors = Doors({"spring": Secret(SECRET)}, FakeClock())
    answers = [take(doors, n, signed=False) for n in range(1000)]
    assert answers == [401] * MOST_STRANGERS_AT_ONCE + [429] * (1000 - MOST_STRANGERS_AT_ONCE)
    assert take(doors, 1) == MAIN


def test_replays_count_as_the_senders_own() -> None:
    """Who has caught a delivery cannot send it for ever."""
    doors = Doors({"spring": Secret(SECRET)}, FakeClock())
    answers = [take(doors, 1) for _ in range(MOST_AT_ONCE + 1)]
    assert answers == [MAIN] + [409] * (MOST_AT_ONCE - 1) + [429]


@pytest.mark.parametrize("name", ["shut", "unknown", ""])
def test_no_secret_and_no_sync_look_alike(name: str) -> None:
    """Nobody learns which Syncs there are."""
    assert take(Doors({"shut": Secret("")}, FakeClock()), 1, name) == 404


def test_documents_are_read_anew() -> None:
    """Who stays keeps what it has seen, a changed secret counts at once, who goes is gone."""
    doors = Doors({"spring": Secret(SECRET)}, FakeClock())
    assert take(doors, 1) == MAIN
    doors.change({"spring": Secret(SECRET)})
    assert take(doors, 1) == 409
    doors.change({"spring": Secret("another")})
    assert take(doors, 2) == 401
    doors.change({})
    assert take(doors, 3) == 404
