"""Ends of tasks told to webhooks, as CloudEvents `dashscope:System:AsyncTaskFinish`.

An account can route these events to an HTTP endpoint (task management reference); duplicates are
possible there, so they can be ordered here. The fields are those of the vendor's page on receiving
notifications of finished tasks, and of its event bus. Structured JSON over HTTP, `subject` and
`model_name` are assumptions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

import aiohttp

from mockserver.accounts import Accounts
from mockserver.catalogue import Catalogue
from mockserver.clock import Clock
from mockserver.digest import compact, derived_uuid
from mockserver.orders.rules import BadOrder, Doc, Fields, read_all
from mockserver.state.state import Row, State
from mockserver.tasks.lifecycle import Tasks, unique_key

TYPE, SOURCE = "dashscope:System:AsyncTaskFinish", "acs.dashscope"
BUS = "default"  # the bus that the vendor's own services publish to
DATA_TYPE = "application/json;charset=utf-8"
TICK_S = 0.2  # real time between two looks for tasks that have ended
TIMEOUT_S = 5.0
ATTEMPTS = 5

log = logging.getLogger("mockserver")


@dataclass(frozen=True)
class Webhook:
    """Where events go: of one account, or (None) of all; each `copies` times."""

    url: str
    account: str | None = None
    copies: int = 1


class Events:
    """The webhooks of one server. Tasks accepted while there are any are told of, each at least
    once.
    """

    def __init__(
        self,
        state: State,
        clock: Clock,
        catalogue: Catalogue,
        accounts: Accounts,
        tasks: Tasks,
        seed: int,
    ) -> None:
        self._state, self._clock, self._catalogue = state, clock, catalogue
        self._accounts, self._tasks, self._seed = accounts, tasks, seed
        self._webhooks: list[Webhook] = []
        self._ticking: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._attempts: dict[str, int] = {}

    def add(self, documents: object) -> None:
        """Add webhooks: one {url, account, copies}, or a list. Raises BadOrder."""
        self._use([*self._webhooks, *read_all(documents, _webhook, "webhooks")])

    def restore(self, shown: list[Doc]) -> None:
        """Take over what `show` gave."""
        self._use(read_all(shown, _webhook, "webhooks"))

    def clear(self) -> None:
        """Drop every webhook."""
        self._use([])

    def begin(self) -> None:
        """Look for ends from now on, if anybody is to be told. Without a running loop nothing
        happens yet.
        """
        with contextlib.suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            if self._webhooks and self._ticking is None:
                self._ticking = loop.create_task(self._tick(), name="webhooks")

    def _use(self, webhooks: list[Webhook]) -> None:
        self._webhooks, self._tasks.tell = webhooks, bool(webhooks)
        self.begin()

    def show(self) -> list[Doc]:
        """The webhooks, as they were given."""
        return [vars(webhook) for webhook in self._webhooks]

    async def close(self) -> None:
        """Send nothing more."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])
            self._ticking = None

    async def deliver(self) -> None:
        """Tell of every task that has ended and was not told of yet. What cannot be delivered is
        tried again later.
        """
        if not self._webhooks:
            return
        async with self._one_at_a_time:
            rows = self._state.ended_untold(self._clock.now())
            if not rows:
                return
            async with aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
            ) as session:
                for row in rows:
                    if await self._tell(session, row):
                        self._state.change_task(row["task_id"], {"told": 1})
                        self._attempts.pop(row["task_id"], None)
            self._state.commit()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.deliver()
            except Exception:
                log.exception("webhooks could not be served")

    async def _tell(self, session: aiohttp.ClientSession, row: Row) -> bool:
        event = compact(self.event(row))
        headers = {"Content-Type": DATA_TYPE}
        try:
            for webhook in self._webhooks:
                for _ in range(webhook.copies if webhook.account in (None, row["account"]) else 0):
                    async with session.post(
                        webhook.url, data=event, headers=headers, allow_redirects=False
                    ) as response:
                        if response.status >= 300:  # a redirect has taken nothing
                            raise aiohttp.ClientError(f"answered {response.status}")
        except (aiohttp.ClientError, OSError, ValueError, ArithmeticError) as error:
            tries = self._attempts[row["task_id"]] = self._attempts.get(row["task_id"], 0) + 1
            if tries == ATTEMPTS:
                log.warning("gave up telling of task %s: %s", row["task_id"], error)
            return tries >= ATTEMPTS
        return True

    def event(self, row: Row) -> Doc:
        """The CloudEvent of a task that has ended."""
        account = next((each for each in self._accounts.all if each.name == row["account"]), None)
        uid = account.uid if account else ""
        region = self._catalogue.region_id((account and account.region) or self._accounts.region)
        ended = row["cancelled_at"] or row["end_at"]
        moment = _zulu(ended)
        return {
            "specversion": "1.0",
            "id": derived_uuid(self._seed, "event", row["n"]),
            "source": SOURCE,
            "type": TYPE,
            "subject": f"{SOURCE}:{region}:{uid}:task/{row['task_id']}",
            "time": moment,
            "datacontenttype": DATA_TYPE,
            "aliyunaccountid": uid,
            "aliyunoriginalaccountid": uid,
            "aliyuneventbusname": BUS,
            "aliyunregionid": region,
            "aliyunpublishtime": moment,
            "data": {
                "task_id": row["task_id"],
                "task_status": row["status"],
                "start_time": self._local(row["submit_at"]),
                "end_time": self._local(ended),
                "contain_result": False,
                "user_api_unique_key": unique_key(row["model"]),
                "api_key_id": row["api_key_id"],
                "region": region,
                "request_id": row["request_id"],
                "model_name": row["model"],
            },
        }

    def _local(self, at: float) -> str:
        """A time as the page shows it in `data`: without a zone, in that of the service."""
        zone = timezone(timedelta(hours=self._catalogue.service["utc_offset_h"]))
        return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S")


def _zulu(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _webhook(document: object, place: str) -> Webhook:
    if isinstance(document, str):
        document = {"url": document}
    fields = Fields(document, place)
    url, account, copies = (
        fields.take("url", str, ""),
        fields.take("account", str),
        fields.count("copies", 1, 1),
    )
    fields.end()
    if not _is_url(url):
        raise BadOrder(f"{place}.url should be an http(s) URL, not {url!r}")
    return Webhook(url, account, copies or 1)


def _is_url(text: str) -> bool:
    """Whether events can be sent there: http(s), a host, and a port that is one."""
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:  # also for a port beyond all ports
        return False
