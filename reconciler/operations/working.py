"""What workers need of a project: where they run, and where an apply leaves the work to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from reconciler.apply.connection import (
    build_context,
    check_key,
    connect_context,
    reach_service,
)
from reconciler.apply.context import Context
from reconciler.apply.events import Event, RunBlocking
from reconciler.config import Config
from reconciler.errors import CutlistError
from reconciler.operations.shared import (
    find_address,
    find_shared_id,
    open_ledger,
    require_shared_state,
)
from reconciler.state.roster import Roster
from reconciler.state.store import Store
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.apply.outcome import Stop
    from reconciler.engine.placing import OrderBook
    from reconciler.service.network import Transport
    from reconciler.state.ledger import Ledger

Tell = Callable[[str], None]
_INSTALL = "Install it with: pip install 'cutlist[workers]'"


async def run_worker(
    config: Config,
    store: Store,
    clock: Clock,
    block: RunBlocking,
    transport: Transport | None,
    tell: Tell,
    stop: Stop,
) -> None:
    """Carry out the orders of the account until `stop`. Raises UsageError, CutlistError where
    something that a worker needs is missing.
    """
    require_shared_state(config)
    check_key(config)
    _require_engine()
    from reconciler.engine.placing import WORKER  # lazy: pgqueuer
    from reconciler.engine.worker import Worker, refuse_file

    ledger = open_ledger(config, clock.new_id(), WORKER)
    try:
        # also the proof that the store can be read and written, before an order is paid for
        roster = Roster(store.open_notes("ledgers"), config.state_dir, find_shared_id(config))
        roster.sign(now=clock.now(), new_id=clock.new_id)
        if lacking := roster.describe_conditions():
            tell(f"warning: {lacking}")
        async with reach_service(config, clock) as base_url:
            context = connect_context(
                build_context(
                    config,
                    store,
                    ledger,
                    clock,
                    observer=_ignore,
                    find_file=refuse_file,
                    block=block,
                ),
                config,
                base_url,
                transport,
            )
            try:
                tell(
                    f"at work for the account {config.account} at {config.endpoint.name}; ledger at"
                    f" {find_address(config).host}, store {config.bucket}"
                )
                await Worker(context, ledger, config, find_address(config), tell).run(stop)
            finally:
                await context.task_watch.close()
                await context.client.close()
    finally:
        ledger.close()


@asynccontextmanager
async def open_order_book(
    config: Config, ledger: Ledger, tell: Tell
) -> AsyncIterator[Callable[[Context], OrderBook]]:
    """What leaves the work of a session to workers, for the length of a block."""
    require_shared_state(config)
    _require_engine()
    from reconciler.engine.placing import WORKER, OrderBook  # lazy: pgqueuer
    from reconciler.state.ledger.postgres import PostgresLedger

    assert isinstance(ledger, PostgresLedger)
    books: list[OrderBook] = []

    def open_book(context: Context) -> OrderBook:
        book = OrderBook(
            context,
            config,
            config.models,
            find_address(config),
            lambda: ledger.count_living(WORKER),
            tell,
        )
        books.append(book)
        return book

    try:
        yield open_book
    finally:
        for book in books:
            await book.close()


def _ignore(_event: Event) -> None:
    """A worker tells how orders end, and not every step."""


def _require_engine() -> None:
    """Raises CutlistError where pgqueuer is not installed."""
    try:
        import reconciler.engine.pgqueuer  # noqa: F401  (lazy: only where there are workers)
    except ModuleNotFoundError as error:
        if error.name not in ("pgqueuer", "psycopg"):
            raise
        raise CutlistError(
            f"workers need {error.name}, which is not installed. Nothing was sent.", hint=_INSTALL
        ) from error
