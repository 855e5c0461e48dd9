"""Keeps Python from looking through what a pass builds up, and from taking it apart in the end."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_MANY = 1_000_000  # more than a plan of 10,000 edits makes
_LARGE = 500  # edits, of what is not worth taking apart
_kept: list[object] = []


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


def collect_now() -> None:
    """Look for cycles among everything: where nobody waits, so that nobody is held up later."""
    gc.collect()


def keep_until_exit(value: object, size: int) -> None:
    """Keep a value of so many edits, if they are many, for the process to leave with: taking it
    apart takes a tenth of the time that it took to make.
    """
    if size > _LARGE:
        _kept.append(value)
        gc.freeze()  # nor is it looked through any more


def leave(code: int) -> NoReturn:
    """End the process with an exit code, its output being written: at once where a large value is
    kept.
    """
    if _kept:
        os._exit(code)
    sys.exit(code)
