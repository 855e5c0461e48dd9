"""The web page on a port: who asks is let in or not, what is asked goes to the API, and every
answer says what a browser may do with it. Imported by who serves only: aiohttp is slow to load.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from reconciler.apply.events import RunBlocking, run_in_thread
from reconciler.errors import CutlistError
from reconciler.system.stills.kinds import StillKind
from reconciler.web.api import (
    PREFIX,
    ROUTES,
    Handler,
    PageQuestion,
    PageReply,
)
from reconciler.web.connections import PageConnection, PageConnections
from reconciler.web.files import STATIC_AT, Shell
from reconciler.web.gate import Knock, NotAdmitted, PageGate, TokenGate
from reconciler.web.media import NoMedium, NotMadeYet
from reconciler.web.refusals import Refused, refuse_for
from reconciler.web.rooms import PageHouse
from reconciler.web.streams import send_events, send_medium, send_still

STOP_S = 0.5  # for requests that are being answered when it stops
MOST_BODY_BYTES = 64 << 10
_OFF_THE_LOOP_BYTES = 64 << 10  # what is larger is compressed in a thread
_JSON = "application/json"
_STATIC = f"{STATIC_AT}/{{version}}/{{path}}"
_STILL_TYPES = {
    StillKind.POSTER.value: "image/webp",
    StillKind.PREVIEW.value: "video/mp4",
    StillKind.FILMSTRIP.value: "image/webp",
}
_SAFE = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none';"
        " object-src 'none'; img-src 'self' data: blob:; media-src 'self' blob:"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Server": "cutlist",  # in the place of the library's name and version
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageServer:
    """Pages on a port. `port` 0 takes a free one; once started, `port` is the one that was taken.
    `open_gate` is told the port. `tell_fault` hears of what could not be answered.
    """

    def __init__(
        self,
        house: PageHouse,
        shell: Shell,
        open_gate: Callable[[int], PageGate],
        tell_fault: Callable[[Exception], None],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        block: RunBlocking = run_in_thread,
        connections: PageConnections | None = None,
    ) -> None:
        self._house, self._shell, self._block = house, shell, block
        self._open_gate, self._tell_fault = open_gate, tell_fault
        self._gate: PageGate | None = None
        self.host, self.port = host, port
        self._connections = connections or PageConnections()
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises CutlistError where the address cannot be taken."""
        runner = web.AppRunner(self._build_app(), shutdown_timeout=STOP_S, access_log=None)
        await runner.setup()
        server = runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: self._connections.make(server), self.host, self.port, backlog=128
            )
        except OSError as error:
            await runner.cleanup()
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise CutlistError(
                f"cannot listen on {self.host} port {self.port}: {reason}",
                hint="Name another address or a free port; port 0 takes any.",
            ) from error
        self._runner, self.port = runner, self._listener.sockets[0].getsockname()[1]
        self._gate = self._open_gate(self.port)

    async def stop(self) -> None:
        """Take no more requests, and end those that are here."""
        listener, self._listener = self._listener, None
        runner, self._runner = self._runner, None
        if listener is not None and runner is not None:
            listener.close()
            await runner.cleanup()
            self._connections.abort()

    def list_routes(self) -> set[tuple[str, str]]:
        """Methods and paths of all that is no part of the front end."""
        prefix = self._house.prefix
        shown = {f"{prefix}{path}" for path in self._shell.pages} | {"/", prefix, _STATIC}
        return {
            (route.method, route.resource.canonical)
            for route in self._build_app().router.routes()
            if route.resource is not None
            and route.method != "HEAD"
            and route.resource.canonical not in shown
        }

    def _build_app(self) -> web.Application:
        app = web.Application(
            middlewares=[self._answer_safely, self._let_in], client_max_size=MOST_BODY_BYTES
        )
        at, add = self._house.prefix, app.router.add_get
        for method, path, handler in ROUTES:
            app.router.add_route(method, f"{at}/{PREFIX}{path}", self._make_answer(handler))
        add(f"{at}/{PREFIX}/events", self._answer_events)
        add(f"{_STATIC[:-1]}:.+}}", self._answer_static)
        for kind in ("media", "inputs"):
            add(f"{at}/{kind}/{{digest}}", self._answer_medium)
            add(f"{at}/{kind}/{{digest}}/{{still}}", self._answer_still)
        for path in self._shell.pages:
            add(f"{at}{path}", self._answer_shell)
        if self._house.lobby is not None:
            add("/", self._answer_lobby)
            add(f"/{PREFIX}/syncs", self._answer_syncs)
            add(f"/{PREFIX}/events", self._answer_lobby_events)
            app.router.add_post(f"/{PREFIX}/syncs/{{name}}/{{order}}", self._answer_order)
            add(at, self._lead_in)
        app.on_response_prepare.append(_make_safe)
        return app

    # ---- around every request

    @web.middleware
    async def _answer_safely(self, request: web.Request, handler: _Answer) -> web.StreamResponse:
        """Every answer is words or data, and safe in a browser."""
        connection = request.protocol
        assert isinstance(connection, PageConnection)
        try:
            return await self._answer_in_time(request, connection, handler)
        finally:
            connection.end_answer()

    async def _answer_in_time(
        self, request: web.Request, connection: PageConnection, handler: _Answer
    ) -> web.StreamResponse:
        try:
            if request.body_exists:
                await request.read()
            connection.begin_answer()
            response = await handler(request)
        except Refused as error:
            response = _build_refusal(request, error)
        except NoMedium as error:
            response = _build_refusal(request, Refused(404, "no_medium", str(error)))
        except NotMadeYet:
            words = "It is being made."
            response = _build_refusal(request, Refused(202, "not_made_yet", words, "Ask again."))
            response.headers["Retry-After"] = "1"
        except CutlistError as error:
            response = _build_refusal(request, refuse_for(error))
        except web.HTTPException as error:
            response = _build_refusal(request, _explain_status(error))
        except ConnectionError:
            raise
        except Exception as error:  # a fault of ours ends one request, and is told
            self._tell_fault(error)
            words = "This cannot be answered: a fault of the program."
            response = _build_refusal(
                request, Refused(500, "fault", words, "The terminal says more.")
            )
        return response

    @web.middleware
    async def _let_in(self, request: web.Request, handler: _Answer) -> web.StreamResponse:
        """Nobody gets anything who is not let in; the token in an address becomes a cookie."""
        self._admit(request)
        connection = request.protocol
        assert isinstance(connection, PageConnection)
        connection.is_admitted = True
        gate = self._gate
        if isinstance(gate, TokenGate) and request.match_info.http_exception is None:
            kept = gate.find_cookie_token(_read_knock(request))
            if kept is not None and request.method == "GET":
                return _keep_token(request, gate.cookie, kept)
        return await handler(request)

    def _admit(self, request: web.Request) -> str:
        """Who asks. Raises Refused."""
        if self._gate is None:
            raise Refused(503, "starting", "The page is not ready yet.", "Ask again.")
        try:
            return self._gate.admit(_read_knock(request))
        except NotAdmitted as error:
            raise Refused(403, error.code, error.message, error.hint) from None

    # ---- the answers

    def _make_answer(self, handler: Handler) -> _Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            body = await _read_json(request) if request.method == "POST" else {}
            asked = PageQuestion(self._admit(request), request.match_info, request.query, body)
            room = self._house.find(request.match_info, request.query.get("environment", ""))
            return _build_reply(request, await handler(room.api, asked))

        return answer

    async def _answer_shell(self, request: web.Request) -> web.StreamResponse:
        base = self._house.prefix.format_map(request.match_info)
        return _build_page(self._shell.make_page(f"{base}/"))

    async def _answer_lobby(self, _request: web.Request) -> web.StreamResponse:
        return _build_page(self._shell.make_page("/", "syncs"))

    async def _lead_in(self, request: web.Request) -> web.StreamResponse:
        """The page of a room ends in a slash: the addresses in it begin there."""
        location = f"{self._house.prefix.format_map(request.match_info)}/"
        return web.Response(status=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": location})

    async def _answer_syncs(self, request: web.Request) -> web.StreamResponse:
        lobby = self._house.lobby
        assert lobby is not None
        return _build_reply(request, PageReply(lobby.read_syncs(self._admit(request))))

    async def _answer_order(self, request: web.Request) -> web.StreamResponse:
        lobby = self._house.lobby
        assert lobby is not None
        await _read_json(request)  # a form of another site has none
        name, order = request.match_info["name"], request.match_info["order"]
        return _build_reply(request, PageReply(lobby.order(name, order, self._admit(request))))

    async def _answer_lobby_events(self, request: web.Request) -> web.StreamResponse:
        lobby = self._house.lobby
        assert lobby is not None
        return await send_events(request, lobby.feed)

    async def _answer_static(self, request: web.Request) -> web.StreamResponse:
        found = self._shell.find(request.match_info["version"], request.match_info["path"])
        if found is None:
            raise Refused(404, "not_found", "There is nothing here.")
        body, content_type = found
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Type": content_type,
        }
        return web.Response(body=body, headers=headers)

    async def _answer_events(self, request: web.Request) -> web.StreamResponse:
        environment = request.query.get("environment", "")
        feed = self._house.find_feed(request.match_info, environment)
        return await send_events(request, feed)

    async def _answer_medium(self, request: web.Request) -> web.StreamResponse:
        media = self._house.find(request.match_info).media
        await media.wait()
        digest = request.match_info["digest"]
        is_video = self._asks_for_video(request)
        opening = media.open_video(digest) if is_video else media.open_input(digest)
        return await send_medium(request, digest, opening, self._block)

    def _asks_for_video(self, request: web.Request) -> bool:
        at = self._house.prefix.format_map(request.match_info)
        return request.path.removeprefix(at).startswith("/media/")

    async def _answer_still(self, request: web.Request) -> web.StreamResponse:
        digest, name = request.match_info["digest"], request.match_info["still"]
        if name not in _STILL_TYPES:
            raise Refused(404, "not_found", "There is nothing here.")
        media = self._house.find(request.match_info).media
        await media.wait()
        is_video = self._asks_for_video(request)
        get = media.get_video_still if is_video else media.get_input_still
        made = await get(digest, StillKind(name))
        return send_still(request, f"{digest}.{name}", made, _STILL_TYPES[name])


def _build_page(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="text/html", charset="utf-8")


async def _make_safe(_request: web.Request, response: web.StreamResponse) -> None:
    """What a browser may do with an answer stands in every answer."""
    response.headers.update(_SAFE)
    response.headers.setdefault("Cache-Control", "no-store")


def _read_knock(request: web.Request) -> Knock:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return Knock(
        request.method,
        str(peer[0]) if peer else "",
        {name.lower(): value for name, value in request.headers.items()},
        request.cookies,
        request.query.get("token", ""),
    )


def _keep_token(request: web.Request, cookie: str, token: str) -> web.Response:
    """Send the browser on to the clean address, with the token in a cookie.

    Whoever comes from elsewhere is sent on by a page of ours: in a redirection from another site
    a browser would not bring the cookie along.
    """
    query = [(name, value) for name, value in request.query.items() if name != "token"]
    clean = str(request.rel_url.with_query(query))
    if request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin"):
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": clean})
    else:
        text = f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(clean)}">'
        response = web.Response(text=text, content_type="text/html")
    response.set_cookie(
        cookie, token, httponly=True, samesite="Strict", secure=request.secure, path="/"
    )
    return response


async def _read_json(request: web.Request) -> Mapping[str, Any]:
    """The JSON object of a request. Raises Refused."""
    if request.content_type != _JSON:
        raise Refused(
            415, "no_json", "What changes something is JSON.", f"Send Content-Type: {_JSON}."
        )
    try:
        data = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        raise Refused(400, "bad_json", "The JSON cannot be read.", "Send an object.") from None
    if not isinstance(data, dict):
        raise Refused(400, "bad_json", "The JSON is no object.", "Send an object.")
    return data


def _build_reply(request: web.Request, reply: PageReply) -> web.Response:
    if reply.etag:
        tag = f'"{reply.etag}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    else:
        headers = {}
    body = reply.data if isinstance(reply.data, bytes) else orjson.dumps(reply.data)
    response = web.Response(
        status=reply.status,
        body=body,
        headers={**headers, "Content-Type": _JSON, "Vary": "Accept-Encoding"},
        zlib_executor_size=_OFF_THE_LOOP_BYTES,
    )
    response.enable_compression()
    return response


def _build_refusal(request: web.Request, error: Refused) -> web.Response:
    """A refusal as data for programs, and in words for whoever has followed a link."""
    if f"/{PREFIX}/" in request.path or "html" not in request.headers.get("Accept", ""):
        body, content_type = orjson.dumps(error.to_json()), _JSON
    else:
        lines = [error.message, *([error.hint] if error.hint else [])]
        body, content_type = "\n".join([*lines, ""]).encode(), "text/plain; charset=utf-8"
    return web.Response(status=error.status, body=body, headers={"Content-Type": content_type})


def _explain_status(error: web.HTTPException) -> Refused:
    """An answer of the library's own in our words."""
    words = {
        404: ("not_found", "There is nothing here."),
        405: ("bad_method", "Not with this method."),
        413: ("too_large", "That is more than anything here takes."),
    }
    code, message = words.get(error.status, ("bad_request", "This is not HTTP as it should be."))
    return Refused(error.status, code, message)
