"""The task API: one method a call. No policy, no retry.

Source of all paths, headers and shapes: the vendor's API reference (schemas/service.yaml names
where each fact stands). What comes back passes one gate: its size and time in network.py, its
form in formats/untrusted.py, its meaning in answers.py, and where it leads in links.py.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Unpack
from urllib.parse import urlsplit

from reconciler.errors import BadDownload, DownloadRefused, OutcomeUnknown, Rejected
from reconciler.formats.digest import hash_bytes
from reconciler.formats.secret import Secret
from reconciler.formats.untrusted import is_task_id, make_plain_line, quote_service
from reconciler.service import answers
from reconciler.service.answers import Created, Reply, TaskAnswer
from reconciler.service.endpoints import Endpoint
from reconciler.service.links import Hosts
from reconciler.service.network import Content, Network, Transport, allow_time
from reconciler.service.pages import ListPage, list_page
from reconciler.service.proxying import check_route
from reconciler.service.routes import Routes
from reconciler.system import shipped

_PATHS = ("create", "tasks", "uploads")


@dataclass(frozen=True, slots=True)
class Download:
    """A result on its way: `size_bytes` is what the server promises, None when it does not say."""

    size_bytes: int | None
    chunks: AsyncIterator[bytes]


class Client:
    """Calls one endpoint with one key."""

    def __init__(
        self,
        endpoint: Endpoint,
        api_key: Secret,
        *,
        workspace: str = "",
        result_hosts: Sequence[str] = (),
        routes: Routes | None = None,
        transport: Transport | None = None,  # of httpx; None: the network
    ) -> None:
        """Raises CutlistError when proxies or certificates are named that cannot be used."""
        service = shipped.read_service()
        self._quote = functools.partial(quote_service, secret=api_key.reveal())
        self._base_url = endpoint.base_url
        self._who = (api_key.reveal(), workspace)
        self._timeouts: Mapping[str, float] = service["timeouts"]
        self._paths: Mapping[str, str] = {name: service["paths"][name] for name in _PATHS}
        own = urlsplit(endpoint.base_url).hostname or ""
        self._results = Hosts(
            (*service["result_hosts"], *result_hosts, own), "result", endpoint.loopback
        )
        self._uploads = Hosts((*service["upload_hosts"], own), "upload", endpoint.loopback)
        # no cache on the way may answer: an old copy of the list lacks what was made since
        headers = {
            "Authorization": f"Bearer {api_key.reveal()}",
            "Cache-Control": "no-cache",
            "Pragma": "no-cache",
        }
        if workspace:
            headers["X-DashScope-WorkSpace"] = workspace
        routes = routes or Routes()
        if endpoint.loopback:
            routes = routes.straight()
        if transport is None:
            check_route(routes, endpoint.base_url)
        self._api = Network(routes, headers=headers, transport=transport)
        # Uploads and downloads carry no key: their URLs are signed, and belong to another host.
        self._plain = Network(routes, transport=transport)
        # seconds since 1970: the Date of the newest answer of the task API itself, of no other host
        self.server_time: float | None = None

    def sender(self, attempt_id: str) -> str:
        """What tells this key and workspace from others, without telling the key: a digest of them
        that is another one for each attempt.
        """
        return hash_bytes(json.dumps([attempt_id, *self._who]).encode())[:16]

    async def close(self) -> None:
        await self._api.close()
        await self._plain.close()

    # -------------------------------------------------------------- tasks

    async def create(self, body: bytes, *, uses_oss: bool) -> Created:
        """Submit a task. May NOT be repeated: every accepted request is paid. 30 s, no redirect, no
        retry.
        """
        headers = {"X-DashScope-Async": "enable", "Content-Type": "application/json"}
        if uses_oss:
            headers["X-DashScope-OssResourceResolve"] = "enable"
        reply = await self._ask(
            "POST",
            self._paths["create"],
            within_s=self._timeouts["create_s"],
            content=body,
            headers=headers,
        )
        task = answers.read_created(reply, self._quote)
        self._heard(reply)
        return task

    async def fetch(self, task_id: str) -> TaskAnswer:
        """Look at a task. May be repeated."""
        reply = await self._ask("GET", self._path_of(task_id))
        fields = answers.read_answer(reply, self._quote)
        self._heard(reply)
        return answers.read_task(fields, task_id, self._quote)

    async def list_tasks(self, *, page_no: int, page_size: int = 100, status: str = "") -> ListPage:
        """One page of the account's tasks of the last 24 h, or of those in a `status`, with every
        row. May be repeated.
        """
        params: dict[str, str | int] = {"page_no": page_no, "page_size": page_size}
        if status:
            params["status"] = status
        reply = await self._ask("GET", self._paths["tasks"], params=params)
        fields = answers.read_answer(reply, self._quote)
        self._heard(reply)
        return list_page(fields, page_no=page_no, page_size=page_size, is_copy=reply.is_copy)

    async def cancel(self, task_id: str) -> None:
        """Cancel a task that is still PENDING. May be repeated. Raises Rejected when it is not
        PENDING any more.
        """
        reply = await self._ask("POST", f"{self._path_of(task_id)}/cancel")
        answers.read_answer(reply, self._quote)

    def _path_of(self, task_id: str) -> str:
        """Raises Rejected for what is no task id: it would ask for another path."""
        if not is_task_id(task_id):
            raise Rejected(
                f'"{make_plain_line(task_id)}" is no task id; the service was not asked.'
            )
        return f"{self._paths['tasks']}/{task_id}"

    async def _ask(
        self, method: str, path: str, within_s: float | None = None, **content: Unpack[Content]
    ) -> Reply:
        if within_s is None:
            within_s = self._timeouts["fetch_s"]
        return await self._api.ask(method, self._base_url + path, within_s=within_s, **content)

    def _heard(self, reply: Reply) -> None:
        """Keep what time it is at the service, by an answer that has proved to be its own."""
        time_s = answers.parse_http_date(reply.date)
        if time_s is not None:
            self.server_time = time_s

    # -------------------------------------------------------------- uploads

    async def upload(self, model: str, name: str, content: Path | bytes | IO[bytes]) -> str:
        """Put a file into the service's temporary storage; returns its oss:// URL (48 h). May be
        repeated.
        """
        reply = await self._ask(
            "GET", self._paths["uploads"], params={"action": "getPolicy", "model": model}
        )
        policy = answers.upload_policy(answers.read_answer(reply, self._quote), name)
        self._uploads.check(policy.host)
        if isinstance(content, Path):
            with content.open("rb") as file:
                await self._put(policy, name, file, content.stat().st_size)
        elif isinstance(content, bytes):
            await self._put(policy, name, content, len(content))
        else:
            size_bytes = content.seek(0, os.SEEK_END)
            content.seek(0)
            await self._put(policy, name, content, size_bytes)
        return f"oss://{policy.key}"

    async def _put(
        self, policy: answers.UploadPolicy, name: str, file: IO[bytes] | bytes, size_bytes: int
    ) -> None:
        reply = await self._plain.ask(
            "POST",
            policy.host,
            within_s=allow_time(size_bytes),
            data=dict(policy.fields),
            files={"file": (name, file)},
        )
        if reply.status != 200:
            raise OutcomeUnknown(
                f"the upload was answered {reply.status}"
                f"{answers.name_storage_error(reply.body)}, not 200.",
                status=reply.status,
            )

    # -------------------------------------------------------------- results

    @asynccontextmanager
    async def download(self, url: str, *, most_bytes: int) -> AsyncIterator[Download]:
        """Open a result. May be repeated. Raises DownloadRefused when the URL does not work any
        more, BadDownload for one that is larger than `most_bytes`.
        """
        self._results.check(url)
        async with self._plain.open(url) as incoming:
            if incoming.status != 200:
                said = answers.name_storage_error(await anext(incoming.chunks, b""))
                refused = incoming.status in (403, 404)
                kind = DownloadRefused if refused else OutcomeUnknown
                what = "the result's URL" if refused else "the download"
                raise kind(f"{what} was answered {incoming.status}{said}.", status=incoming.status)
            yield Download(
                incoming.size_bytes,
                _at_most(most_bytes, incoming.size_bytes or 0, incoming.chunks),
            )


async def _at_most(
    most_bytes: int, promised_bytes: int, chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The chunks, as long as they and what is promised are no more than `most_bytes`."""
    arrived_bytes = 0
    if promised_bytes <= most_bytes:
        async for chunk in chunks:
            arrived_bytes += len(chunk)
            if arrived_bytes > most_bytes:
                break
            yield chunk
        else:
            return
    raise BadDownload(f"the video is larger than {most_bytes >> 20} MiB.")
