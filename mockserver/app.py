"""The routes, over aiohttp: from an HTTP request to the service and back."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from mockserver.accounts import Caller, check_workspace
from mockserver.digest import compute_sha256
from mockserver.errors import MALFORMED_FORM, ObjectError
from mockserver.http.answers import build_answer
from mockserver.http.cors import Cors
from mockserver.http.edge import Edge, Handler
from mockserver.http.files import CHUNK_BYTES, FileBody, read_range
from mockserver.http.index import API, build_openapi
from mockserver.http.visit import VISIT
from mockserver.media.renderer import RunBlocking
from mockserver.orders.scenarios import read_label
from mockserver.service import Service

LARGEST_BODY = 256 << 20  # bytes of a JSON body: four images of 20 MB as Base64 fit
LARGEST_FIELD = 64 << 10  # bytes of a field of an upload form


class Route(NamedTuple):
    """A way to ask for something. `fault_route` is its name in rules for faults (orders.faults)."""

    fault_route: str
    method: str
    path: str
    handler: Handler


def build_app(service: Service, run_blocking: RunBlocking) -> web.Application:
    """The whole server as an aiohttp application, but for its controls."""
    handlers = _Handlers(service, run_blocking)
    routes = _list_routes(service, handlers)
    cors = Cors(service.settings.cors)
    edge = Edge(service, cors, {route.handler: route.fault_route for route in routes})
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[edge.middleware])
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
    for path in ("/openapi.json", "/openapi.json/"):
        app.router.add_get(path, handlers.describe_api)
    return app


def _list_routes(service: Service, handlers: _Handlers) -> list[Route]:
    """The table of the service's routes, frequent ones first, as the router asks in order."""
    paths = service.catalogue.service["paths"]
    tasks = API + paths["tasks"]
    task = tasks + "/{task_id:[^/]+}"
    routes = [
        Route("create", "POST", API + paths["create"], handlers.create_task),
        Route("fetch", "GET", task, handlers.fetch_task),
        Route("list", "GET", tasks, handlers.list_tasks),
        Route("cancel", "POST", task + "/cancel", handlers.cancel_task),
        Route("policy", "GET", API + paths["uploads"], handlers.grant_upload),
        Route("upload", "POST", "/oss", handlers.store_upload),
    ]
    with_slash = (
        route._replace(path=route.path + slash) for route in routes for slash in ("", "/")
    )
    result = "/oss/{key:.+}"
    return [
        *with_slash,
        Route("result", "HEAD", result, handlers.send_result),
        Route("result", "GET", result, handlers.send_result),
    ]


class _Handlers:
    """What answers each route."""

    def __init__(self, service: Service, run_blocking: RunBlocking) -> None:
        self._service, self._run_blocking = service, run_blocking
        public_url = service.settings.public_url
        self._public_url = public_url.rstrip("/").removesuffix(API) if public_url else None

    # ---- tasks

    async def create_task(self, request: web.Request) -> web.Response:
        caller = self._identify(request)
        body = await request.read()
        visit = VISIT.get()
        visit.notes["body_sha256"] = compute_sha256(body)
        task_id = await self._service.create(
            caller, request.headers, body, visit.request_id, visit.notes
        )
        return build_answer({"output": {"task_status": "PENDING", "task_id": task_id}})

    async def fetch_task(self, request: web.Request) -> web.Response:
        caller = self._identify(request, "fetch")
        task_id = request.match_info["task_id"]
        VISIT.get().notes["task_id"] = task_id
        document = await self._service.fetch(caller, task_id, lambda: self._get_host(request))
        return build_answer(document)

    async def list_tasks(self, request: web.Request) -> web.Response:
        caller = self._identify(request, "list")
        VISIT.get().notes["query"] = dict(request.query)
        return build_answer(self._service.list_tasks(caller, request.query))

    async def cancel_task(self, request: web.Request) -> web.Response:
        caller = self._identify(request, "cancel")
        task_id = request.match_info["task_id"]
        VISIT.get().notes["task_id"] = task_id
        self._service.tasks.cancel(caller.account.name, task_id)
        return build_answer({})

    # ---- files

    async def describe_api(self, request: web.Request) -> web.Response:
        """The description of all this, for generators of clients and for editors."""
        return web.json_response(build_openapi(self._get_host(request)))

    async def grant_upload(self, request: web.Request) -> web.Response:
        caller = self._identify(request, "get_policy")
        host, n = self._get_host(request), VISIT.get().n
        return build_answer({"data": self._service.grant_upload(caller, request.query, host, n)})

    async def store_upload(self, request: web.Request) -> web.Response:
        """Take a form as object storage does: the fields first, the file last, streamed to disk."""
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
                    form[part.name or ""] = await _read_field(part)
        # HttpProcessingError: headers of a part that cannot be.
        except (ValueError, HttpProcessingError):
            raise MALFORMED_FORM from None
        raise ObjectError(400, "InvalidArgument", "The form has no file.")

    async def _store(self, form: dict[str, str], part: BodyPartReader) -> None:
        """Store the file of an upload form, if the fields before it allow that."""
        storage = self._service.storage
        grant = storage.check_form(form)
        incoming = storage.receive()
        try:
            while chunk := await part.read_chunk(CHUNK_BYTES):
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

    async def send_result(self, request: web.Request) -> web.Response:
        path = await self._service.find_result(request.match_info["key"], request.query)
        size_bytes = path.stat().st_size
        first, last = read_range(request, size_bytes)
        headers = {
            hdrs.CONTENT_TYPE: "video/mp4",
            hdrs.CONTENT_LENGTH: str(last - first + 1),
            hdrs.ACCEPT_RANGES: "bytes",
            hdrs.ETAG: f'"{path.stem}"',  # no MD5, and too long to be taken for one
        }
        status = 200
        if (first, last) != (0, size_bytes - 1):
            status = 206
            headers[hdrs.CONTENT_RANGE] = f"bytes {first}-{last}/{size_bytes}"
        body = FileBody(path, first, last - first + 1, self._run_blocking)
        return web.Response(status=status, headers=headers, body=body)

    # ---- what all of them need

    def _identify(self, request: web.Request, rate: str | None = None) -> Caller:
        """Find out who sends a request, and whether they may now. Raises ApiError.

        `rate` is the kind of request whose rate per account is counted.
        """
        service = self._service
        caller = service.accounts.identify(request.headers.get(hdrs.AUTHORIZATION))
        account = caller.account.name
        notes = VISIT.get().notes
        notes["account"] = account
        if label := read_label(request.headers):
            notes["label"] = label
        check_workspace(caller, request.headers.get("X-DashScope-WorkSpace"))
        if rate is not None:
            service.rates.count(account, rate, service.catalogue.service["rates"][f"{rate}_per_s"])
        return caller

    def _get_host(self, request: web.Request) -> str:
        """The root of the URLs that clients are given."""
        return self._public_url or f"{request.scheme}://{request.host}"


async def _read_field(part: BodyPartReader) -> str:
    text = bytearray()
    while chunk := await part.read_chunk(LARGEST_FIELD):
        text += chunk
        if len(text) > LARGEST_FIELD:
            raise MALFORMED_FORM
    return text.decode("utf-8", "replace")
