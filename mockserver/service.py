"""The service without HTTP: what a request for a task, an upload or a result comes to."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mockserver.accounts import Accounts, Caller
from mockserver.catalogue import Catalogue, Doc
from mockserver.clock import Clock
from mockserver.digest import canonical, derived_uuid, sha256
from mockserver.errors import BAD_BODY, NO_MODEL, NO_SUCH_KEY, NOT_ASYNC, ApiError, Fault, invalid_parameter
from mockserver.films import Films
from mockserver.media import MediaReader, job_sha256, media_of
from mockserver.outcome import Source, foresee
from mockserver.state import Row, State
from mockserver.storage import Storage
from mockserver.tasks import Draft, Tasks
from mockserver.validation import check, without_nulls

RESULT_FOLDER = "dashscope-result-mock"
UPLOAD_FOLDER = "dashscope-instant"
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
        validation: str,
        seed: int,
    ) -> None:
        self.state, self.clock, self.catalogue, self.accounts = state, clock, catalogue, accounts
        self.storage, self.tasks, self.films = storage, tasks, films
        self._reader, self._validation, self._seed = reader, validation, seed
        self._requests = state.last_entry()[0]

    # ---- requests --------------------------------------------------------------------------------------------------

    def next_request(self) -> tuple[int, str]:
        """Number and request_id of a request that arrives now."""
        self._requests += 1
        return self._requests, derived_uuid(self._seed, "request", self._requests)

    def record(self, n: int, entry: Doc) -> None:
        """Write a request into the journal, durably."""
        self.state.add_entry(n, json.dumps(entry, separators=(",", ":")))

    def journal(self) -> Doc:
        """The last requests, in order of arrival. No keys, no query strings."""
        return {"requests": [json.loads(entry) for entry in self.state.entries()]}

    def reset(self) -> None:
        """Forget tasks, uploads, films and requests, and count from 1 again. The clock goes on."""
        self.state.reset()
        self.storage.clear()
        self._requests = 0

    # ---- create ----------------------------------------------------------------------------------------------------

    async def create(self, caller: Caller, headers: Mapping[str, str], body: bytes, request_id: str) -> str:
        """Accept a request as a task; returns its id. Raises ApiError for what is refused at once."""
        if headers.get("X-DashScope-Async", "").lower() != "enable":
            raise NOT_ASYNC
        document, request_sha256 = parse_body(headers.get("Content-Type", ""), body)
        name = document.get("model")
        model = self.catalogue.model(name, caller.account.region)
        if model is None:
            raise NO_MODEL
        request = without_nulls(document)
        variant, faults = check(model, request)
        sources: list[Source] = []
        digests: dict[str, str] = {}
        if variant is not None and not faults:
            resolve = headers.get("X-DashScope-OssResourceResolve", "").lower() == "enable"
            media = list(media_of(variant, request["input"]))
            sources, digests, faults = await self._reader.read(model, str(name), caller.account.name, media, resolve)
        if faults and self._validation == "strict":
            fault = joined(faults)
            raise ApiError(400, fault.code, fault.message)
        job = job_sha256(document, digests)
        if variant is None or faults:
            draft = Draft(caller, str(name), model, request_sha256, job, joined(faults))
            return self.tasks.create(draft, request_id)
        outcome = foresee(model, variant, request, tuple(sources), self.state.job_count(job))
        draft = Draft(caller, str(name), model, request_sha256, job, outcome)
        task_id = self.tasks.create(draft, request_id)
        self.films.begin(outcome.plan.name, outcome.plan)
        return task_id

    # ---- look ------------------------------------------------------------------------------------------------------

    async def fetch(self, caller: Caller, task_id: str, host: str) -> Doc:
        """The answer to a fetch. One that says SUCCEEDED waits until the film is there."""
        account = caller.account.name
        row = self.tasks.find(account, task_id)
        if row is None or row["status"] != "SUCCEEDED":
            return self.tasks.document(task_id, row, None)
        if not await self._film_ready(row):
            return self.tasks.document(task_id, self.tasks.find(account, task_id), None)
        return self.tasks.document(task_id, row, self.storage.signed_url(host, result_key(row), row["end_at"]))

    async def _film_ready(self, row: Row) -> bool:
        if await self.films.ready(row["film"], row["plan"]):
            return True
        self.state.fail_task(row["task_id"], "InternalError.Algo", "The video could not be made.")
        return False

    def list(self, caller: Caller, query: Mapping[str, str]) -> Doc:
        """The answer to a list (task management reference). Raises ApiError 400 for an unusable query."""
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
        region = self.catalogue.region_id(caller.account.region)
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
        given = [self._moment(query[name]) if query.get(name) else None for name in ("start_time", "end_time")]
        start, end = given
        if end is None:
            end = now if start is None else min(now, start + longest)
        if start is None:
            start = end - longest
        if start > end or end - start > longest:
            raise invalid_parameter("The time range between start_time and end_time should be within 24 hours.")
        return start, end

    def _moment(self, text: str) -> float:
        try:
            hours = self.catalogue.service["utc_offset_h"]
            return datetime.strptime(f"{text} +{hours:02}00", "%Y%m%d%H%M%S %z").timestamp()
        except ValueError:
            raise invalid_parameter("start_time and end_time should be in the format YYYYMMDDhhmmss.") from None

    # ---- uploads and results ---------------------------------------------------------------------------------------

    def policy(self, caller: Caller, query: Mapping[str, str], host: str, n: int) -> Doc:
        """The `data` of a getPolicy answer. Raises ApiError 400 for another action or an unknown model."""
        if query.get("action") != "getPolicy":
            raise invalid_parameter("Input should be 'getPolicy': action")
        name = query.get("model", "")
        if self.catalogue.model(name, caller.account.region) is None:
            raise NO_MODEL
        folder = uuid.UUID(derived_uuid(self._seed, f"upload of {caller.account.name}", n)).hex
        return self.storage.policy(caller.account.name, name, f"{UPLOAD_FOLDER}/{folder}", f"{host}/oss")

    async def result(self, key: str, query: Mapping[str, str]) -> Any:
        """The path of a result's file. Raises ObjectError for a bad or old URL and for an unknown object."""
        self.storage.check_url(key, dict(query))
        name = key.rpartition("/")[2]
        row = self.state.task(name.removesuffix(".mp4"), self.clock.now())
        if row is None or row["film"] is None or result_key(row) != key or row["status"] != "SUCCEEDED":
            raise NO_SUCH_KEY
        if not await self._film_ready(row):
            raise NO_SUCH_KEY
        return self.storage.film(row["film"])


def result_key(row: Row) -> str:
    """The object key of a task's result."""
    return f"{RESULT_FOLDER}/{row['film'][:2]}/{row['task_id']}.mp4"


def parse_body(content_type: str, body: bytes) -> tuple[Doc, str]:
    """A JSON object from a request, and the digest of its canonical form. Raises ApiError 400 for anything else."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise BAD_BODY
    try:
        document = json.loads(body)
        digest = sha256(canonical(document))  # which also refuses lone surrogates, infinities and NaN
    except (ValueError, RecursionError):
        raise BAD_BODY from None
    if not isinstance(document, dict) or _deeper_than(document, DEEPEST_BODY):
        raise BAD_BODY
    return document, digest


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
