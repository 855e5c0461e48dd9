"""What the controller answers to HTTP requests: health, status, metrics, and webhooks coming in.

`/healthz` and `/readyz` are for everybody, `/hooks/NAME` for who signs; `/status` and `/metrics`
for readers on this machine, and for those who bring the token. Nothing here listens: listening.py
brings requests, and a request is a value.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from reconciler.controller.hooks import Doors
from reconciler.controller.webhooks import Hint, WebhookRefused
from reconciler.formats.hosts import is_loopback
from reconciler.formats.secret import Secret

STATUS_VERSION = 1
HOOKS = "/hooks/"
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request. `peer` is the address it comes from; the names of `headers` are in small
    letters.
    """

    method: str
    path: str
    peer: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_local(self) -> bool:
        """Whether the reader is on this machine. Behind a proxy on this machine nobody is."""
        return is_loopback(self.peer) and not any(name in self.headers for name in _FORWARDED)


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The answer to a request."""

    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the pages ask, and whom they tell. Each call answers at once and does not wait."""

    read_status: Callable[[], Mapping[str, object]]
    is_ready: Callable[[], bool]
    take_hint: Callable[[str, Hint], None]
    # a page in the format of Prometheus, or words why there is none
    read_metrics: Callable[[], bytes | str]
    # tells of a webhook that was answered: the Sync as it was asked for, and the status
    tell_webhook: Callable[[str, int], None] = lambda _name, _status: None


class Pages:
    """Answers requests.

    `token` lets readers from elsewhere in; without one they see health only. `hosts` are the names
    under which readers on this machine may call it, besides localhost and every address.
    """

    def __init__(
        self, sources: Sources, doors: Doors, *, token: Secret, hosts: Collection[str] = ()
    ) -> None:
        self._sources, self._doors, self._token = sources, doors, token
        self._hosts = frozenset(host.lower() for host in hosts)

    def answer(self, request: PageRequest) -> PageAnswer:
        """The answer to one request."""
        if request.path.startswith(HOOKS):
            return _only(request, ("POST",)) or self._take_webhook(request)
        page = self._find_page(request.path)
        if page is None:
            return answer_words(HTTPStatus.NOT_FOUND, "There is nothing here.")
        refusal = _only(request, ("GET", "HEAD"))
        if refusal is None and request.path in ("/status", "/metrics"):
            refusal = self._refuse_reader(request)
        return refusal or page()

    def _find_page(self, path: str) -> Callable[[], PageAnswer] | None:
        return {
            "/healthz": _answer_health,
            "/readyz": self._answer_ready,
            "/status": self._answer_status,
            "/metrics": self._answer_metrics,
        }.get(path)

    # ---- who may read

    def _refuse_reader(self, request: PageRequest) -> PageAnswer | None:
        """The refusal of a reader who may not see what goes on here; None for one who may."""
        if self._is_token(request.headers.get("authorization", "")):
            return None
        if not request.is_local:
            if self._token:
                challenge = {"WWW-Authenticate": 'Bearer realm="cutlist"'}
                words = "Bring the token of this controller."
                return answer_words(HTTPStatus.UNAUTHORIZED, words, challenge)
            return answer_words(
                HTTPStatus.FORBIDDEN,
                "Readers from elsewhere need a token, and this controller was given none.",
            )
        if not self._is_own_name(request.headers.get("host", "")):
            return answer_words(
                HTTPStatus.MISDIRECTED_REQUEST, "This controller is not known by that name."
            )
        return None

    def _is_token(self, given: str) -> bool:
        scheme, _, token = given.partition(" ")
        wanted = self._token.reveal().encode()
        is_equal = hmac.compare_digest(token.strip().encode(errors="replace"), wanted)
        return bool(self._token) and scheme.lower() == "bearer" and is_equal

    def _is_own_name(self, host: str) -> bool:
        """Whether a browser that sends this Host was not led here under a foreign name.

        An address as Host is what somebody typed; a name may be one that its owner has pointed at
        this machine (DNS rebinding).
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return is_loopback(name) or name in self._hosts or _is_address(name)

    # ---- the pages

    def _answer_ready(self) -> PageAnswer:
        if self._sources.is_ready():
            return answer_words(HTTPStatus.OK, "ready")
        return answer_words(HTTPStatus.SERVICE_UNAVAILABLE, "not ready")

    def _answer_status(self) -> PageAnswer:
        status = {"version": STATUS_VERSION, **self._sources.read_status()}
        return _answer_json(HTTPStatus.OK, status)

    def _answer_metrics(self) -> PageAnswer:
        page = self._sources.read_metrics()
        if isinstance(page, str):
            return answer_words(HTTPStatus.NOT_IMPLEMENTED, page)
        return PageAnswer(HTTPStatus.OK, page, "text/plain; version=0.0.4; charset=utf-8")

    def _take_webhook(self, request: PageRequest) -> PageAnswer:
        name = request.path.removeprefix(HOOKS)
        try:
            hint = self._doors.take(name, request.headers, request.body)
        except WebhookRefused as error:
            return self._told(name, answer_refused(error))
        if hint is None:
            return self._told(name, _answer_json(HTTPStatus.OK, {"look": False}))
        self._sources.take_hint(name, hint)
        return self._told(name, _answer_json(HTTPStatus.ACCEPTED, {"look": True}))

    def _told(self, name: str, answer: PageAnswer) -> PageAnswer:
        self._sources.tell_webhook(name, answer.status.value)
        return answer


def answer_refused(error: WebhookRefused) -> PageAnswer:
    """The answer to a webhook that is not taken."""
    wait = {"Retry-After": "10"} if error.status is HTTPStatus.TOO_MANY_REQUESTS else {}
    return _answer_json(error.status, {"error": error.message, "hint": error.hint}, wait)


def answer_fault() -> PageAnswer:
    """The answer when a page cannot be made, which is told elsewhere in full."""
    return answer_words(HTTPStatus.INTERNAL_SERVER_ERROR, "This page cannot be made; see the log.")


def _answer_health() -> PageAnswer:
    return answer_words(HTTPStatus.OK, "ok")


def _only(request: PageRequest, methods: tuple[str, ...]) -> PageAnswer | None:
    if request.method in methods:
        return None
    allowed = {"Allow": ", ".join(methods)}
    return answer_words(HTTPStatus.METHOD_NOT_ALLOWED, "Not with this method.", allowed)


def answer_words(
    status: HTTPStatus, words: str, headers: Mapping[str, str] | None = None
) -> PageAnswer:
    """An answer of one line of text."""
    return PageAnswer(status, f"{words}\n".encode(), headers=headers or {})


def _answer_json(
    status: HTTPStatus, data: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> PageAnswer:
    body = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    return PageAnswer(status, body + b"\n", _JSON, headers or {})


def _is_address(name: str) -> bool:

    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
