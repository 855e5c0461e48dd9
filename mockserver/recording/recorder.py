"""Passes every request on to the service, and keeps the exchange in a file without its secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from mockserver.app import LARGEST_BODY
from mockserver.catalogue import Doc, load_catalogue
from mockserver.clock import Clock, RealClock
from mockserver.digest import derive_uuid, encode_canonical, encode_compact, load_json
from mockserver.errors import ApiError, ServerError
from mockserver.http.answers import build_api_error
from mockserver.http.index import API
from mockserver.http.listening import Listener, Runnable
from mockserver.orders import wire
from mockserver.recording.exchange import (
    Answered,
    Asked,
    BadRecording,
    Exchange,
    RecordingWriter,
    encode_exchange,
)
from mockserver.recording.form import HEAD_BYTES, describe_form
from mockserver.recording.leaks import find_leak
from mockserver.recording.redaction import Redactor
from mockserver.recording.upstream import NoAnswer, NotSent, Reply, Upstream

UPLOADS = "/upload"
LARGEST_TEXT = 64 << 10  # characters of a body that is no JSON and is kept
_CHUNK_BYTES = 256 << 10


class Recorder(Runnable):
    """A server that passes requests on to `upstream` and writes the exchanges to `file`.

    `say` gets each sentence that a person should read at once. Raises ServerError when the upstream
    or the file cannot be used.
    """

    def __init__(
        self,
        upstream: str,
        file: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        plain_http: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        service = load_catalogue().service
        self.upstream = Upstream(upstream, service, plain_http=plain_http)
        self.left_out = 0  # exchanges that were not written
        self._uploads_path: str = service["paths"]["uploads"]
        self._file, self._say = file, say
        self._clock = clock or RealClock()
        self._listener = Listener(host, port)
        self._writer: RecordingWriter | None = None
        self._redactor = Redactor()
        self._upload_hosts: list[str] = []
        self._started_at: float | None = None
        self._requests = 0

    @property
    def url(self) -> str:
        """Base URL for clients."""
        return f"{self._listener.root_url}{API}"

    async def start(self) -> None:
        """Make the file and listen. Raises ServerError."""
        self._writer = RecordingWriter(self._file, self.upstream.region)
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answer)
        await self.upstream.open()
        try:
            await self._listener.start(app)
        except ServerError:
            await self.stop()
            self._file.unlink()
            raise

    async def stop(self) -> None:
        """Stop listening, and close the file."""
        await self._listener.stop()
        await self.upstream.close()
        if self._writer is not None:
            self._writer.close()

    # ---- requests

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self._requests += 1
        began_at = self._clock.now()
        if self._started_at is None:
            self._started_at = began_at
        try:
            if request.path.startswith(f"{API}/"):
                return await self._pass_on(request, began_at)
            number = request.path.removeprefix(f"{UPLOADS}/")
            if number.isdecimal() and 0 < int(number[:9]) <= len(self._upload_hosts):
                return await self._pass_upload(request, int(number), began_at)
        except NotSent as error:
            self._say(f"{self.upstream.host} cannot be reached, nothing was sent: {error}")
            return self._refuse(502, "UpstreamUnreachable", "The upstream cannot be reached.")
        except NoAnswer as error:
            self._say_uncertain(request, str(error))
            return wire.cut_connection(request)
        except asyncio.CancelledError:
            self._say_uncertain(request, "the recorder was stopped")
            raise
        return self._refuse(
            404, "NotFound", f"This is a recorder: it passes on what is asked below {API}."
        )

    def _say_uncertain(self, request: web.Request, why: str) -> None:
        self._say(
            f"{request.method} {request.path} was sent and not answered: {why}. It may have been"
            " carried out."
        )

    async def _pass_on(self, request: web.Request, began_at: float) -> web.Response:
        body = await request.read()
        rest = request.rel_url.raw_path.removeprefix(API)
        if request.query_string:
            rest += f"?{request.rel_url.raw_query_string}"
        reply = await self.upstream.ask(request.method, rest, request.headers, body)
        self._keep(began_at, lambda: describe_request(request, body, self._redactor), reply)
        return web.Response(
            status=reply.status, headers=reply.headers, body=self._bend_uploads(request, reply)
        )

    async def _pass_upload(
        self, request: web.Request, number: int, began_at: float
    ) -> web.Response:
        head, size_bytes = bytearray(), 0

        async def read_chunks() -> AsyncIterator[bytes]:
            nonlocal size_bytes
            async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
                head.extend(chunk[: HEAD_BYTES - len(head)])
                size_bytes += len(chunk)
                yield chunk

        url = self._upload_hosts[number - 1]
        reply = await self.upstream.upload(url, request.headers, read_chunks())
        content_type = request.headers.get(hdrs.CONTENT_TYPE, "")

        def describe() -> Asked:
            form = describe_form(content_type, bytes(head), size_bytes, self._redactor)
            headers = {"content-type": content_type.partition(";")[0]}
            return Asked("POST", UPLOADS, {}, headers, form)

        self._keep(began_at, describe, reply)
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    def _bend_uploads(self, request: web.Request, reply: Reply) -> bytes:
        """The answer for the client: uploads come to the recorder too, which passes them on."""
        if request.path.rstrip("/") != f"{API}{self._uploads_path}":
            return reply.body
        document = read_body(reply.body)
        data = document.get("data") if isinstance(document, dict) else None
        if not isinstance(data, dict):
            return reply.body
        url = data.get("upload_host")
        if not isinstance(url, str) or not self.upstream.accepts_uploads_at(url):
            return reply.body
        if url not in self._upload_hosts:
            self._upload_hosts.append(url)
        number = self._upload_hosts.index(url) + 1
        own = f"{request.scheme}://{request.host}{UPLOADS}/{number}"
        return encode_compact(document | {"data": data | {"upload_host": own}})

    def _refuse(self, status: int, code: str, message: str) -> web.Response:
        request_id = derive_uuid(0, "recorder", self._requests)
        return build_api_error(ApiError(status, code, message), request_id)

    # ---- keeping

    def _keep(self, began_at: float, describe: Callable[[], Asked], reply: Reply) -> None:
        """Write an exchange, unless it still holds what nobody may see.

        Whatever goes wrong is said and raises nothing: the client must get its answer.
        """
        try:
            line = encode_exchange(self._build_exchange(began_at, describe(), reply))
            redactor = self._redactor
            leak = find_leak(line, redactor.keys, redactor.removed, redactor.rules)
            if leak is not None:
                raise BadRecording(f"it would still hold {leak}")
            assert self._writer is not None
            self._writer.write(line)
        except Exception as error:
            self.left_out += 1
            why = str(error) if isinstance(error, BadRecording) else type(error).__name__
            self._say(
                f"request {self._requests} was passed on and answered, but is left out of"
                f" {self._file}: {why}"
            )

    def _build_exchange(self, began_at: float, asked: Asked, reply: Reply) -> Exchange:
        assert self._started_at is not None
        return Exchange(
            at_s=round(began_at - self._started_at, 3),
            took_s=round(self._clock.now() - began_at, 3),
            asked=asked,
            answered=describe_reply(reply, self._redactor),
        )


def describe_reply(reply: Reply, redactor: Redactor) -> Answered:
    """What a recording says of an answer: the headers that matter, and no secrets."""
    rules: Doc = redactor.rules.document["headers"]
    headers = {name: reply.headers[name] for name in rules["answer"] if name in reply.headers}
    headers |= {name: "" for name in rules["present"] if name in reply.headers}
    body = read_body(reply.body)
    body = redactor.redact_document(body) if isinstance(body, str) else redactor.redact(body)
    return Answered(reply.status, headers, body)


def describe_request(request: web.Request, data: bytes, redactor: Redactor) -> Asked:
    """What a recording says of a request: the headers that matter, and no secrets."""
    body = read_body(data)
    rules: Doc = redactor.rules.document["headers"]
    headers = {name: request.headers[name] for name in rules["request"] if name in request.headers}
    if hdrs.AUTHORIZATION in request.headers:
        authorization = redactor.redact_authorization(request.headers[hdrs.AUTHORIZATION])
        headers["authorization"] = authorization
    path = request.path.removeprefix(API).rstrip("/")
    body = redactor.redact_document(body) if isinstance(body, str) else redactor.redact(body)
    return Asked(
        request.method,
        redactor.redact_path(path),
        redactor.redact_query(request.query),
        {name: redactor.redact(value) for name, value in headers.items()},
        body,
    )


def read_body(data: bytes) -> Any:
    """A body as a recording keeps it: JSON, the text of what is none, or how large it was."""
    if not data:
        return None
    try:
        value = load_json(data)
        encode_canonical(value)  # refuses what is nested too deeply to be worked with
        return value
    except (ValueError, TypeError):
        pass
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    return text if 0 < len(text) <= LARGEST_TEXT else {"size_bytes": len(data)}
