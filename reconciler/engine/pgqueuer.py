"""The engine of the workers: pgqueuer, in the schema of the ledger. The one module that loads it.

It hands each job to one worker at a time, or to two where one was slow to say that it lives; money
does not rely on it. What a job is about it does not know.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from pgqueuer import Queries, QueueManager
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel, JobId
from psycopg import errors, sql

from reconciler.errors import CutlistError
from reconciler.state.ledger.address import LedgerAddress

if TYPE_CHECKING:
    from collections.abc import Iterator

HEARTBEAT_S = 15.0  # a worker that gave no sign of life for so long loses its jobs to others
_POLL_S = 5.0  # how long an idle worker waits for word of a new job
_LOCK_OFFSET = 1  # from the number of the ledger's own lock
_SETTINGS: dict[str, Any] = {
    "application_name": "cutlist worker",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
Handle = Callable[[bytes, int], Awaitable[float | None]]


class QueueAway(CutlistError):
    """The database with the jobs cannot be reached, or does not let us."""


class JobEnded(CutlistError):
    """A job that is over without a video: `words` tell why, for whoever ordered it."""

    def __init__(self, words: Mapping[str, str]) -> None:
        super().__init__(json.dumps({"ended": dict(words)}))


@dataclass(frozen=True, slots=True)
class JobView:
    """How a job ended: `words` are those of JobEnded, and None where it said none."""

    words: Mapping[str, str] | None


class JobQueue:
    """The jobs of one ledger, over one connection."""

    def __init__(self, address: LedgerAddress, connection: psycopg.AsyncConnection[Any]) -> None:
        self._address = address
        self._connection = connection
        self._driver = PsycopgDriver(connection)
        settings = _name_everything(address)
        self._settings = settings
        self._queries = _Queries(
            self._driver,
            QueryBuilderEnvironment(settings),
            QueryQueueBuilder(settings),
            QuerySchedulerBuilder(settings),
        )

    async def close(self) -> None:
        """Let go of the connection."""
        await self._connection.close()

    async def prepare(self) -> None:
        """Make the tables where there are none, or bring them up to date. Raises QueueAway."""
        with _told(self._address):
            await self._driver.execute("select pg_advisory_lock($1)", self._lock)
            try:
                if not await self._queries.schema_is_installed():
                    await self._queries.install(create_schema=False)
                elif (await self._queries.plan_upgrade()).statements:
                    await self._queries.apply_upgrade()
            finally:
                await self._driver.execute("select pg_advisory_unlock($1)", self._lock)

    @property
    def _lock(self) -> int:
        lock = self._address.lock
        return lock + _LOCK_OFFSET if lock < 0 else lock - _LOCK_OFFSET

    async def place(self, lane: str, key: str, payload: bytes) -> int | None:
        """Put a job there; its number, or None where one of that key is there already."""
        with _told(self._address):
            (number,) = await self._queries.enqueue(
                _name_entry(lane), payload, dedupe_key=key, on_conflict="skip"
            )
        return None if number is None else int(number)

    async def find_ended(self, numbers: Collection[int]) -> Mapping[int, JobView]:
        """Those of some jobs that are over, and how they ended."""
        ended: dict[int, JobView] = {}
        with _told(self._address):
            for number, status in await self._queries.job_status([JobId(n) for n in numbers]):
                if status == "successful":
                    ended[int(number)] = JobView(None)
                elif status in ("exception", "canceled", "failed"):
                    ended[int(number)] = JobView(await self._read_words(number))
        return ended

    async def _read_words(self, number: JobId) -> Mapping[str, str] | None:
        rows = await self._driver.fetch(  # its own query of the log takes no answer of psycopg
            "select traceback ->> 'exception_message' as said from pgqueuer_log where job_id = $1"
            " and traceback is not null order by id desc limit 1",
            number,
        )
        try:
            words = json.loads(str(rows[0]["said"]))["ended"] if rows else None
        except (ValueError, TypeError, KeyError):
            return None
        is_words = isinstance(words, dict) and all(isinstance(each, str) for each in words.values())
        return words if is_words else None

    async def serve(
        self,
        lanes: Mapping[str, int],
        handle: Handle,
        stop: asyncio.Event,
        lost: Callable[[], None],
    ) -> None:
        """Hand jobs to `handle`, for each lane at most so many at once over all workers, until
        `stop`. It gives None when a job is done, or the seconds until it is to be run again, and
        raises JobEnded. `lost` is called when the connection is, before what runs is waited for.
        Raises QueueAway.
        """
        self._queries.lost = lost
        manager = QueueManager(self._queries, self._settings.channel)
        manager.shutdown = stop
        for lane, width in lanes.items():
            manager.entrypoint(_name_entry(lane), concurrency_limit=width)(_make_entry(handle))
        with _told(self._address):
            await manager.run(
                dequeue_timeout=timedelta(seconds=_POLL_S),
                batch_size=1,
                heartbeat_timeout=timedelta(seconds=HEARTBEAT_S),
            )


@asynccontextmanager
async def open_queue(address: LedgerAddress) -> AsyncIterator[JobQueue]:
    """The jobs of a ledger for the length of a block. Raises QueueAway."""
    queue = await connect_queue(address)
    try:
        yield queue
    finally:
        await queue.close()


async def connect_queue(address: LedgerAddress) -> JobQueue:
    """The jobs of a ledger, until they are closed. Raises QueueAway."""
    logging.getLogger("pgqueuer").setLevel(logging.CRITICAL + 1)  # it logs whole errors
    with _told(address):
        connection = await psycopg.AsyncConnection.connect(
            address.url, autocommit=True, prepare_threshold=None, **_SETTINGS
        )
        await connection.execute(
            sql.SQL("set search_path to {}").format(sql.Identifier(address.schema))
        )
    return JobQueue(address, connection)


class _Queries(Queries):
    """The statements of pgqueuer; `lost` hears when one of them could not be sent."""

    lost: Callable[[], None] = staticmethod(lambda: None)

    async def dequeue(self, *args: Any, **kwargs: Any) -> list[Job]:
        try:
            return await super().dequeue(*args, **kwargs)
        except psycopg.OperationalError:
            self.lost()
            raise


def _make_entry(handle: Handle) -> Callable[[Job], Awaitable[None]]:
    async def entry(job: Job) -> None:
        after_s = await handle(job.payload or b"", job.attempts)
        if after_s is not None:
            raise RetryRequested(timedelta(seconds=after_s))

    return entry


def _name_entry(lane: str) -> str:
    return f"render {lane}"


def _name_everything(address: LedgerAddress) -> DBSettings:
    """All names, so that none is taken from the environment."""
    return DBSettings(
        prefix="",
        db_schema=None,
        channel=Channel(f"cutlist_{address.fingerprint}"),
        function="fn_pgqueuer_changed",
        statistics_table="pgqueuer_statistics",
        queue_status_type="pgqueuer_status",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        trigger="tg_pgqueuer_changed",
        schedules_table="pgqueuer_schedules",
        durability=Durability.durable,
    )


@contextmanager
def _told(address: LedgerAddress) -> Iterator[None]:
    """What goes wrong in the database, in our words."""
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise QueueAway(
            f"the tables of the workers cannot be used in the ledger at {address.host}"
            f" ({_first_line(error, address)}).",
            hint=f"Give this user all rights in the schema {address.schema}. Nothing was sent.",
        ) from None
    except psycopg.Error as error:
        raise QueueAway(
            f"the orders at {address.host} cannot be reached ({_first_line(error, address)})."
        ) from None


def _first_line(error: Exception, address: LedgerAddress) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return address.redact(lines[0].rpartition(" failed: ")[2].strip().rstrip("."))
