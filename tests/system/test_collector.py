"""The collector of cycles is as it was before, whatever became of the work."""

from __future__ import annotations

import gc

import pytest

from reconciler.system.collector import collect_seldom, pause_collector


def test_what_ends_soon_is_not_looked_through() -> None:
    """No collection while a pass and what follows it build up many values, and then as before."""
    before = gc.get_threshold()
    with pytest.raises(KeyError), collect_seldom():
        runs = [each["collections"] for each in gc.get_stats()]
        with pause_collector():
            values = [[number] for number in range(100_000)]
        more = [[number] for number in range(100_000)]
        assert len(values) == len(more)
        assert [each["collections"] for each in gc.get_stats()] == runs
        raise KeyError
    assert (gc.get_threshold(), gc.isenabled()) == (before, True)
