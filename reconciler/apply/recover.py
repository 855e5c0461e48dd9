"""What an earlier run left open is put right before anything is sent: spilled task ids, intents,
second looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from reconciler.apply.baseline import read_listing
from reconciler.apply.context import Context, NeedsPerson
from reconciler.apply.lanes import name_lane
from reconciler.apply.late import follow_late
from reconciler.apply.settle import LOOK_AGAIN_S, settle, take_second_look
from reconciler.errors import LedgerError, ServiceError
from reconciler.formats.untrusted import is_task_id, make_plain_line
from reconciler.formats.words import format_count
from reconciler.state.ledger import MovedOn, NoAttempt, TaskTaken
from reconciler.state.observed import Attempt, State
from reconciler.state.spill import Spilled

Tell = Callable[[str], None]


def has_open_work(context: Context) -> bool:
    """Whether the service has to be asked about anything earlier runs left open."""
    ledger = context.ledger
    return ledger.has_failed_over() or bool(ledger.left_intents()) or bool(_looks_due(context))


def _looks_due(context: Context) -> Sequence[str]:
    """Second looks that are due by this machine's clock; whether it is right the service says."""
    return context.ledger.looks_due(now=context.clock.now(), most_s=LOOK_AGAIN_S)


def take_in_spill(context: Context, tell: Tell) -> None:
    """Task ids that could not be recorded when they came are recorded now. Asks nobody. Raises
    LedgerError.
    """
    notes = context.spill.read()
    taken_in = [_take_in_note(context, note, tell) for note in notes]
    if notes and all(taken_in):
        context.spill.clear()


def _take_in_note(context: Context, note: Spilled, tell: Tell) -> bool:
    """Record one task of the spill file. False: it has to stay there."""
    try:
        attempt = context.ledger.attempt(note.attempt_id, now=context.clock.now())
    except NoAttempt:
        return _is_known(context, note, tell)
    if attempt.task_id == note.task_id:
        return True
    named, edit = make_plain_line(note.task_id), attempt.edit
    if not is_task_id(note.task_id):  # nobody can be asked about it but a person
        context.ledger.named(note.attempt_id, named)
        tell(
            f'{edit}: an answer called its task "{named}", which is no task id; the ledger has it'
            " now."
        )
        return True
    try:
        _record(context, attempt, note)
    except MovedOn as error:
        tell(f"{edit}: of the spill file: {error.message} {error.hint}".rstrip())
    except TaskTaken as error:
        tell(f"{edit}: the spill file names its task, but {error.message}")
    else:
        tell(f"{edit}: its task {named} was in the spill file and is in the ledger now.")
    return True


def _record(context: Context, attempt: Attempt, note: Spilled) -> None:
    """Raises TaskTaken; MovedOn where the task stays a stray."""
    try:
        context.ledger.submitted(
            note.attempt_id, note.task_id, at=note.at, request_id=note.request_id
        )
    except MovedOn:
        follow_late(context, attempt, note.task_id)


def _is_known(context: Context, note: Spilled, tell: Tell) -> bool:
    """Whether the task of a request that this ledger never heard of is known all the same: a person
    may have linked it. It is paid, and told until then.
    """
    if context.ledger.knows_task(note.task_id):
        return True
    tell(
        f"warning: the spill file names the task {make_plain_line(note.task_id)}, of a request that"
        " this ledger never heard of. Was an older ledger put back? The task is paid: link it with"
        " `cutlist import EDIT --task TASK_ID`, within 24 h of its request."
    )
    return False


def catch_up(context: Context) -> None:
    """A kill between result and ledger: the store has the result, so the ledger says SUCCEEDED.
    Asks nobody.
    """
    attempts = [
        attempt
        for attempt in context.ledger.find_open_attempts(now=context.clock.now())
        if attempt.state is State.SUBMITTED
        or (attempt.state is State.UNDECIDED and attempt.task_id is not None)
    ]
    stored = context.store.find_results({attempt.key for attempt in attempts}).results
    for attempt in attempts:
        for result in stored.get(attempt.key, ()):
            if result.task.get("task_id") == attempt.task_id:
                context.store.confirm(result)
                with suppress(MovedOn):
                    context.ledger.end(attempt.id, State.SUCCEEDED, at=context.clock.now())
                break
    context.store.sweep()


async def account_for_lost(context: Context, tell: Tell) -> None:
    """Where the ledger may have lost its last commits: hold the account's whole list of 24 h
    against it, and write every task that it does not know down as a stray. What was on its way
    then is given time to arrive. Raises NeedsPerson where there are such tasks, or the list cannot
    be read whole; ServiceError.
    """
    ledger = context.ledger
    if not ledger.has_failed_over():
        return
    tell(
        "The ledger lies on another server than before, which may have lost what was written last."
        " Asking the service which tasks there are …"
    )
    await context.clock.sleep(context.settle_s)
    listing = await read_listing(context)
    if not listing.is_whole:
        raise NeedsPerson(
            f"nothing was sent: the service's list {listing.faults[0]}, and the ledger may have"
            " lost what was sent last.",
            hint="Run apply again in a while.",
        )
    unknown = sorted(ledger.baselines.strangers(listing.rows.keys()))
    for task_id in unknown:
        row = listing.rows[task_id]
        lane = name_lane(context.endpoint, context.account, row.model or "unknown")
        note = ledger.strays.note_unknown
        await context.run_blocking(
            note, task_id, context.clock.new_id(), lane, row.status,
            endpoint=context.endpoint, at=context.clock.now(),
        )  # fmt: skip
    await context.run_blocking(ledger.accept_server)
    if unknown:
        tasks = format_count(len(unknown), "task")
        raise NeedsPerson(
            f"nothing was sent: the account has {tasks} of the last 24 h that the ledger does not"
            f" know ({', '.join(unknown[:3])}{', …' if len(unknown) > 3 else ''}). Requests whose"
            " notes were lost may have made them.",
            hint="Link yours: cutlist import EDIT --task TASK_ID; of the rest say cutlist resolve"
            " TASK_ID --abandon. What is not linked is paid again by the next apply.",
        )


async def settle_intents(context: Context, tell: Tell) -> None:
    """Settle every INTENT that an earlier run left open. What cannot be settled stays open, and its
    lane closed.
    """
    left = [
        context.ledger.attempt(attempt_id, now=context.clock.now())
        for attempt_id in context.ledger.left_intents()
    ]
    mine = [attempt for attempt in left if context.is_here(attempt)]
    if mine:
        names = ", ".join(attempt.edit for attempt in mine)
        tell(
            f"An earlier run ended while it was sending {names}. Asking the service whether it"
            " arrived …"
        )
    for attempt in mine:
        try:
            arrived = await settle(context, attempt.id)
        except NeedsPerson as error:
            tell(f"{attempt.edit}: {error.message}")
        except ServiceError as error:
            tell(
                f"{attempt.edit}: the service cannot be asked now ({error}). This model waits until"
                " it can."
            )
        else:
            task = (
                "found at the service and adopted; it will not be sent again"
                if arrived
                else "it did not arrive"
            )
            tell(f"{attempt.edit}: {task}.")
    context.roll.left_open = {attempt.id for attempt in left} & set(context.ledger.open_intents())


def tell_of_others(context: Context, tell: Tell) -> bool:
    """Say that the account has tasks this ledger never heard of, if a list has shown any. Returns
    whether it did.
    """
    if context.ledger.open_intents():
        return False  # one of them may be ours
    others = sorted(context.ledger.baselines.strangers(context.roll.strangers))
    if others:
        tasks = format_count(len(others), "task")
        tell(
            f"warning: the account {context.account} has {tasks} of the last 24 h that this project"
            f" did not make, as {others[0]}. Give cutlist an account of its own: a lost answer"
            " cannot be told from the tasks of others."
        )
    return bool(others)


def tell_of_doubt(context: Context, tell: Tell) -> bool:
    """Say that the list could not be read whole before a request, and what that means. Returns
    whether it did.
    """
    if context.roll.doubt:
        tell(
            f"warning: the service's list {context.roll.doubt}. It was asked which tasks there are"
            " before anything is sent; should an answer be lost, you may have to decide which task"
            " it is (cutlist resolve). Nothing is sent twice."
        )
    return bool(context.roll.doubt)


async def look_again(context: Context, tell: Tell) -> None:
    """The second looks that are due: a request that was held back may have arrived after all."""
    due = _looks_due(context)
    if due and not context.ledger.take_duty("second looks"):
        return
    for attempt_id in due:
        attempt = context.ledger.attempt(attempt_id, now=context.clock.now())
        if not context.is_here(attempt):
            continue
        try:
            task = await take_second_look(context, attempt_id)
        except (ServiceError, LedgerError):
            return  # it stays due
        for task_id, what in task.items():
            free = (
                "was still waiting and is cancelled, free"
                if what == "cancelled"
                else "is paid; see cutlist status"
            )
            tell(
                f"{attempt.edit}: a request that was given up has arrived after all. Its task"
                f" {task_id} {free}."
            )
