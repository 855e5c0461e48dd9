"""The event loop of a command."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def run_in_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own. Ctrl-C raises KeyboardInterrupt at any moment."""
    with interrupts_told():
        return asyncio.run(coroutine)


@contextmanager
def interrupts_told() -> Iterator[None]:
    """Make a KeyboardInterrupt of a cancellation that leaves a loop: nobody else cancels.

    asyncio forgets a Ctrl-C that comes between the instant in which it starts to hear signals and
    the next one, in which it starts to count them.
    """
    try:
        yield
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
