"""The task API over httpx: one method a call, HTTP mapped to errors.py. No policy, no retry; the
only user of httpx.

Source of all paths, headers and shapes: the vendor's API reference (schemas/service.yaml names
where each fact stands).
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httpx

from reconciler import shipped
from reconciler.apply.answers import ListPage, list_page
from reconciler.catalogue import Verdict, entry
from reconciler.config import Secret
from reconciler.endpoints import Endpoint, is_loopback
from reconciler.errors import (
    DownloadRefused,
    HostRefused,
    InputUnavailable,
    NotReached,
    NotTheService,
    OutcomeUnknown,
    QuotaExhausted,
    Rejected,
    ServiceError,
    Throttled,
    Unauthorized,
)
from reconciler.foreign import legal_id, shown

# its INFO lines print whole URLs, signatures included
logging.getLogger("httpx").setLevel(logging.WARNING)
_PATHS = ("create", "tasks", "uploads")
_POLICY = (
    "upload_host", "upload_dir", "oss_access_key_id", "signature", "policy", "x_oss_object_acl",
    "x_oss_forbid_overwrite",
)  # fmt: skip
_QUERY = re.compile(r"""([a-z][a-z0-9+.-]*://[^\s?"'<>]*)\?[^\s"'<>]*""", re.IGNORECASE)
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Created:
    """An accepted task."""

    task_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """What the service says of a task. `video_url` is signed: never to be stored or shown."""

    status: str
    output: Mapping[str, Any]
    usage: Mapping[str, Any]
    request_id: str

    @property
    def video_url(self) -> str:
        return str(self.output.get("video_url") or "")

    def record(self) -> dict[str, Any]:
        """The answer without its signed URL."""
        kept = {name: value for name, value in self.output.items() if name != "video_url"}
        return {"output": kept, "usage": dict(self.usage), "request_id": self.request_id}


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
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._service = shipped.service()
        self._key = api_key
        self._loopback = endpoint.loopback
        self._result_hosts = (
            *self._service["result_hosts"],
            *result_hosts,
            urlsplit(endpoint.base_url).hostname or "",
        )
        self._upload_hosts = (
            *self._service["upload_hosts"],
            urlsplit(endpoint.base_url).hostname or "",
        )
        headers = {"Authorization": f"Bearer {api_key.reveal()}"}
        if workspace:
            headers["X-DashScope-WorkSpace"] = workspace
        limits = httpx.Limits(max_connections=40, max_keepalive_connections=20)
        options: dict[str, Any] = {
            "transport": transport,
            "limits": limits,
            "follow_redirects": False,
        }
        self._api = httpx.AsyncClient(
            base_url=endpoint.base_url,
            headers=headers,
            timeout=self._service["timeouts"]["fetch_s"],
            trust_env=not endpoint.loopback,
            **options,
        )
        # Uploads and downloads carry no key: their URLs are signed, and belong to another host.
        self._plain = httpx.AsyncClient(
            timeout=httpx.Timeout(60.0, connect=10.0), trust_env=not endpoint.loopback, **options
        )
        self._paths = {name: self._service["paths"][name] for name in _PATHS}
        # seconds since 1970: the Date of the newest answer of the task API itself, of no other host
        self.server_time: float | None = None

    async def close(self) -> None:
        await self._api.aclose()
        await self._plain.aclose()

    # -------------------------------------------------------------- tasks

    async def create(self, body: bytes, *, uses_oss: bool) -> Created:
        """Submit a task. May NOT be repeated: every accepted request is paid. 30 s, no redirect, no
        retry.
        """
        headers = {"X-DashScope-Async": "enable", "Content-Type": "application/json"}
        if uses_oss:
            headers["X-DashScope-OssResourceResolve"] = "enable"
        answer = await self._send(
            "POST",
            self._paths["create"],
            content=body,
            headers=headers,
            timeout=self._service["timeouts"]["create_s"],
        )
        output = answer.get("output")
        named = output.get("task_id") if isinstance(output, dict) else None
        task_id = legal_id(named)
        if task_id is None:
            unusable = "" if named in (None, "") else shown(named)
            raise OutcomeUnknown(
                "the service accepted the request without a task_id that can be used.",
                status=200,
                unusable_id=unusable,
            )
        return Created(task_id, str(answer.get("request_id", "")))

    async def fetch(self, task_id: str) -> TaskAnswer:
        """Look at a task. May be repeated."""
        answer = await self._send("GET", f"{self._paths['tasks']}/{task_id}")
        output, usage = answer.get("output"), answer.get("usage")
        if not isinstance(output, dict) or not isinstance(output.get("task_status"), str):
            raise OutcomeUnknown("the service's answer has no output.task_status.", status=200)
        return TaskAnswer(
            output["task_status"],
            {
                name: value if name in ("video_url", "orig_prompt") else self._clean(value)
                for name, value in output.items()
            },
            self._clean(usage) if isinstance(usage, dict) else {},
            str(answer.get("request_id", "")),
        )

    async def list_tasks(self, *, page_no: int, page_size: int = 100) -> ListPage:
        """One page of the account's tasks of the last 24 h, with every row. May be repeated."""
        answer = await self._send(
            "GET", self._paths["tasks"], params={"page_no": page_no, "page_size": page_size}
        )
        return list_page(answer, page_no=page_no, page_size=page_size)

    async def cancel(self, task_id: str) -> None:
        """Cancel a task that is still PENDING. May be repeated. Raises Rejected when it is not
        PENDING any more.
        """
        await self._send("POST", f"{self._paths['tasks']}/{task_id}/cancel")

    async def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        with _transport_errors():
            response = await self._api.request(method, path, **options)
        answer = _answer(response, self._clean)
        if not path.startswith(self._paths["uploads"]):
            with suppress(KeyError, ValueError, TypeError, OverflowError, OSError):
                self.server_time = parsedate_to_datetime(response.headers["Date"]).timestamp()
        return answer

    def _clean(self, value: Any) -> Any:
        """What the service says, without what nobody else may read: the query of a URL that it
        quotes, and our key.
        """
        if isinstance(value, str):
            text = _QUERY.sub(r"\1?…", value)
            return text.replace(self._key.reveal(), "…") if self._key else text
        if isinstance(value, dict):
            return {name: self._clean(each) for name, each in value.items()}
        return [self._clean(each) for each in value] if isinstance(value, list) else value

    # -------------------------------------------------------------- uploads

    async def upload(self, model: str, name: str, content: Path | bytes) -> str:
        """Put a file into the service's temporary storage; returns its oss:// URL (48 h). May be
        repeated.
        """
        answer = await self._send(
            "GET", self._paths["uploads"], params={"action": "getPolicy", "model": model}
        )
        policy = answer.get("data")
        if not isinstance(policy, dict) or not all(
            isinstance(policy.get(name), str) for name in _POLICY
        ):
            raise OutcomeUnknown("the service's upload policy cannot be read.", status=200)
        self._check_url(policy["upload_host"], self._upload_hosts, "upload")
        key = f"{policy['upload_dir']}/{name}"
        fields = {
            "OSSAccessKeyId": policy["oss_access_key_id"],
            "Signature": policy["signature"],
            "policy": policy["policy"],
            "key": key,
            "x-oss-object-acl": policy["x_oss_object_acl"],
            "x-oss-forbid-overwrite": policy["x_oss_forbid_overwrite"],
            "success_action_status": "200",
        }
        if isinstance(content, Path):
            with content.open("rb") as file:
                return await self._post_form(policy["upload_host"], fields, name, file, key)
        return await self._post_form(policy["upload_host"], fields, name, content, key)

    async def _post_form(
        self, host: str, fields: Mapping[str, str], name: str, content: IO[bytes] | bytes, key: str
    ) -> str:
        with _transport_errors():
            response = await self._plain.post(
                host, data=dict(fields), files={"file": (name, content)}
            )
        if response.status_code != 200:
            raise OutcomeUnknown(
                f"the upload was answered {response.status_code}, not 200.",
                status=response.status_code,
            )
        return f"oss://{key}"

    # -------------------------------------------------------------- results

    @asynccontextmanager
    async def download(self, url: str) -> AsyncIterator[Download]:
        """Open a result. May be repeated. Raises DownloadRefused when the URL does not work any
        more.
        """
        self._check_url(url, self._result_hosts, "result")
        with _transport_errors():
            async with self._plain.stream(
                "GET", url, headers={"Accept-Encoding": "identity"}
            ) as response:
                if response.status_code in (403, 404):
                    raise DownloadRefused(
                        f"the result's URL was answered {response.status_code}.",
                        status=response.status_code,
                    )
                if response.status_code != 200:
                    raise OutcomeUnknown(
                        f"the download was answered {response.status_code}.",
                        status=response.status_code,
                    )
                length = response.headers.get("Content-Length", "")
                told = length.isdecimal() and len(length) < 16
                yield Download(int(length) if told else None, response.aiter_raw(_CHUNK))

    def _check_url(self, url: str, hosts: Sequence[str], what: str) -> None:
        """Only https (http on loopback), only hosts we expect: an answer must not lead us anywhere
        else.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            raise HostRefused(f"what the service names for the {what} is no URL.") from None
        host = (parts.hostname or "").lower()
        encrypted = parts.scheme == "https" or (
            parts.scheme == "http" and self._loopback and is_loopback(host)
        )
        known = any(
            host == each or (each.startswith("*.") and host.endswith(each[1:])) for each in hosts
        ) or (self._loopback and is_loopback(host))
        if not (encrypted and known):
            raise HostRefused(
                f"the service names {parts.scheme}://{host} for the {what}, which is not an allowed"
                " host.",
                hint="If this host is right, add it to result_hosts in cutlist.yaml.",
            )


@contextmanager
def _transport_errors() -> Any:
    """httpx's errors in our words; their messages name no URL, so no signature can leak."""
    try:
        yield
    except (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.UnsupportedProtocol,
        httpx.ProxyError,
    ) as error:
        raise NotReached(
            f"the service cannot be reached ({_kind(error)}).", hint=_UNREACHED
        ) from error
    except httpx.TimeoutException as error:
        raise OutcomeUnknown("the service did not answer in time.") from error
    except (httpx.TransportError, httpx.DecodingError, httpx.StreamError) as error:
        raise OutcomeUnknown(f"the connection broke ({_kind(error)}).") from error
    except httpx.InvalidURL as error:
        raise NotReached("the address is no URL.") from error


_UNREACHED = "Check the network and the endpoint in cutlist.yaml, then run apply again."


def _kind(error: Exception) -> str:
    text = str(error).strip()
    if text == "All connection attempts failed":
        return "no connection"
    return text if text and "://" not in text else type(error).__name__


def _answer(response: httpx.Response, clean: Callable[[Any], Any]) -> dict[str, Any]:
    """The JSON object of a 2xx; every other answer as the error it stands for, in words that
    `clean` has seen.
    """
    body: Any = None
    with suppress(ValueError, RecursionError):
        body = response.json()
    if response.is_success:
        if not isinstance(body, dict):
            raise OutcomeUnknown(
                f"the service answered {response.status_code} with something that is not a JSON"
                " object.",
                status=response.status_code,
            )
        return body
    fields = body if isinstance(body, dict) else {}
    code, message = clean(str(fields.get("code") or "")), clean(str(fields.get("message") or ""))
    request_id, output = str(fields.get("request_id") or ""), fields.get("output")
    named = output.get("task_id") if isinstance(output, dict) else fields.get("task_id")
    if named not in (None, ""):  # a refusal names no task
        task_id = legal_id(named)
        raise OutcomeUnknown(
            message or f"the service answered {response.status_code} and named a task.",
            code=code,
            status=response.status_code,
            request_id=request_id,
            task_id=task_id,
            unusable_id="" if task_id else shown(named),
        )
    raise _error(response.status_code, code, message, request_id)


_BY_VERDICT: Mapping[Verdict, type[ServiceError]] = {
    Verdict.FINAL: Rejected,
    Verdict.INPUT: InputUnavailable,
    Verdict.INTERNAL: OutcomeUnknown,
    Verdict.THROTTLED: Throttled,
    Verdict.QUOTA: QuotaExhausted,
    Verdict.DENIED: Unauthorized,
}


def _error(status: int, code: str, message: str, request_id: str) -> ServiceError:
    """Classified by code first, by status second."""
    known = entry(code, message) if code else None
    if known and known.verdict in _BY_VERDICT and status < 500:
        return _BY_VERDICT[known.verdict](
            message, code=code, status=status, request_id=request_id, hint=known.advice
        )
    if status >= 500 or status == 408 or 300 <= status < 400:
        return OutcomeUnknown(
            message or f"the service answered {status}.",
            code=code,
            status=status,
            request_id=request_id,
        )
    if status in (401, 403):
        advice = entry("InvalidApiKey").advice
        return Unauthorized(
            message or f"the service answered {status}.",
            code=code,
            status=status,
            request_id=request_id,
            hint=advice,
        )
    if status == 429:
        return Throttled(
            message or "the service answered 429.", code=code, status=status, request_id=request_id
        )
    if status in (404, 405) and (known is None or known.verdict is Verdict.UNKNOWN):
        hint = "Check the endpoint: its URL ends in /api/v1."
        return NotTheService(
            f"what answers there is not the task API (HTTP {status}).", status=status, hint=hint
        )
    return Rejected(
        message, code=code, status=status, request_id=request_id, hint=known.advice if known else ""
    )
