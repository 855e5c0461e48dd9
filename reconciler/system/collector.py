"""Keeps Python's collector of cycles from looking through what a pass builds up."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 1_000_000  # more than a plan of 10,000 edits makes


@contextmanager
def pause_collector() -> Iterator[None]:
    """Collect no cycles for the length of a block, or of a function that is decorated with it.

    A pass makes many values that live as long as it does, and hardly a cycle. Looking through them
    again and again takes a fifth of a plan of 10,000 edits and frees nothing.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:  # of blocks at the same time, the first that began
            gc.enable()


@contextmanager
def collect_seldom() -> Iterator[None]:
    """Look for cycles only among a million values, for the length of a block: for what ends soon
    after a pass, which would be looked through as the pass ends.
    """
    before = gc.get_threshold()
    gc.set_threshold(_MANY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
