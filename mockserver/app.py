"""The routes, over aiohttp: from an HTTP request to the service and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.payload import Payload

from mockserver.accounts import Caller, check_workspace
from mockserver.digest import sha256
from mockserver.errors import MALFORMED_FORM, ObjectError
from mockserver.http import index
from mockserver.http.cors import Cors
from mockserver.http.edge import VISIT, Edge, answer
from mockserver.http.index import API
from mockserver.media.reader import RunBlocking
from mockserver.orders.scenarios import LABEL
from mockserver.service import Service

LARGEST_BODY = 256 << 20  # bytes of a JSON body: four images of 20 MB as Base64 fit
FORM_FIELD_LARGEST = 64 << 10
CHUNK = 256 << 10


def make_app(
    service: Service,
    run_blocking: RunBlocking,
    public_url: str | None,
    cors_origins: Sequence[str] = (),
) -> web.Application:
    """The whole server as an aiohttp application. `public_url` is the root that upload and result
    URLs begin with; `cors_origins` are the sites whose pages may use the controls.
    """
    cors = Cors(cors_origins)
    edge = Edge(service, cors).middleware
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[edge])
    app.on_response_prepare.append(cors.add_headers)
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
    app.router.add_get("/openapi.json", routes.openapi)
    return app


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

    async def openapi(self, request: web.Request) -> web.Response:
        """The description of all this, for generators of clients and for editors."""
        return web.json_response(index.openapi(self._host(request)))

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
