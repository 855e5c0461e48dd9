"""The service without HTTP: what a request for a task, an upload or a result comes to."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta, timezone
from pathlib import Path

from mockserver.accounts import Accounts, Caller, read_accounts
from mockserver.catalogue import Catalogue, Doc, Model
from mockserver.clock import Clock
from mockserver.digest import derive_uuid
from mockserver.errors import (
    NO_MODEL,
    NO_SUCH_KEY,
    NOT_ASYNC,
    ApiError,
    Failure,
    build_invalid_parameter,
)
from mockserver.media.films import Films
from mockserver.media.reader import MediaReader, MediaReading
from mockserver.media.references import compute_job_sha256, list_references
from mockserver.media.storage import Storage
from mockserver.orders.faults import Faults
from mockserver.orders.scenarios import Scenarios, read_label
from mockserver.settings import Settings
from mockserver.state.snapshot import pack_snapshot, unpack_snapshot
from mockserver.state.state import State
from mockserver.state.task_table import Row
from mockserver.tasks.answers import (
    build_fetch_answer,
    build_list_row,
    build_result_key,
    show_task,
)
from mockserver.tasks.bill import build_bill
from mockserver.tasks.body import RequestBody, parse_body
from mockserver.tasks.lifecycle import Draft, Tasks
from mockserver.tasks.listing import read_page
from mockserver.tasks.outcome import Outcome, foresee_outcome
from mockserver.tasks.rates import Rates
from mockserver.tasks.validation import check_request, join_failures
from mockserver.tasks.webhooks import Webhooks

UPLOAD_FOLDER = "dashscope-instant"
CLOCK = "clock"  # name in the state of the clock's last time
SECRET = "secret"  # name in the state of what signs URLs and policies
WITHOUT_FILM = ("fail", "cancel", "no_url")  # ends of tasks that nobody can fetch a video of


class Service:
    """One running service: everything between an HTTP request and the state."""

    def __init__(
        self,
        settings: Settings,
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
        webhooks: Webhooks,
    ) -> None:
        self.settings = settings
        self.state, self.clock, self.catalogue, self.accounts = state, clock, catalogue, accounts
        self.storage, self.tasks, self.films = storage, tasks, films
        self.rates, self.scenarios, self.faults = rates, scenarios, faults
        self.webhooks = webhooks
        self._reader = reader
        self._zone = timezone(timedelta(hours=catalogue.service["utc_offset_h"]))
        self._requests = self._read_last_number()
        self.stopping = asyncio.Event()
        # The server that listens puts its own here. It gets the transport that is to be spared.
        self.drop_connections: Callable[[object], None] = lambda _: None

    # ---- requests

    def begin_request(self) -> tuple[int, str]:
        """Number and request_id of a request that arrives now."""
        self._requests += 1
        return self._requests, derive_uuid(self.settings.seed, "request", self._requests)

    def record(self, entry: Doc) -> asyncio.Future[None] | None:
        """Write a request into the journal; returns what its answer has to wait for, if anything.

        When that is done, what the request changed is durable.
        """
        return self.state.record(entry)

    def get_journal(self) -> Doc:
        """The last requests, in order of arrival. No keys, no query strings."""
        return {"requests": self.state.journal.list_entries()}

    def _read_last_number(self) -> int:
        last = self.state.journal.get_last()
        return last["n"] if last is not None else 0

    # ---- creating tasks

    async def create(
        self, caller: Caller, headers: Mapping[str, str], body: bytes, request_id: str, notes: Doc
    ) -> str:
        """Accept a request as a task; returns its id. Raises ApiError for what is refused at once.

        `notes` takes what the journal is to say: the digest of the body's canonical JSON, and the
        id of the task.
        """
        if headers.get("X-DashScope-Async", "").lower() != "enable":
            raise NOT_ASYNC
        parsed = parse_body(headers.get("Content-Type", ""), body)
        notes["request_sha256"] = parsed.sha256
        name = parsed.document.get("model")
        model = self.catalogue.find_model(name, self.accounts.get_region(caller))
        if model is None:
            raise NO_MODEL
        account = caller.account.name
        self.rates.count(account, f"submit {model.name}", model.submits_per_s)
        resolve_oss = headers.get("X-DashScope-OssResourceResolve", "").lower() == "enable"
        outcome, job_sha256, nth = await self._foresee(
            account, str(name), model, parsed, resolve_oss
        )
        if isinstance(outcome, Failure) and self.settings.validation == "strict":
            raise ApiError(400, outcome.code, outcome.message)
        label = read_label(headers)
        scenario = self.scenarios.choose(account, label, parsed.document)
        draft = Draft(
            caller=caller,
            model_name=str(name),
            model=model,
            request_sha256=parsed.sha256,
            job_sha256=job_sha256,
            outcome=outcome,
            nth=nth,
            label=label,
            scenario=scenario,
        )
        notes["task_id"] = task_id = self.tasks.accept(draft, request_id)
        if isinstance(outcome, Outcome) and not (scenario and scenario.end in WITHOUT_FILM):
            self.films.begin(outcome.film, outcome.plan)
        return task_id

    async def _foresee(
        self, account: str, name: str, model: Model, body: RequestBody, resolve_oss: bool
    ) -> tuple[Outcome | Failure, str, int]:
        """What a request comes to, the digest of its job, and how many such tasks came before."""
        variant, failures = check_request(model, body.request)
        reading = MediaReading()
        if variant is not None and not failures:
            references = list_references(variant, body.request["input"])
            reading = await self._reader.read(model, name, account, references, resolve_oss)
            failures = reading.failures
        job_sha256 = compute_job_sha256(body.document, body.sha256, reading.digests)
        nth = self.state.tasks.count_of_job(job_sha256)
        if variant is None or failures:
            return join_failures(failures), job_sha256, nth
        outcome = foresee_outcome(model, variant, body.request, tuple(reading.sources), nth)
        return outcome, job_sha256, nth

    # ---- looking at tasks

    async def fetch(self, caller: Caller, task_id: str, get_host: Callable[[], str]) -> Doc:
        """The answer to a fetch. One that says SUCCEEDED waits until the film is there.

        `get_host` gives the root of the URL of the result.
        """
        account = caller.account.name
        row = self.tasks.find(account, task_id)
        if row is not None and self.tasks.count_poll(row):
            row = self.tasks.find(account, task_id)
        url: str | None = None
        if row is not None and row["status"] == "SUCCEEDED" and not row["no_url"]:
            if self.tasks.has_video(row) and not await self._finish_film(row):
                row = self.tasks.find(account, task_id)
            else:
                url = self.storage.sign_url(get_host(), build_result_key(row), row["end_at"])
        return build_fetch_answer(task_id, row, url, self._zone)

    def list_tasks(self, caller: Caller, query: Mapping[str, str]) -> Doc:
        """The answer to a list (task management reference).

        Raises ApiError 400 for an unusable query.
        """
        now = self.clock.now()
        page = read_page(query, self.catalogue, now)
        filters = {
            "now": now,
            "account": caller.account.name,
            "start": page.start,
            "end": page.end,
            "task_id": query.get("task_id"),
            "model": query.get("model_name"),
            "status": query.get("status"),
            "api_key_id": query.get("api_key_id"),
        }
        total, rows = self.state.tasks.list_page(filters, page.size, page.offset)
        region_id = self.catalogue.get_region_id(self.accounts.get_region(caller))
        if query.get("region", region_id) != region_id:
            total, rows = 0, []
        return {
            "total": total,
            "data": [build_list_row(row, region_id, caller.account.uid) for row in rows],
            "total_page": -(-total // page.size),
            "page_no": page.number,
            "page_size": page.size,
        }

    def list_all_tasks(self, filters: Mapping[str, str]) -> list[Doc]:
        """Every task of every account, as the controls show it; `filters` chooses."""
        rows = self.state.tasks.list_all({"now": self.clock.now(), **filters})
        return [show_task(row) for row in rows]

    def build_bill(self) -> Doc:
        """What every task costs at this moment, and the sum, in seconds of video."""
        return build_bill(self.state.tasks.list_costs(self.clock.now()))

    async def _finish_film(self, row: Row) -> bool:
        """Wait for the film of a task; returns whether it is there. If not, the task fails."""
        failure = await self.films.finish(
            row["film"], functools.partial(self.state.tasks.get_plan, row["task_id"])
        )
        if failure is None:
            return True
        changes = {"outcome": "FAILED", "code": failure.code, "message": failure.message}
        self.state.tasks.update(row["task_id"], {**changes, "billed_s": 0.0})
        return False

    # ---- uploads and results

    def grant_upload(self, caller: Caller, query: Mapping[str, str], host: str, n: int) -> Doc:
        """The `data` of a getPolicy answer; `n` is the number of the request.

        Raises ApiError 400 for another action or an unknown model.
        """
        if query.get("action") != "getPolicy":
            raise build_invalid_parameter("Input should be 'getPolicy': action")
        name = query.get("model", "")
        if self.catalogue.find_model(name, self.accounts.get_region(caller)) is None:
            raise NO_MODEL
        account = caller.account.name
        folder = uuid.UUID(derive_uuid(self.settings.seed, f"upload of {account}", n)).hex
        return self.storage.build_policy(account, name, f"{UPLOAD_FOLDER}/{folder}", f"{host}/oss")

    async def find_result(self, key: str, query: Mapping[str, str]) -> Path:
        """The file of a result.

        Raises ObjectError for a bad or old URL and for an unknown object.
        """
        self.storage.check_url(key, dict(query))
        name = key.rpartition("/")[2]
        row = self.state.tasks.find(name.removesuffix(".mp4"), self.clock.now())
        if (
            row is None
            or row["film"] is None
            or build_result_key(row) != key
            or not self.tasks.has_video(row)
        ):
            raise NO_SUCH_KEY
        if not await self._finish_film(row):
            raise NO_SUCH_KEY
        return self.storage.get_film(row["film"])

    # ---- the whole server

    def advance(self, seconds: float) -> None:
        """Jump forward in time; remembered over restarts."""
        self.clock.advance(seconds)
        self.state.set_meta(CLOCK, repr(self.clock.now()))

    def reset(self) -> None:
        """Forget tasks, uploads, films and requests; rules and numbers are as at the start.

        The clock goes on.
        """
        self.state.reset()
        self.storage.clear()
        self._forget_counts()
        self.scenarios.reset()
        self.faults.reset()

    def restart(self, spared: object = None) -> None:
        """Cut every connection and read the state again, as a new process would.

        `spared` is the transport of the connection that stays, as it is the one that asks for this.
        """
        self.drop_connections(spared)
        self.state.reopen()
        self._forget_counts()

    def take_snapshot(self) -> bytes:
        """The whole server as the bytes of a file.

        It holds tasks, uploads, journal, accounts, rules, webhooks and time.
        """
        orders = {
            "now": self.clock.now(),
            "accounts": self.accounts.to_documents(),
            "webhooks": self.webhooks.show(),
            "scenarios": self.scenarios.show(),
            "faults": self.faults.show(),
        }
        return pack_snapshot(self.state, self.storage.media, orders)

    def restore(self, data: bytes) -> None:
        """Be the server that a snapshot was taken of. Raises ServerError.

        Time does not go back: the clock jumps if it is behind.
        """
        orders = unpack_snapshot(data, self.state, self.storage.media)
        self.storage.use_secret(self.state.get_meta(SECRET) or "")
        self.scenarios.restore(orders["scenarios"])
        self.faults.restore(orders["faults"])
        if "accounts" in orders:  # not in snapshots of the first release
            regions = self.catalogue.service["regions"]
            self.accounts.replace(read_accounts(orders["accounts"], regions))
            self.webhooks.restore(orders["webhooks"])
        self.advance(max(0.0, orders["now"] - self.clock.now()))
        self._forget_counts()

    def _forget_counts(self) -> None:
        self.rates.clear()
        self._requests = self._read_last_number()
