"""Stages add up: each has its own time, on whatever clock, and nothing where nobody asks."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.system.stages import Stage, record_stages, time_stage


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def read(self) -> float:
        return self.at_s


def test_an_inner_stage_is_not_counted_twice() -> None:
    """What `ledger` takes inside `keys` is no time of `keys`; runs and counts are sums."""
    hand = Hand()
    with record_stages(hand.read) as stages:
        with time_stage("keys", 3) as stage:
            hand.at_s += 1
            for _ in range(2):
                with time_stage("ledger", 5):
                    hand.at_s += 10
                    with time_stage("disk"):
                        hand.at_s += 0.5
            stage.count += 1
            hand.at_s += 2
        with time_stage("ledger"):
            hand.at_s += 4
    assert stages.by_name == {
        "disk": Stage(1.0, 2, 0),
        "ledger": Stage(24.0, 3, 10),
        "keys": Stage(3.0, 1, 4),
    }


def test_a_stage_that_fails_is_told() -> None:
    """The time before an error was spent as well, and the next stage begins anew."""
    hand = Hand()
    with record_stages(hand.read) as stages:
        with pytest.raises(OSError, match="full"), time_stage("store"):
            hand.at_s += 7
            raise OSError("full")
        with time_stage("show"):
            hand.at_s += 1
    assert [stage.seconds for stage in stages.by_name.values()] == [7.0, 1.0]


def test_a_pass_in_a_thread_is_recorded() -> None:
    """`apply` makes its passes beside the loop."""

    def look() -> None:
        with time_stage("store", 2):
            pass

    with record_stages(Hand().read) as stages:
        asyncio.run(asyncio.to_thread(look))
    assert stages.by_name == {"store": Stage(0.0, 1, 2)}


def test_nothing_is_recorded_unasked() -> None:
    """Outside of a recording a stage is thrown away."""
    with record_stages(Hand().read) as stages:
        pass
    with time_stage("store", 2):
        pass
    assert stages.by_name == {}
