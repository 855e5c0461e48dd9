"""What somebody else does for a key that we were to send, or to follow: it is followed, waited for,
or told; never sent beside.

This is the seam for ledgers that several machines share. On one machine the lock leaves little of
it: an attempt that was open already, and answers that come late.
"""

from __future__ import annotations

from reconciler.apply.context import Context, NeedsPerson, TaskFailed
from reconciler.apply.events import Phase
from reconciler.apply.outcome import NotTried
from reconciler.apply.settle import settle
from reconciler.apply.work import Work
from reconciler.errors import ServiceError
from reconciler.state.observed import Attempt, Result, State

LOOK_EVERY_S = 1.0
TAKE_OVER_EVERY_S = 5.0
SEND_S = 120.0  # that somebody else may take to send, beside what settling takes
THEIRS = "another process had asked for it; its result is taken, and nothing is sent"
_OVER = (State.EXPIRED, State.LOST, State.REJECTED, State.ABANDONED)
_PAST = (*_OVER, State.FAILED)  # beyond which only a plan goes


async def find_theirs(context: Context, work: Work) -> Result | str | None:
    """What there is of a key that somebody else is at work on: its result, or the attempt to be
    followed. None: nothing stands against sending it.

    Raises NotTried where their request is still open after the time that settling takes, or ended
    so that only a person sends it again; TaskFailed, NeedsPerson as theirs did.
    """
    waited_s = 0.0
    while True:
        history = context.ledger.find_history({work.job.key}, now=context.clock.now())
        there = await context.run_blocking(context.store.find_first, work.job.key)
        if there is not None:
            return there
        if work.job.key not in history:
            return None
        last = history[work.job.key].last
        if last.state is not State.INTENT:
            return _judge(context, work, last)
        if waited_s >= context.settle_s + SEND_S or last.id in context.roll.intents:
            raise NotTried("not sent: whether its earlier request arrived is not settled yet.")
        if not waited_s:
            context.emit(work.edit, Phase.WAITING, note="another process is sending it")
        await _wait(context, waited_s)
        waited_s += LOOK_EVERY_S


async def wait_for_lane(context: Context, work: Work, lane: str) -> None:
    """Wait while somebody else sends in a lane. Raises NotTried for a request of this run or of
    those before it, which nobody could settle, and for one that stays open for longer than settling
    takes.
    """
    waited_s, earlier = 0.0, tuple[str, ...]()
    while found := tuple(context.ledger.open_intents(lane)):
        waited_s, earlier = waited_s if found == earlier else 0.0, found
        ours = {*context.roll.left_open, *context.roll.intents}.intersection(found)
        if ours or waited_s >= context.settle_s + SEND_S:
            raise NotTried(
                "not sent: whether an earlier request of this model arrived could not be settled"
                " yet."
            )
        if not waited_s:
            context.emit(work.edit, Phase.WAITING, note="another process is sending in its lane")
        await _wait(context, waited_s)
        waited_s += LOOK_EVERY_S


async def _wait(context: Context, waited_s: float) -> None:
    """Wait for the next look at what somebody else does; and now and then settle what a process
    left open that has died meanwhile.
    """
    await context.clock.sleep(LOOK_EVERY_S)
    if context.ledger.is_shared and waited_s % TAKE_OVER_EVERY_S == 0:
        for attempt_id in await context.run_blocking(context.ledger.left_intents):
            await _settle_left(context, attempt_id)


async def _settle_left(context: Context, attempt_id: str) -> None:
    """Settle an intent that was taken over from the dead; once, whoever waits for it here. What it
    comes to stands in the ledger.
    """
    roll = context.roll
    if attempt_id in {*roll.intents, *roll.left_open, *roll.settling}:
        return
    roll.settling.add(attempt_id)
    try:
        if context.is_here(context.ledger.attempt(attempt_id, now=context.clock.now())):
            await settle(context, attempt_id)
    except NeedsPerson:
        pass
    except ServiceError:
        roll.left_open.add(attempt_id)
    finally:
        roll.settling.discard(attempt_id)


def _judge(context: Context, work: Work, last: Attempt) -> str | None:
    """The attempt to be followed; None: it may be sent. Raises as `find_theirs`."""
    if last.id == work.after and (last.state in _PAST or last.id == work.loses):
        return None
    if last.state in (State.SUBMITTED, State.SUCCEEDED):
        if not context.is_here(last):
            raise NotTried(
                f"not sent: it was asked for at {last.endpoint}, for the account"
                f" {last.account or context.account}."
            )
        return last.id
    if last.state is State.UNDECIDED:
        raise NeedsPerson(
            last.message or "nobody can tell whether its request reached the service."
        )
    if last.state is State.FAILED:
        raise TaskFailed(last.message, code=last.code, request_id=last.request_id)
    if last.state in _OVER:
        raise NotTried(f"not sent: another process had asked for it, and it is {last.state}.")
    return None
