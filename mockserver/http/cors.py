"""Which pages of other sites may use this server from a browser (CORS).

The API wants a key in a header, which no browser adds by itself, so any page may use it. The
controls want no key: only pages of the server's own site and of sites that were named may use
them. Other pages may order nothing, whether or not they could read the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import hdrs, web

from mockserver.http.index import CONTROLS

ANY = "*"
PREFLIGHT_LIFE_S = 600


def is_preflight(request: web.Request) -> bool:
    """Whether this is a browser's question before a request of another site's page."""
    is_question = request.method == hdrs.METH_OPTIONS
    return is_question and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers


class Cors:
    """The rules for pages of other sites. `origins` may use the controls; `*` stands for all."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    def may_use(self, request: web.Request) -> bool:
        """Whether the page that sends a request may read the answer."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or not request.path.startswith(CONTROLS):
            return True
        own = f"{request.scheme}://{request.host}"
        return origin == own or ANY in self._origins or origin in self._origins

    def answer_preflight(self, request: web.Request) -> web.Response:
        """Say yes, or 403. Headers that are asked for are granted as they are."""
        if not self.may_use(request):
            return _build_refusal(request)
        headers = {
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, PUT, DELETE",
            hdrs.ACCESS_CONTROL_MAX_AGE: str(PREFLIGHT_LIFE_S),
        }
        names = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS)
        if names:
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = names
        return web.Response(status=204, headers=headers)

    def refuse(self, request: web.Request) -> web.Response | None:
        """403 for an order of a page that may not give any; None for every other request."""
        is_question = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
        if is_question or self.may_use(request):
            return None
        return _build_refusal(request)

    def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let the page read the answer; called for every answer before it goes out."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and self.may_use(request):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = ANY
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)


def _build_refusal(request: web.Request) -> web.Response:
    origin = request.headers.get(hdrs.ORIGIN)
    message = (
        f"pages of {origin} may not use the controls; start the server with --cors {origin} to let"
        " them"
    )
    return web.json_response({"code": "InvalidControl", "message": message}, status=403)
