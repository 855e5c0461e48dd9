"""What every lock promises: one holder at a time, who it is, since when, and for which command."""

from __future__ import annotations

import pytest

from reconciler.errors import Locked
from reconciler.state.lock import Lock

NOW = 1_800_000_000.0


def test_one_holder_at_a_time(lock: Lock) -> None:
    """Who comes second is refused at once, and told who holds it, since when and for what."""
    with (
        lock.hold(command="cutlist watch", now=NOW),
        pytest.raises(Locked) as told,
        lock.hold(command="cutlist apply", now=NOW),
    ):
        pass
    assert "cutlist watch" in told.value.message
    assert "since 2027-01-15 08:00:00 UTC" in told.value.message
    assert told.value.exit_code == 7


def test_who_holds_it(lock: Lock) -> None:
    """Asking does not take it, and tells the same; nobody holds it before and after."""
    assert lock.find_holder() is None
    with lock.hold(command="cutlist gc", now=NOW):
        holder = lock.find_holder()
        assert holder is not None
        assert (holder.command, holder.since) == ("cutlist gc", "2027-01-15 08:00:00 UTC")
        assert holder.process
    assert lock.find_holder() is None


def test_free_again(lock: Lock) -> None:
    """It is free after the block, also after one that raised."""
    for _ in range(2):
        with pytest.raises(ValueError, match="out"), lock.hold(command="a", now=NOW):
            raise ValueError("out")
    with lock.hold(command="a", now=NOW):
        pass
