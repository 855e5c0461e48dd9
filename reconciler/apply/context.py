"""The context of attempts: the injected things they work with, and two ways to wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from reconciler.apply.endurance import Endurance
from reconciler.apply.events import Event, Observer, Phase, RunBlocking
from reconciler.apply.lanes import Pacer, SharedPacer
from reconciler.apply.roll import Roll
from reconciler.apply.sightings import Sightings
from reconciler.apply.unbroken import run_unbroken
from reconciler.apply.watching import TaskWatch
from reconciler.apply.work import Work
from reconciler.desired.tree import File
from reconciler.errors import (
    EXIT_NEEDS_PERSON,
    CutlistError,
    NotReached,
    OutcomeUnknown,
    ServiceError,
    UnfitAnswer,
)
from reconciler.service.answers import TaskAnswer
from reconciler.service.client import Client
from reconciler.service.models import Models
from reconciler.service.pages import ListPage
from reconciler.service.retry import choose_backoff, is_end_of_reading
from reconciler.state.ledger import Ledger, MovedOn, SpendingLimit
from reconciler.state.observed import Attempt, State
from reconciler.state.spill import Spill
from reconciler.state.store import Store
from reconciler.system.clock import Clock

P = ParamSpec("P")
T = TypeVar("T")

# of what was certainly not accepted: not reached, or too fast; and of what leads up to a submit
SUBMIT_TRIES = 5
# of an answer that does not pass the gate, when a paid task is looked at: what is wrong with it
# will hardly pass, and the task stays for the next run
UNFIT_TRIES = 10
PAGE_SIZE = 100  # rows of a page of the account's list


class TaskFailed(ServiceError):
    """The task ended without a video; nothing is billed."""


class NeedsPerson(CutlistError):
    """Nobody but a person can tell what happened; nothing is sent for this job until they do."""

    exit_code = EXIT_NEEDS_PERSON


class Unsettled(CutlistError):
    """A request was sent, its answer was lost, and the service cannot be asked; the next run asks
    before it sends.
    """


@dataclass(frozen=True, slots=True)
class Context:
    """What attempts work with; everything of the outside world is injected."""

    connection: Client | None  # None: nothing has to be asked or sent
    find_file: Callable[[str], File]  # a file of the project by its name there. Raises Unusable
    store: Store
    ledger: Ledger
    clock: Clock
    observer: Observer
    block: RunBlocking  # runs synchronous code where it does not hold up the loop
    endpoint: str
    account: str
    loopback: bool
    settle_s: float
    models: Models
    spill: Spill
    sightings: Sightings
    # of looks, pages of the list and downloads; None: no limit
    questions: Pacer | SharedPacer | None = None
    watch: TaskWatch | None = None  # None where there is no connection
    roll: Roll = field(default_factory=Roll)
    endurance: Endurance | None = None  # None: whatever is away ends the work
    # what its day still allows for a request, when that is sent; None: there is no limit
    find_limit: Callable[[Work], SpendingLimit | None] | None = None

    @property
    def client(self) -> Client:
        assert self.connection is not None
        return self.connection

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        """`call`, again and again while ledger or store are away."""
        return await (call() if self.endurance is None else self.endurance.outlast(call))

    async def run_blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run synchronous code where it does not hold up the loop; what it returns or raises."""
        answer: T = await self.block(lambda: function(*args, **kwargs))
        return answer

    @property
    def task_watch(self) -> TaskWatch:
        assert self.watch is not None
        return self.watch

    async def take_turn(self) -> None:
        """Wait until the service may be asked something, or for the bytes of a result."""
        if self.questions is not None:
            await self.questions.wait()

    def is_here(self, attempt: Attempt) -> bool:
        """Whether the service can be asked about an attempt: it was made for this very account."""
        return attempt.is_of(self.endpoint, self.account)

    def emit(
        self,
        edit: str,
        phase: Phase,
        *,
        note: str = "",
        task_id: str = "",
        output: str = "",
        done_bytes: int = 0,
        total_bytes: int | None = None,
        usual_s: float = 0.0,
        billed_s: float = 0.0,
        price: float | None = None,
    ) -> None:
        """Tell whoever watches where an edit is on its way."""
        event = Event(
            edit,
            phase,
            self.clock.monotonic(),
            note=note,
            task_id=task_id,
            output=output,
            done_bytes=done_bytes,
            total_bytes=total_bytes,
            usual_s=usual_s,
            billed_s=billed_s,
            price=price,
        )
        self.observer(event)


async def retry_until_answered(
    context: Context,
    call: Callable[[], Awaitable[T]],
    *,
    tries: int | None = SUBMIT_TRIES,
    work: Work | None = None,
) -> T:
    """Repeat a harmless call until it works, its error cannot pass, or `tries` are used up (None:
    never, but for answers that cannot be read, of which UNFIT_TRIES are enough).
    """
    failures = unfit = 0
    while True:
        try:
            return await call()
        except ServiceError as error:
            failures += 1
            temporary = isinstance(error, OutcomeUnknown | NotReached) or error.status == 429
            unfit += isinstance(error, UnfitAnswer)
            used_up = unfit >= UNFIT_TRIES or (tries is not None and failures >= tries)
            if is_end_of_reading(error) or not temporary or used_up:
                raise
            if work is not None:
                context.emit(work.edit, Phase.WAITING, note=f"{error} It is tried again")
        await context.clock.sleep(choose_backoff(failures, context.clock.random()))


async def fetch_task(
    context: Context, task_id: str, *, tries: int | None = SUBMIT_TRIES, work: Work | None = None
) -> TaskAnswer:
    """What the service says of a task, asked until it says something."""

    async def fetch() -> TaskAnswer:
        await context.take_turn()
        return await context.client.fetch(task_id)

    return await retry_until_answered(context, fetch, tries=tries, work=work)


async def read_page(context: Context, number: int, *, status: str = "") -> ListPage:
    """One page of the account's list, or of its tasks in a status; asked once."""
    await context.take_turn()
    return await ask_page(context, number, status=status)


async def ask_page(context: Context, number: int, *, status: str = "") -> ListPage:
    """The same, by whoever keeps a pace of its own."""
    return await context.client.list_tasks(page_no=number, page_size=PAGE_SIZE, status=status)


def tell_disowned(attempt: Attempt) -> MovedOn:
    """Why an attempt that had a task is not followed any more."""
    return MovedOn(f"the task of {attempt.edit} was found not to be its own.")


async def close(
    context: Context,
    attempt_id: str,
    state: State,
    code: str = "",
    message: str = "",
    request_id: str = "",
    look_again_s: float | None = None,
    baseline: int | None = None,
) -> None:
    """Close an attempt, or mark it UNDECIDED. `look_again_s`: when to look once more for a task it
    made after all, held against the reading `baseline`.
    """
    now = context.clock.now()
    look_at = None if look_again_s is None else now + look_again_s

    def end() -> Awaitable[None]:
        return context.run_blocking(
            context.ledger.end,
            attempt_id,
            state,
            at=now,
            code=code,
            message=message,
            request_id=request_id,
            look_at=look_at,
            baseline=baseline,
        )

    await run_unbroken(context.outlast(end))
