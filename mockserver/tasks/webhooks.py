"""Tells webhooks of the ends of tasks, as CloudEvents `dashscope:System:AsyncTaskFinish`.

An account can route these events to an HTTP endpoint (task management reference); duplicates are
possible there, so they can be ordered here. The fields are those of the vendor's page on receiving
notifications of finished tasks, and of its event bus. Structured JSON over HTTP, `subject` and
`model_name` are assumptions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

import aiohttp

from mockserver.accounts import Accounts
from mockserver.catalogue import Catalogue
from mockserver.clock import Clock
from mockserver.digest import derive_uuid, encode_compact
from mockserver.fields import BadOrder, Doc, Fields, read_all
from mockserver.state.state import State
from mockserver.state.task_table import Row
from mockserver.tasks.answers import build_unique_key
from mockserver.tasks.lifecycle import Tasks

TYPE, SOURCE = "dashscope:System:AsyncTaskFinish", "acs.dashscope"
BUS = "default"  # the bus that the vendor's own services publish to
DATA_TYPE = "application/json;charset=utf-8"
TOKEN = "x-eventbridge-signature-token"  # the header with the token of an HTTP target
TICK_S = 0.2  # real time between two looks for tasks that have ended
TIMEOUT_S = 5.0
ATTEMPTS = 5

log = logging.getLogger("mockserver")


@dataclass(frozen=True)
class Webhook:
    """Where events go: of one account, or (None) of all; each `copies` times.

    `token` goes with them as the event bus sends the token of an HTTP target.
    """

    url: str
    account: str | None = None
    copies: int = 1
    token: str = ""


class Webhooks:
    """The webhooks of one server.

    Of every task that is accepted while there are any, they are told at least once.
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
        self._ticker: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._attempts: dict[str, int] = {}

    def add(self, documents: object) -> None:
        """Add webhooks: one {url, account, copies}, or a list. Raises BadOrder."""
        self._use([*self._webhooks, *read_all(documents, _read_webhook, "webhooks")])

    def restore(self, shown: list[Doc]) -> None:
        """Take over what `show` gave."""
        self._use(read_all(shown, _read_webhook, "webhooks"))

    def clear(self) -> None:
        """Drop every webhook."""
        self._use([])

    def begin(self) -> None:
        """Look for ends from now on, if anybody is to be told.

        Without a running loop nothing happens yet.
        """
        with contextlib.suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            if self._webhooks and self._ticker is None:
                self._ticker = loop.create_task(self._tick(), name="webhooks")

    def _use(self, webhooks: list[Webhook]) -> None:
        self._webhooks, self._tasks.tell_ends = webhooks, bool(webhooks)
        self.begin()

    def show(self) -> list[Doc]:
        """The webhooks, as they were given."""
        return [
            {name: value for name, value in vars(webhook).items() if value != ""}
            for webhook in self._webhooks
        ]

    async def close(self) -> None:
        """Send nothing more."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.wait([self._ticker])
            self._ticker = None

    async def deliver(self) -> None:
        """Tell of every task that has ended and was not told of yet.

        What cannot be delivered is tried again later, and given up after some attempts.
        """
        if not self._webhooks:
            return
        async with self._turn:
            rows = self._state.tasks.list_untold(self._clock.now())
            if not rows:
                return
            async with aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
            ) as session:
                for row in rows:
                    if await self._tell(session, row):
                        self._state.tasks.update(row["task_id"], {"told": 1})
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
        """Send the event of a task to every webhook; returns whether the task is done with."""
        event = encode_compact(self.build_event(row))
        try:
            for webhook in self._webhooks:
                if webhook.account in (None, row["account"]):
                    for _ in range(webhook.copies):
                        await _post(session, webhook, event)
        except (aiohttp.ClientError, OSError, ValueError, ArithmeticError) as error:
            attempts = self._attempts[row["task_id"]] = self._attempts.get(row["task_id"], 0) + 1
            if attempts == ATTEMPTS:
                log.warning("gave up telling of task %s: %s", row["task_id"], error)
            return attempts >= ATTEMPTS
        return True

    def build_event(self, row: Row) -> Doc:
        """The CloudEvent of a task that has ended."""
        account = self._accounts.find(row["account"])
        uid, region = "", self._accounts.region
        if account is not None:
            uid, region = account.uid, account.region or region
        region_id = self._catalogue.get_region_id(region)
        ended_at = row["cancelled_at"] or row["end_at"]
        moment = _format_utc(ended_at)
        return {
            "specversion": "1.0",
            "id": derive_uuid(self._seed, "event", row["n"]),
            "source": SOURCE,
            "type": TYPE,
            "subject": f"{SOURCE}:{region_id}:{uid}:task/{row['task_id']}",
            "time": moment,
            "datacontenttype": DATA_TYPE,
            "aliyunaccountid": uid,
            "aliyunoriginalaccountid": uid,
            "aliyuneventbusname": BUS,
            "aliyunregionid": region_id,
            "aliyunpublishtime": moment,
            "data": {
                "task_id": row["task_id"],
                "task_status": row["status"],
                "start_time": self._format_local(row["submit_at"]),
                "end_time": self._format_local(ended_at),
                "contain_result": False,
                "user_api_unique_key": build_unique_key(row["model"]),
                "api_key_id": row["api_key_id"],
                "region": region_id,
                "request_id": row["request_id"],
                "model_name": row["model"],
            },
        }

    def _format_local(self, at: float) -> str:
        """A time as the page shows it in `data`: without a zone, in that of the service."""
        zone = timezone(timedelta(hours=self._catalogue.service["utc_offset_h"]))
        return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S")


async def _post(session: aiohttp.ClientSession, webhook: Webhook, event: bytes) -> None:
    headers = {"Content-Type": DATA_TYPE}
    if webhook.token:
        headers[TOKEN] = webhook.token
    async with session.post(
        webhook.url, data=event, headers=headers, allow_redirects=False
    ) as response:
        if response.status >= 300:  # also a redirect: it has taken nothing
            raise aiohttp.ClientError(f"answered {response.status}")


def _format_utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_webhook(document: object, place: str) -> Webhook:
    if isinstance(document, str):
        document = {"url": document}
    fields = Fields(document, place)
    url, account = fields.take("url", str, ""), fields.take("account", str)
    copies = fields.take_count("copies", 1, 1)
    token = fields.take("token", str, "")
    fields.end()
    if not re.fullmatch(r"[!-~]*", token):
        raise BadOrder(f"{place}.token should be printable ASCII without blanks")
    if not _is_url(url):
        raise BadOrder(f"{place}.url should be an http(s) URL, not {url!r}")
    return Webhook(url, account, copies or 1, token)


def _is_url(text: str) -> bool:
    """Whether events can be sent there: it has http(s), a host, and no impossible port."""
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:  # also for a port beyond all ports
        return False
