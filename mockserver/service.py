"""The service without HTTP: what a request for a task, an upload or a result comes to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mockserver.accounts import Accounts, Caller, read_accounts
from mockserver.catalogue import Catalogue, Doc, Model
from mockserver.clock import Clock
from mockserver.digest import canonical, derived_uuid, read, sha256
from mockserver.errors import (
    BAD_BODY,
    NO_MODEL,
    NO_SUCH_KEY,
    NOT_ASYNC,
    ApiError,
    Fault,
    invalid_parameter,
)
from mockserver.media.films import Films
from mockserver.media.reader import MediaReader, job_sha256, media_of
from mockserver.media.storage import Storage
from mockserver.orders.faults import Faults
from mockserver.orders.scenarios import LABEL, Scenarios
from mockserver.state import snapshot as snapshots
from mockserver.state.state import NEVER, Row, State
from mockserver.tasks.events import Events
from mockserver.tasks.lifecycle import Draft, Tasks
from mockserver.tasks.outcome import Outcome, Source, foresee
from mockserver.tasks.rates import Rates
from mockserver.tasks.validation import check, without_nulls

RESULT_FOLDER = "dashscope-result-mock"
UPLOAD_FOLDER = "dashscope-instant"
CLOCK = "clock"  # name in the state of the clock's last time
SECRET = "secret"  # name in the state of what signs URLs and policies
WITHOUT_FILM = ("fail", "cancel", "no_url")  # ends of tasks that nobody can fetch a video of
DEEPEST_BODY = 64  # levels of nesting in a request (assumption: no limit is documented)
LONGEST_PAGE = 1000  # rows of a list answer (assumption: no limit is documented)


class Service:
    """One running service: everything between an HTTP request and the state."""

    def __init__(
        self,
        *,
        state: State,
        clock: Clock,
        catalogue: Catalogue,
        accounts: Accounts,
        storage: Storage,
        tasks: Tasks,
        films: Films,
        reader: MediaReader,
        rates: Rates,
        scenarios: Scenarios,
        faults: Faults,
        events: Events,
        validation: str,
        seed: int,
    ) -> None:
        self.state, self.clock, self.catalogue, self.accounts = state, clock, catalogue, accounts
        self.storage, self.tasks, self.films = storage, tasks, films
        self.rates, self.scenarios, self.faults, self.events = rates, scenarios, faults, events
        self._reader, self._validation, self._seed = reader, validation, seed
        self._requests = self._last_number()
        self.stopping = asyncio.Event()
        # the server that listens puts its own here
        self.drop_connections: Callable[[object], None] = lambda _: None

    # ---- requests
    # --------------------------------------------------------------------------------------------------

    def next_request(self) -> tuple[int, str]:
        """Number and request_id of a request that arrives now."""
        self._requests += 1
        return self._requests, derived_uuid(self._seed, "request", self._requests)

    def record(self, entry: Doc) -> None:
        """Write a request into the journal, and make durable what it changed."""
        self.state.add_entry(entry)

    def journal(self) -> Doc:
        """The last requests, in order of arrival. No keys, no query strings."""
        return {"requests": self.state.entries()}

    def advance(self, seconds: float) -> None:
        """Jump forward in time; remembered over restarts."""
        self.clock.advance(seconds)
        self.state.set_meta(CLOCK, repr(self.clock.now()))

    def reset(self) -> None:
        """Forget tasks, uploads, films and requests; rules and numbers as at the start. The clock
        goes on.
        """
        self.state.reset()
        self.storage.clear()
        self._forget()
        self.scenarios.reset()
        self.faults.reset()

    def restart(self, spared: object = None) -> None:
        """What the end and the start of the process come to: connections are cut, the state is
        read again.

        `spared` is the transport of the connection that stays, as it is the one that asks for this.
        """
        self.drop_connections(spared)
        self.state.reopen()
        self._forget()

    def snapshot(self) -> bytes:
        """The whole server as the bytes of a file: tasks, uploads, journal, accounts, rules,
        webhooks and time.
        """
        orders = {
            "now": self.clock.now(),
            "accounts": self.accounts.written(),
            "webhooks": self.events.show(),
        }
        orders |= {"scenarios": self.scenarios.show(), "faults": self.faults.show()}
        return snapshots.pack(self.state, self.storage.media, orders)

    def restore(self, data: bytes) -> None:
        """Be the server that a snapshot was taken of. Raises ServerError. Time does not go back: it
        jumps if behind.
        """
        orders = snapshots.unpack(data, self.state, self.storage.media)
        self.storage.use_secret(self.state.meta(SECRET) or "")
        self.scenarios.restore(orders["scenarios"])
        self.faults.restore(orders["faults"])
        if "accounts" in orders:  # not in snapshots of the first release
            self.accounts.replace(
                read_accounts(orders["accounts"], self.catalogue.service["regions"])
            )
            self.events.restore(orders["webhooks"])
        self.advance(max(0.0, orders["now"] - self.clock.now()))
        self._forget()

    def _forget(self) -> None:
        self.rates.clear()
        self._requests = self._last_number()

    def _last_number(self) -> int:
        last = self.state.last_entry()
        return last["n"] if last is not None else 0

    # ---- create
    # ----------------------------------------------------------------------------------------------------

    async def create(
        self, caller: Caller, headers: Mapping[str, str], body: bytes, request_id: str, notes: Doc
    ) -> str:
        """Accept a request as a task; returns its id. Raises ApiError for what is refused at once.

        `notes` takes what the journal is to say: the digest of the body's canonical JSON, and the task's id.
        """
        if headers.get("X-DashScope-Async", "").lower() != "enable":
            raise NOT_ASYNC
        asked = parse_body(headers.get("Content-Type", ""), body)
        notes["request_sha256"] = asked.sha256
        name = asked.document.get("model")
        model = self.catalogue.model(name, self.accounts.region_of(caller))
        if model is None:
            raise NO_MODEL
        self.rates.take(caller.account.name, f"submit {model.name}", model.submits_per_s)
        resolve = headers.get("X-DashScope-OssResourceResolve", "").lower() == "enable"
        outcome, job, nth = await self._outcome(caller, str(name), model, asked, resolve)
        if isinstance(outcome, Fault) and self._validation == "strict":
            raise ApiError(400, outcome.code, outcome.message)
        label = headers.get(LABEL)
        scenario = self.scenarios.choose(caller.account.name, label, asked.document)
        draft = Draft(
            caller,
            str(name),
            model,
            asked.sha256,
            job,
            outcome,
            nth=nth,
            label=label,
            scenario=scenario,
        )
        notes["task_id"] = task_id = self.tasks.create(draft, request_id)
        if isinstance(outcome, Outcome) and not (scenario and scenario.end in WITHOUT_FILM):
            self.films.begin(outcome.film, outcome.plan)
        return task_id

    async def _outcome(
        self, caller: Caller, name: str, model: Model, asked: Asked, resolve_oss: bool
    ) -> tuple[Outcome | Fault, str, int]:
        """What a request comes to, the digest of its job, and how many tasks of that job came
        before.
        """
        variant, faults = check(model, asked.request)
        sources: list[Source] = []
        digests: dict[str, str] = {}
        if variant is not None and not faults:
            media = media_of(variant, asked.request["input"])
            read = self._reader.read(model, name, caller.account.name, media, resolve_oss)
            sources, digests, faults = await read
        job = job_sha256(asked.document, asked.sha256, digests)
        nth = self.state.job_count(job)
        if variant is None or faults:
            return joined(faults), job, nth
        return foresee(model, variant, asked.request, tuple(sources), nth), job, nth

    # ---- look
    # ------------------------------------------------------------------------------------------------------

    async def fetch(self, caller: Caller, task_id: str, host: Callable[[], str]) -> Doc:
        """The answer to a fetch. One that says SUCCEEDED waits until the film is there."""
        account = caller.account.name
        row = self.tasks.find(account, task_id)
        if row is not None and self.tasks.polled(row):
            row = self.tasks.find(account, task_id)
        if row is None or row["status"] != "SUCCEEDED" or row["no_url"]:
            return self.tasks.document(task_id, row, None)
        if self.tasks.has_video(row) and not await self._film_ready(row):
            return self.tasks.document(task_id, self.tasks.find(account, task_id), None)
        return self.tasks.document(
            task_id, row, self.storage.signed_url(host(), result_key(row), row["end_at"])
        )

    def every_task(self, wanted: Mapping[str, str]) -> list[Doc]:
        """Every task of every account, as the controls show it; `wanted` chooses."""
        rows = self.state.every_task({"now": self.clock.now(), **wanted})
        return [shown_task(row) for row in rows]

    async def _film_ready(self, row: Row) -> bool:
        fault = await self.films.ready(row["film"], row["plan"])
        if fault is None:
            return True
        failed = {"outcome": "FAILED", "code": fault.code, "message": fault.message}
        self.state.change_task(row["task_id"], {**failed, "billed_s": 0.0})
        return False

    def list(self, caller: Caller, query: Mapping[str, str]) -> Doc:
        """The answer to a list (task management reference). Raises ApiError 400 for an unusable
        query.
        """
        start, end = self._window(query)
        page_no, size = (
            _count(query, "page_no", 1),
            _count(query, "page_size", self.catalogue.service["list"]["page_size"]),
        )
        if size > LONGEST_PAGE:
            raise invalid_parameter(f"page_size should be at most {LONGEST_PAGE}")
        wanted = {
            "now": self.clock.now(),
            "account": caller.account.name,
            "start": start,
            "end": end,
            "task_id": query.get("task_id"),
            "model": query.get("model_name"),
            "status": query.get("status"),
            "api_key_id": query.get("api_key_id"),
        }
        total, rows = self.state.page(wanted, size, (page_no - 1) * size)
        region = self.catalogue.region_id(self.accounts.region_of(caller))
        if query.get("region", region) != region:
            total, rows = 0, []
        return {
            "total": total,
            "data": self.tasks.rows(rows, region, caller.account.uid),
            "total_page": -(-total // size),
            "page_no": page_no,
            "page_size": size,
        }

    def _window(self, query: Mapping[str, str]) -> tuple[float, float]:
        """The span of gmt_create that a list covers. Its times are read as UTC+8 (assumption)."""
        longest, now = self.catalogue.service["list"]["window_s"], self.clock.now()
        given = [
            self._moment(query[name]) if query.get(name) else None
            for name in ("start_time", "end_time")
        ]
        start, end = given
        if end is None:
            end = now if start is None else min(now, start + longest)
        if start is None:
            start = end - longest
        if start > end or end - start > longest:
            raise invalid_parameter(
                "The time range between start_time and end_time should be within 24 hours."
            )
        return start, end

    def _moment(self, text: str) -> float:
        try:
            hours = self.catalogue.service["utc_offset_h"]
            return datetime.strptime(f"{text} +{hours:02}00", "%Y%m%d%H%M%S %z").timestamp()
        except ValueError:
            raise invalid_parameter(
                "start_time and end_time should be in the format YYYYMMDDhhmmss."
            ) from None

    # ---- uploads and results
    # ---------------------------------------------------------------------------------------

    def policy(self, caller: Caller, query: Mapping[str, str], host: str, n: int) -> Doc:
        """The `data` of a getPolicy answer. Raises ApiError 400 for another action or an unknown
        model.
        """
        if query.get("action") != "getPolicy":
            raise invalid_parameter("Input should be 'getPolicy': action")
        name = query.get("model", "")
        if self.catalogue.model(name, self.accounts.region_of(caller)) is None:
            raise NO_MODEL
        folder = uuid.UUID(derived_uuid(self._seed, f"upload of {caller.account.name}", n)).hex
        return self.storage.policy(
            caller.account.name, name, f"{UPLOAD_FOLDER}/{folder}", f"{host}/oss"
        )

    async def result(self, key: str, query: Mapping[str, str]) -> Any:
        """The path of a result's file. Raises ObjectError for a bad or old URL and for an unknown
        object.
        """
        self.storage.check_url(key, dict(query))
        name = key.rpartition("/")[2]
        row = self.state.task(name.removesuffix(".mp4"), self.clock.now())
        if (
            row is None
            or row["film"] is None
            or result_key(row) != key
            or not self.tasks.has_video(row)
        ):
            raise NO_SUCH_KEY
        if not await self._film_ready(row):
            raise NO_SUCH_KEY
        return self.storage.film(row["film"])


_TASK_FIELDS = (
    "task_id",
    "account",
    "model",
    "status",
    "label",
    "submit_at",
    "scheduled_at",
    "end_at",
    "code",
    "message",
    "request_sha256",
    "job_sha256",
    "polls_left",
)


def shown_task(row: Row) -> Doc:
    """A task as the controls show it. A time that does not come by itself is null."""
    shown = {name: row[name] for name in _TASK_FIELDS}
    shown |= {name: None for name in ("scheduled_at", "end_at") if row[name] >= NEVER}
    return {**shown, "cancelled_at": row["cancelled_at"], "no_url": bool(row["no_url"])}


def result_key(row: Row) -> str:
    """The object key of a task's result."""
    return f"{RESULT_FOLDER}/{row['film'][:2]}/{row['task_id']}.mp4"


class Asked(NamedTuple):
    """The body of a create: as it was sent, without its nulls, and the digest of its canonical
    JSON.
    """

    document: Doc
    request: Doc
    sha256: str


def parse_body(content_type: str, body: bytes) -> Asked:
    """A JSON object from a request. Raises ApiError 400 for anything else."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise BAD_BODY
    try:
        document = read(body)
    except ValueError:
        raise BAD_BODY from None
    # of what has so few brackets nothing is deeper
    shallow = body.count(b"{") + body.count(b"[") <= DEEPEST_BODY
    if not isinstance(document, dict) or (not shallow and _deeper_than(document, DEEPEST_BODY)):
        raise BAD_BODY
    request = without_nulls(document) if b"null" in body else document
    return Asked(document, request, sha256(canonical(document)))


def _deeper_than(value: Any, levels: int) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(levels == 0 or _deeper_than(item, levels - 1) for item in items)


def joined(faults: list[Fault]) -> Fault:
    """Several faults as the service tells them: the first one's code, its messages joined by " & "."""
    code = faults[0].code
    return Fault(code, " & ".join(fault.message for fault in faults if fault.code == code))


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name) or str(default)
    if not text.isdecimal() or int(text[:9]) < 1 or len(text) > 9:
        raise invalid_parameter(f"{name} should be a whole number from 1")
    return int(text)
