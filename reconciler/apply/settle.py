"""Did a request arrive whose answer was lost? Asked of the service's list, and once more later.

The list shows ids, models and times of the account, but no inputs; so one intent at a time is open
in a lane, and what the ledger knows is taken away. What then is new is ours, or nobody can tell.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import suppress

from reconciler.apply.desk import Desk, NeedsPerson, close, persistently, unbroken
from reconciler.errors import Rejected
from reconciler.state.ledger import Intent
from reconciler.state.observed import State

LIST_EVERY_S = 10.0
INTENT_LIFE_S = 23 * 3600  # the list of the last 24 h proves nothing about an older intent
KNOWN_SKEW_S, UNKNOWN_SKEW_S = 5.0, 300.0
# after an adoption or NOT_SENT: a request that the network held back may still arrive
LOOK_AGAIN_S = 600.0


async def settle(desk: Desk, attempt_id: str) -> bool:
    """Find out whether the request of an open INTENT arrived. True: adopted; False: proved
    NOT_SENT.

    Asks the service's list until SETTLE has passed and one whole listing after that shows nothing
    new. Raises NeedsPerson when it stays undecided, and ServiceError when the service cannot be
    asked (the INTENT stays open).
    """
    attempt = desk.ledger.attempt(attempt_id, now=desk.clock.now())
    intent = desk.ledger.intent(attempt_id)
    if desk.clock.now() - intent.created_at > INTENT_LIFE_S:
        message = (
            "the run that sent it ended more than 23 h ago; the service's list proves nothing any"
            " more"
        )
        await close(desk, attempt_id, State.UNDECIDED, message=message)
        raise NeedsPerson(f"{attempt.edit}: {message}.")
    deadline = desk.clock.monotonic() + desk.settle_s
    while True:
        last_look = desk.clock.monotonic() >= deadline
        found = sorted(await persistently(desk, functools.partial(strangers, desk, intent)))
        if len(found) == 1:
            await _adopt(desk, attempt_id, found[0])
            return True
        if len(found) > 1:
            message = f"{len(found)} tasks could be it: {', '.join(found)}"
            await close(desk, attempt_id, State.UNDECIDED, message=message)
            raise NeedsPerson(f"{attempt.edit}: {message}.")
        if last_look:
            await close(
                desk,
                attempt_id,
                State.NOT_SENT,
                message="not in the service's list",
                look_again_s=LOOK_AGAIN_S,
            )
            return False
        await desk.clock.sleep(min(LIST_EVERY_S, max(deadline - desk.clock.monotonic(), 0.05)))


async def _adopt(desk: Desk, attempt_id: str, task_id: str) -> None:
    now = desk.clock.now()
    call = functools.partial(
        desk.ledger.submitted, attempt_id, task_id, at=now, adopted=True, look_at=now + LOOK_AGAIN_S
    )
    await unbroken(desk.block(call))


async def second_look(desk: Desk, attempt_id: str) -> Mapping[str, str]:
    """Look once more for a task that a given-up or adopted request made after all.

    A task that is still PENDING is cancelled, which is free; any other is written down as a stray.
    Returns what was done by task id: `cancelled` or `stray`. May be repeated. Raises ServiceError
    when the service cannot be asked.
    """
    intent = desk.ledger.intent(attempt_id)
    done = {}
    for task_id, status in sorted(
        (await persistently(desk, functools.partial(strangers, desk, intent))).items()
    ):
        done[task_id] = "stray"
        if status == "PENDING":
            with suppress(Rejected):  # it runs by now
                await desk.client.cancel(task_id)
                done[task_id], status = "cancelled", "CANCELED"
        call = functools.partial(
            desk.ledger.stray,
            task_id,
            attempt_id,
            status,
            at=desk.clock.now(),
            open_question=done[task_id] == "stray",
        )
        await unbroken(desk.block(call))
    await unbroken(desk.block(desk.ledger.looked, attempt_id))
    return done


async def strangers(desk: Desk, intent: Intent) -> dict[str, str]:
    """Status by id of the account's tasks of the intent's model, created since then, that the
    ledger does not know.
    """
    since = (
        intent.server_time - KNOWN_SKEW_S
        if intent.server_time
        else intent.created_at - UNKNOWN_SKEW_S
    )
    model, found, page = intent.job["model"], {}, 1
    while True:
        answer = await desk.client.list_tasks(page_no=page)
        for row in answer.rows:
            if row.task_id is None or desk.ledger.knows_task(row.task_id):
                continue
            fits = row.model in (None, model) and (row.created_at or since) >= since
            if fits:
                found[row.task_id] = row.status
            else:
                desk.others.add(row.task_id)
        if page >= (answer.pages or 0) or not answer.rows:
            return found
        page += 1
