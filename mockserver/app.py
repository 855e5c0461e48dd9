"""The routes, over aiohttp: from an HTTP request to the service and back."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.payload import Payload

from mockserver import wire
from mockserver.accounts import Caller, check_workspace
from mockserver.digest import compact, sha256
from mockserver.errors import BAD_BODY, INTERNAL, MALFORMED_FORM, ApiError, ObjectError
from mockserver.faults import Trouble
from mockserver.media import RunBlocking
from mockserver.scenarios import LABEL
from mockserver.service import Service

API = "/api/v1"
LARGEST_BODY = 256 << 20  # bytes of a JSON body: four images of 20 MB as Base64 fit
FORM_FIELD_LARGEST = 64 << 10
# troubles that the bytes of an answer show
SPOILS = ("slow", "truncate", "corrupt", "wrong_length")
CHUNK = 256 << 10

JSON = {hdrs.CONTENT_TYPE: "application/json;charset=utf-8"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("mockserver")


def make_app(
    service: Service, run_blocking: RunBlocking, public_url: str | None
) -> web.Application:
    """The whole server as an aiohttp application. `public_url` is the root that upload and result
    URLs begin with.
    """
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_Edge(service).middleware])
    routes = _Routes(service, run_blocking, public_url)
    paths = service.catalogue.service["paths"]
    for path, method, handler in (
        (paths["create"], "POST", routes.create),
        # the router asks in order: frequent ones first
        (paths["tasks"] + "/{task_id:[^/]+}", "GET", routes.fetch),
        (paths["tasks"], "GET", routes.list),
        (paths["tasks"] + "/{task_id:[^/]+}/cancel", "POST", routes.cancel),
        (paths["uploads"], "GET", routes.policy),
    ):
        for slash in ("", "/"):
            app.router.add_route(method, API + path + slash, handler)
    app.router.add_post("/oss", routes.upload)
    app.router.add_post("/oss/", routes.upload)
    app.router.add_get("/oss/{key:.+}", routes.result)
    return app


@dataclass
class Visit:
    """One request on its way through: its number, its request_id, and what the journal is to say of
    it.
    """

    n: int
    request_id: str
    at: float  # when it arrived
    notes: dict[str, Any] = field(default_factory=dict)


VISIT: ContextVar[Visit] = ContextVar("VISIT")


class _Edge:
    """Around every request: its number and id, ordered faults, errors as the service writes them,
    the journal, time.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def middleware(self) -> Any:
        @web.middleware
        async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/_mock/"):
                return await handler(request)
            faults = self._service.faults
            trouble = faults.draw(_route_name(handler), *self._sender(request)) if faults else None
            if trouble is None:
                return await self._visit(request, handler, None)
            return await self._troubled(request, handler, trouble)

        return edge

    def _sender(self, request: web.Request) -> tuple[str | None, str | None]:
        """Whom an order may be about: the account by its key, and the label."""
        account = self._service.accounts.name_of(request.headers.get(hdrs.AUTHORIZATION))
        return account, request.headers.get(LABEL)

    async def _visit(
        self, request: web.Request, handler: Handler, fault: str | None
    ) -> web.StreamResponse:
        """One delivery of a request to its handler, and its row in the journal."""
        visit = self._arrive()
        response, code = await self._answer(request, handler, visit.request_id)
        self._record(request, visit, response.status, fault, code)
        response.headers.update(self._headers(request, visit))
        return response

    def _arrive(self) -> Visit:
        service = self._service
        visit = Visit(*service.next_request(), service.clock.now())
        VISIT.set(visit)
        return visit

    def _record(
        self,
        request: web.Request,
        visit: Visit,
        status: int,
        fault: str | None,
        code: str | None = None,
    ) -> None:
        entry = {
            "n": visit.n,
            "at": round(visit.at, 3),
            "method": request.method,
            "path": request.path,
            "status": status,
            "request_id": visit.request_id,
        }
        if code:
            entry["code"] = code
        if fault:
            entry["fault"] = fault
        self._service.record({**entry, **visit.notes})

    def _headers(self, request: web.Request, visit: Visit) -> dict[str, str]:
        """Headers of recorded traffic: the gateway's and its times in milliseconds (which ones:
        assumption).
        """
        now = self._service.clock.now()
        if _is_object(request):
            return {hdrs.DATE: http_date(int(now)), "x-oss-request-id": visit.request_id}
        took = str(round((now - visit.at) * 1000))
        return {
            hdrs.DATE: http_date(int(now)),
            "X-Request-Id": visit.request_id,
            "x-dashscope-call-gateway": "true",
            "req-arrive-time": str(round(visit.at * 1000)),
            "resp-start-time": str(round(now * 1000)),
            "req-cost-time": took,
            "x-envoy-upstream-service-time": took,
        }

    async def _answer(
        self, request: web.Request, handler: Handler, request_id: str
    ) -> tuple[web.StreamResponse, str | None]:
        try:
            return await handler(request), None
        except ApiError as error:
            return api_error(error, request_id), error.code
        except ObjectError as error:
            return object_error(error, request_id, request.host), error.code
        except web.HTTPException as error:
            # phrases of statuses differ with Python
            code = type(error).__name__.removeprefix("HTTP")
            unknown = ApiError(error.status, code, error.text or code)
            return api_error(unknown, request_id), unknown.code
        except (web.RequestPayloadError, ConnectionError):  # the client went away while sending
            return api_error(BAD_BODY, request_id), BAD_BODY.code
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return api_error(INTERNAL, request_id), INTERNAL.code

    # ---- faults
    # ----------------------------------------------------------------------------------------------------

    async def _troubled(
        self, request: web.Request, handler: Handler, trouble: Trouble
    ) -> web.StreamResponse:
        """A request that meets an ordered fault. The journal's status is what the server decided; 0
        if it never did.
        """
        if trouble.side == "before" and trouble.kind not in ("duplicate", "jump"):
            if trouble.kind != "hang" or trouble.seconds is None:
                ordered = trouble.status if trouble.kind in ("answer", "not_json") else 0
                self._record(request, self._arrive(), ordered, trouble.kind)
            early = await self._act(request, trouble, None)
            if early is not None:
                return early
        elif trouble.kind == "jump" and trouble.side == "before":
            self._service.advance(trouble.seconds or 0.0)
        response = await self._visit(request, handler, trouble.kind)
        if trouble.kind == "duplicate":
            await self._visit(request, handler, trouble.kind)
        if trouble.side == "before":
            return response
        return await self._act(request, trouble, response) or response

    async def _act(
        self, request: web.Request, trouble: Trouble, response: web.StreamResponse | None
    ) -> web.StreamResponse | None:
        """Do what the trouble says; the answer to send in place of the true one, or None."""
        service = self._service
        match trouble.kind:
            case "reset":
                return wire.cut(request)
            case "restart":
                service.restart()
                return wire.cut(request)
            case "hang":
                await wire.hold(trouble, service.stopping)
                return (
                    wire.cut(request)
                    if trouble.seconds is None or service.stopping.is_set()
                    else None
                )
            case "answer" | "not_json":
                return self._made(request, trouble)
            case "jump":
                service.advance(trouble.seconds or 0.0)
        return (
            await wire.spoilt(request, response, trouble)
            if response and trouble.kind in SPOILS
            else None
        )

    def _made(self, request: web.Request, trouble: Trouble) -> web.Response:
        visit = VISIT.get()
        if trouble.body == "json":
            made = api_error(
                ApiError(trouble.status, trouble.code, trouble.message), visit.request_id
            )
        elif trouble.body == "html":
            made = web.Response(status=trouble.status, body=wire.NOT_JSON, content_type="text/html")
        else:
            made = web.Response(status=trouble.status)
        made.headers.update(self._headers(request, visit))
        return made


class _Routes:
    def __init__(self, service: Service, run_blocking: RunBlocking, public_url: str | None) -> None:
        self._service, self._run_blocking = service, run_blocking
        self._public_url = public_url.rstrip("/").removesuffix(API) if public_url else None

    # ---- tasks
    # -----------------------------------------------------------------------------------------------------

    async def create(self, request: web.Request) -> web.Response:
        caller = self._caller(request)
        body = await request.read()
        visit = VISIT.get()
        visit.notes["body_sha256"] = sha256(body)
        task_id = await self._service.create(
            caller, request.headers, body, visit.request_id, visit.notes
        )
        return answer({"output": {"task_status": "PENDING", "task_id": task_id}})

    async def fetch(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "fetch")
        task_id = request.match_info["task_id"]
        VISIT.get().notes["task_id"] = task_id
        return answer(await self._service.fetch(caller, task_id, lambda: self._host(request)))

    async def list(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "list")
        VISIT.get().notes["query"] = dict(request.query)
        return answer(self._service.list(caller, request.query))

    async def cancel(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "cancel")
        task_id = request.match_info["task_id"]
        VISIT.get().notes["task_id"] = task_id
        self._service.tasks.cancel(caller.account.name, task_id)
        return answer({})

    # ---- files
    # -----------------------------------------------------------------------------------------------------

    async def policy(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "get_policy")
        return answer(
            {
                "data": self._service.policy(
                    caller, request.query, self._host(request), VISIT.get().n
                )
            }
        )

    async def upload(self, request: web.Request) -> web.Response:
        """A form as object storage takes it: the fields first, the file last, streamed to disk."""
        if not request.content_type.startswith("multipart/"):
            raise MALFORMED_FORM
        try:
            form: dict[str, str] = {}
            async for part in await request.multipart():
                if isinstance(part, BodyPartReader) and part.name == "file":
                    await self._store(form, part)
                    status = form.get("success_action_status", "204")
                    return web.Response(status=int(status) if status in ("200", "201") else 204)
                if isinstance(part, BodyPartReader):
                    form[part.name or ""] = await _field(part)
        # the second one: headers of a part that cannot be
        except (ValueError, HttpProcessingError):
            raise MALFORMED_FORM from None
        raise ObjectError(400, "InvalidArgument", "The form has no file.")

    async def _store(self, form: dict[str, str], part: BodyPartReader) -> None:
        storage = self._service.storage
        grant = storage.grant(form)
        incoming = storage.receive()
        try:
            while chunk := await part.read_chunk(CHUNK):
                incoming.write(chunk)
                if incoming.size_bytes > grant.max_size_bytes:
                    raise ObjectError(
                        400,
                        "EntityTooLarge",
                        "Your proposed upload exceeds the maximum allowed size.",
                    )
            storage.store_upload(form["key"], grant, incoming)
        except BaseException:
            incoming.discard()
            raise

    async def result(self, request: web.Request) -> web.Response:
        path = await self._service.result(request.match_info["key"], request.query)
        size = path.stat().st_size
        first, last = _range(request, size)
        headers = {
            hdrs.CONTENT_TYPE: "video/mp4",
            hdrs.CONTENT_LENGTH: str(last - first + 1),
            hdrs.ACCEPT_RANGES: "bytes",
            hdrs.ETAG: f'"{path.stem}"',  # no MD5, and too long to be taken for one
        }
        whole = (first, last) == (0, size - 1)
        if not whole:
            headers[hdrs.CONTENT_RANGE] = f"bytes {first}-{last}/{size}"
        body = FileBody(path, first, last - first + 1, self._run_blocking)
        return web.Response(status=200 if whole else 206, headers=headers, body=body)

    def _caller(self, request: web.Request, rate: str | None = None) -> Caller:
        """Who asks, and that they may ask now; `rate` is the kind of request whose rate per account
        is counted.
        """
        service = self._service
        caller = service.accounts.caller(request.headers.get(hdrs.AUTHORIZATION))
        notes = VISIT.get().notes
        notes["account"] = caller.account.name
        if label := request.headers.get(LABEL):
            notes["label"] = label
        check_workspace(caller, request.headers.get("X-DashScope-WorkSpace"))
        if rate is not None:
            service.rates.take(
                caller.account.name, rate, service.catalogue.service["rates"][f"{rate}_per_s"]
            )
        return caller

    def _host(self, request: web.Request) -> str:
        return self._public_url or f"{request.scheme}://{request.host}"


class FileBody(Payload):
    """A part of a file as a response body, read a chunk at a time."""

    def __init__(self, path: Path, offset: int, size_bytes: int, run_blocking: RunBlocking) -> None:
        super().__init__(path, content_type="video/mp4")
        self.path, self.offset, self.size_bytes = path, offset, size_bytes
        self._run_blocking = run_blocking

    @property
    def size(self) -> int:
        """Bytes that will be sent."""
        return self.size_bytes

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """A video is no text."""
        raise TypeError(f"a video cannot be decoded as {encoding} text ({errors})")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send everything."""
        await self.write_with_length(writer, None)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Send at most so many bytes."""
        left = self.size_bytes if content_length is None else min(content_length, self.size_bytes)
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while left > 0 and (chunk := await self._run_blocking(file.read, min(CHUNK, left))):
                await writer.write(chunk)
                left -= len(chunk)


async def _field(part: BodyPartReader) -> str:
    text = bytearray()
    while chunk := await part.read_chunk(FORM_FIELD_LARGEST):
        text += chunk
        if len(text) > FORM_FIELD_LARGEST:
            raise MALFORMED_FORM
    return text.decode("utf-8", "replace")


def answer(document: dict[str, Any]) -> web.Response:
    """A 200 of the task API: the document and the request's id."""
    return _json(200, {"request_id": VISIT.get().request_id, **document})


def api_error(error: ApiError, request_id: str) -> web.Response:
    """An error of the task API (API reference: top level code, message, request_id)."""
    return _json(
        error.status, {"code": error.code, "message": error.message, "request_id": request_id}
    )


def object_error(error: ObjectError, request_id: str, host: str) -> web.Response:
    """An error of the object storage, as XML."""
    fields = {"Code": error.code, "Message": error.message, "RequestId": request_id, "HostId": host}
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error>{inner}</Error>'
    return web.Response(status=error.status, text=text, content_type="application/xml")


def _json(status: int, document: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=compact(document), headers=JSON)


@functools.lru_cache(maxsize=4)
def http_date(second: int) -> str:
    """A time as the Date header has it."""
    return formatdate(second, usegmt=True)


def _route_name(handler: Handler) -> str:
    """Which of faults.ROUTES a request is on: the names of the handlers below."""
    return getattr(handler, "__name__", "")


def _is_object(request: web.Request) -> bool:
    return request.path.startswith("/oss")


def _range(request: web.Request, size: int) -> tuple[int, int]:
    """First and last byte that a request asks for; an unusable Range is ignored, as object storage
    does.
    """
    try:
        wanted = request.http_range
    except ValueError:
        return 0, size - 1
    first, stop, _ = (
        wanted.indices(size)
        if wanted.start is not None or wanted.stop is not None
        else (0, size, 1)
    )
    return (first, stop - 1) if first < stop else (0, size - 1)
