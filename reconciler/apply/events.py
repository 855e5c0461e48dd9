"""What happens during an apply, as plain values for whoever watches. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import ParamSpec, Protocol, TypeVar

from reconciler.formats.values import value


class Phase(StrEnum):
    """Where one edit is on its way."""

    WAITING = "waiting"  # for an upstream edit, or for its turn
    UPLOADING = "uploading"
    SUBMITTING = "submitting"
    SETTLING = "settling"  # sent, answer unknown: the service is asked
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FETCHING = "fetching"
    WRITTEN = "written"
    FAILED = "failed"
    CANCELLED = "cancelled"  # a task that no edit asks for any more, while it waited: free


@value(frozen=True, slots=True)
class Event:
    """Something that people would like to know. `at` is monotonic time in seconds."""

    name: str
    phase: Phase
    at: float
    note: str = ""
    task_id: str = ""
    output: str = ""
    done_bytes: int = 0
    total_bytes: int | None = None
    usual_s: float = 0.0  # how long tasks of the model usually take
    billed_s: float = 0.0
    price: float | None = None


Observer = Callable[[Event], None]
Given = ParamSpec("Given")
Answer = TypeVar("Answer", covariant=True)


async def run_in_thread(
    function: Callable[Given, Answer], /, *args: Given.args, **kwargs: Given.kwargs
) -> Answer:
    """Run synchronous code in a thread of asyncio's pool."""
    import asyncio  # lazy: start-up time

    return await asyncio.to_thread(function, *args, **kwargs)


class RunBlocking(Protocol):
    """Runs synchronous code where it does not hold up the loop; run_in_thread is one."""

    def __call__(
        self,
        function: Callable[Given, Answer],
        /,
        *args: Given.args,
        **kwargs: Given.kwargs,
    ) -> Awaitable[Answer]: ...
