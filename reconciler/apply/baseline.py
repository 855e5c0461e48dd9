"""Reading the account's list, and keeping what it shows before a request is sent.

Costs one request for 100 tasks of the account's last 24 hours: before the first request of a run,
and then every ten minutes for as long as requests are sent. Of those who share a ledger, and ask
with one key, one reads for all.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from reconciler.apply.context import Context, read_page, retry_until_answered
from reconciler.apply.listing import Listing, put_together
from reconciler.apply.unbroken import run_unbroken
from reconciler.errors import LedgerError, NotReached, ServiceError, Throttled
from reconciler.service.pages import ListPage
from reconciler.service.retry import is_end_of_reading
from reconciler.state.ledger.parts import Readings

READ_TRIES = 3  # of a list that contradicts itself, before a request goes out beside it
PAUSE_S = 1.0  # between them
LOOK_EVERY_S = 1.0  # whether another process has read the list
_BAD_PAGES = 10  # that are still read for the ids in them, once one page has contradicted itself


async def read_listing(context: Context, due: Collection[str] = ()) -> Listing:
    """Read the account's list of the last 24 h to its end. May be repeated.

    `due` are tasks that must be in it beside those that this run was given. Raises ServiceError
    when the service cannot be asked.
    """
    known = {*due, *context.roll.due(now=context.clock.monotonic())}
    pages: list[ListPage] = []
    ids: set[str | None] = set()
    while True:
        page = await retry_until_answered(context, lambda: read_page(context, len(pages) + 1))
        pages.append(page)
        fresh = {row.task_id for row in page.rows} - ids
        ids |= fresh
        hopeless = len(pages) >= _BAD_PAGES and any(page.contradictions for page in pages)
        if not fresh or hopeless or len(pages) >= (page.pages or 0):
            return put_together(pages, known, context.client.server_time)


async def keep(context: Context, listing: Listing, *, read_at: float) -> int:
    """Make durable which tasks there are that the ledger does not know; the reading's number.

    What any reading of this run has shown stays in it: a list that leaves out a row does not make
    its task new.
    """
    roll = context.roll
    roll.strangers |= context.ledger.baselines.strangers(listing.rows.keys())
    roll.baseline = number = await context.run_blocking(
        context.ledger.baselines.keep,
        frozenset(roll.strangers),
        at=context.clock.now(),
        server_time=listing.server_time,
        is_whole=listing.is_whole,
    )
    roll.read_at = read_at
    return int(number)


async def take_baseline(context: Context, lane: str) -> None:
    """See to it that the next request of a lane has a reading that is young enough.

    A list that cannot be read, or contradicts itself, is kept as far as it was read, and
    `roll.doubt` says so. Raises NotReached, Throttled, and what stops everything: then nothing
    was sent.
    """
    roll = context.roll
    async with roll.turn:
        if not roll.serves(lane, now=context.clock.monotonic()):
            readings = context.ledger.readings
            if readings is None:
                await _read_and_keep(context)
            else:
                await _share(context, readings, most_s=roll.find_most_age_s(lane))
        roll.lanes.add(lane)


async def _share(context: Context, readings: Readings, *, most_s: float) -> None:
    """Use what another process has read, or is reading; else read, for all."""
    reader = f"{context.endpoint} {context.client.sender('')}"
    while True:
        found = await context.run_blocking(readings.find, reader, most_s=most_s)
        if found is not None:
            roll = context.roll
            roll.baseline, roll.doubt = found.number, ""
            roll.read_at = context.clock.monotonic() - found.age_s
            roll.strangers |= found.baseline.task_ids
            return
        begun_at = await context.run_blocking(readings.begin, reader)
        if begun_at is not None:
            break
        await context.clock.sleep(LOOK_EVERY_S)
    kept: int | None = None
    try:
        kept = await _read_and_keep(context)
    finally:
        with suppress(LedgerError):  # others wait no longer than for one that is dead
            await run_unbroken(context.run_blocking(readings.end, reader, begun_at, kept))


async def _read_and_keep(context: Context) -> int | None:
    """The number of the reading; None where it was not whole."""
    read_at = context.clock.monotonic()
    listing = await _read_before_sending(context)
    number = await keep(context, listing, read_at=read_at)
    context.roll.doubt = listing.faults[0] if listing.faults else ""
    return number if listing.is_whole else None


async def _read_before_sending(context: Context) -> Listing:
    tries = 0
    while True:
        try:
            listing = await read_listing(context)
        except ServiceError as error:
            if is_end_of_reading(error) or isinstance(error, NotReached | Throttled):
                raise
            return Listing({}, (f"cannot be read ({error})",), context.client.server_time)
        tries += 1
        if listing.is_whole or tries >= READ_TRIES:
            return listing
        await context.clock.sleep(min(PAUSE_S, context.settle_s / 10))
