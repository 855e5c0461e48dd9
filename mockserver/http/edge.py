"""Around every request: its number and id, ordered faults, errors as the service writes them, the
journal, time.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import hdrs, web

from mockserver.digest import compact
from mockserver.errors import BAD_BODY, INTERNAL, ApiError, ObjectError
from mockserver.http import index
from mockserver.http.cors import Cors, is_preflight
from mockserver.orders import wire
from mockserver.orders.faults import Trouble
from mockserver.orders.scenarios import LABEL
from mockserver.service import Service

# troubles that the bytes of an answer show
SPOILS = ("slow", "truncate", "corrupt", "wrong_length")
JSON = {hdrs.CONTENT_TYPE: "application/json;charset=utf-8"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("mockserver")


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


class Edge:
    """Around every request: its number and id, ordered faults, errors as the service writes them,
    the journal, time.
    """

    def __init__(self, service: Service, cors: Cors) -> None:
        self._service = service
        self._cors = cors

    @property
    def middleware(self) -> Any:
        @web.middleware
        async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
            if is_preflight(request):
                return self._cors.answer_preflight(request)
            if request.path.startswith(index.CONTROLS) or request.path in index.PAGES:
                return self._cors.refusal(request) or await handler(request)
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
            message = error.text or code
            if error.status in (404, 405):
                message = index.describe_miss(request.method, request.path)
            return api_error(ApiError(error.status, code, message), request_id), code
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
