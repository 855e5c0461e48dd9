"""The edge: what happens around every request, before and after it is answered.

It gives a request its number and id, lets ordered faults happen, writes errors as the service
does, and writes the journal.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import hdrs, web
from multidict import istr

from mockserver.catalogue import Doc
from mockserver.errors import BAD_BODY, INTERNAL, ApiError, ObjectError
from mockserver.http.answers import (
    build_api_error,
    build_object_error,
    format_http_date,
)
from mockserver.http.cors import Cors, is_preflight
from mockserver.http.index import CONTROLS, PAGES, describe_miss
from mockserver.http.visit import VISIT, Visit
from mockserver.orders import wire
from mockserver.orders.faults import Fault
from mockserver.orders.scenarios import read_label
from mockserver.service import Service

# Faults that the bytes of an answer show.
SPOILING = ("slow", "truncate", "corrupt", "wrong_length")

# Names of headers in the form that is compared once, not at each answer.
_OSS_REQUEST_ID, _REQUEST_ID = istr("x-oss-request-id"), istr("X-Request-Id")
_GATEWAY, _UPSTREAM_TIME = istr("x-dashscope-call-gateway"), istr("x-envoy-upstream-service-time")
_ARRIVAL, _START, _COST = istr("req-arrive-time"), istr("resp-start-time"), istr("req-cost-time")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("mockserver")


class Edge:
    """The middleware of the application.

    `fault_routes` says, by handler, what rules for faults call a request. What is not in it, as a
    path that there is not, only meets the faults of `any` request.
    """

    def __init__(self, service: Service, cors: Cors, fault_routes: Mapping[Handler, str]) -> None:
        self._service, self._cors, self._fault_routes = service, cors, fault_routes

    @property
    def middleware(self) -> Any:
        """What aiohttp calls with every request."""

        @web.middleware
        async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
            response: web.StreamResponse
            if is_preflight(request):
                response = self._cors.answer_preflight(request)
            elif (path := request.path).startswith(CONTROLS) or path in PAGES:
                response = self._cors.refuse(request) or await self._control(request, handler)
            elif (fault := self._draw_fault(request, handler)) is None:
                response = await self._visit(request, handler, None)
            else:
                response = await self._visit_with_fault(request, handler, fault)
            self._cors.add_headers(request, response)
            return response

        return edge

    async def _control(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Deliver a request that is no part of the service, and so meets nothing of this."""
        try:
            return await handler(request)
        except web.HTTPException as error:
            self._cors.add_headers(request, error)
            raise

    # ---- requests as they should be

    async def _visit(
        self, request: web.Request, handler: Handler, fault: str | None
    ) -> web.StreamResponse:
        """Deliver a request to its handler, and note it in the journal."""
        visit = self._begin_visit()
        response, code = await self._answer(request, handler, visit.request_id)
        await self._record(request, visit, response.status, fault, code)
        response.headers.update(self._build_headers(request, visit))
        return response

    def _begin_visit(self) -> Visit:
        n, request_id = self._service.begin_request()
        visit = Visit(n, request_id, self._service.clock.now())
        VISIT.set(visit)
        return visit

    async def _answer(
        self, request: web.Request, handler: Handler, request_id: str
    ) -> tuple[web.StreamResponse, str | None]:
        """The answer of the handler, or of the error that it raised, with the error's code."""
        try:
            return await handler(request), None
        except ApiError as error:
            return build_api_error(error, request_id), error.code
        except ObjectError as error:
            return build_object_error(error, request_id, request.host), error.code
        except web.HTTPException as error:
            # The name of the class, because phrases of statuses differ with Python.
            code = type(error).__name__.removeprefix("HTTP")
            message = error.text or code
            if error.status in (404, 405):
                message = describe_miss(request.method, request.path)
            return build_api_error(ApiError(error.status, code, message), request_id), code
        except (web.RequestPayloadError, ConnectionError):  # the client went away while sending
            return build_api_error(BAD_BODY, request_id), BAD_BODY.code
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return build_api_error(INTERNAL, request_id), INTERNAL.code

    async def _record(
        self,
        request: web.Request,
        visit: Visit,
        status: int,
        fault: str | None,
        code: str | None = None,
    ) -> None:
        """Write the journal's entry of a request; `fault` is the kind of the one it met.

        It may be answered after that: what it changed is durable then.
        """
        entry: Doc = {
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
        entry.update(visit.notes)
        committed = self._service.record(entry)
        if committed is not None:
            await committed

    def _build_headers(self, request: web.Request, visit: Visit) -> dict[str, str]:
        """Headers of recorded traffic: the gateway's, and its times in milliseconds.

        Which times they are is an assumption.
        """
        now = self._service.clock.now()
        date = format_http_date(int(now))
        if request.path.startswith("/oss"):
            return {hdrs.DATE: date, _OSS_REQUEST_ID: visit.request_id}
        cost_ms = str(round((now - visit.at) * 1000))
        return {
            hdrs.DATE: date,
            _REQUEST_ID: visit.request_id,
            _GATEWAY: "true",
            _ARRIVAL: str(round(visit.at * 1000)),
            _START: str(round(now * 1000)),
            _COST: cost_ms,
            _UPSTREAM_TIME: cost_ms,
        }

    # ---- requests that meet a fault

    def _draw_fault(self, request: web.Request, handler: Handler) -> Fault | None:
        """Count a request for the rules of faults, and give the fault that it is to meet."""
        if not self._service.faults:
            return None
        account = self._service.accounts.find_name(request.headers.get(hdrs.AUTHORIZATION))
        route = self._fault_routes.get(handler, "")
        return self._service.faults.draw(route, account, read_label(request.headers))

    async def _visit_with_fault(
        self, request: web.Request, handler: Handler, fault: Fault
    ) -> web.StreamResponse:
        """Deliver a request that meets a fault.

        The journal's status is what the server decided; 0 if it never did.
        """
        if fault.kind == "jump" and fault.side == "before":
            self._service.advance(fault.seconds or 0.0)
        elif fault.kind != "duplicate" and fault.side == "before":
            if fault.kind != "hang" or fault.seconds is None:
                status = fault.status if fault.kind in ("answer", "not_json") else 0
                await self._record(request, self._begin_visit(), status, fault.kind)
            early = await self._strike(request, fault, None)
            if early is not None:
                return early
        response = await self._visit(request, handler, fault.kind)
        if fault.kind == "duplicate":
            await self._visit(request, handler, fault.kind)
        if fault.side == "before":
            return response
        return await self._strike(request, fault, response) or response

    async def _strike(
        self, request: web.Request, fault: Fault, response: web.StreamResponse | None
    ) -> web.StreamResponse | None:
        """Let a fault happen; returns what is sent in place of the true answer, or None.

        `response` is the true answer, once there is one.
        """
        service = self._service
        match fault.kind:
            case "reset":
                return wire.cut_connection(request)
            case "restart":
                service.restart()
                return wire.cut_connection(request)
            case "hang":
                await wire.hold_back(fault, service.stopping)
                if fault.seconds is None or service.stopping.is_set():
                    return wire.cut_connection(request)
            case "answer" | "not_json":
                return self._build_ordered(request, fault)
            case "jump":
                service.advance(fault.seconds or 0.0)
            case kind if response is not None and kind in SPOILING:
                return await wire.send_spoiled(request, response, fault)
        return None

    def _build_ordered(self, request: web.Request, fault: Fault) -> web.Response:
        """The answer that a fault orders in place of the true one."""
        visit = VISIT.get()
        if fault.body == "json":
            error = ApiError(fault.status, fault.code, fault.message)
            response = build_api_error(error, visit.request_id)
        elif fault.body == "html":
            response = web.Response(
                status=fault.status, body=wire.NOT_JSON, content_type="text/html"
            )
        else:
            response = web.Response(status=fault.status)
        response.headers.update(self._build_headers(request, visit))
        return response
