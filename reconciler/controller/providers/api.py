"""Requests to the REST API of a provider, and what its answers mean: sizes, times, pages, errors.

A request that is harmless to repeat is repeated; after a word about too many requests nothing is
sent until the moment that the provider names. No answer leads to another host, where the token
would go with the request.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from reconciler.controller.providers.fields import Item, Parsed, look_up, read_items
from reconciler.controller.providers.limits import find_end_of_limit
from reconciler.errors import (
    NotAllowed,
    NotReached,
    NotThere,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Unavailable,
)
from reconciler.formats.secret import Secret
from reconciler.formats.untrusted import Unfit, make_plain_line, quote_service, read_json
from reconciler.formats.words import format_moment
from reconciler.service.answers import Reply
from reconciler.service.retry import choose_backoff
from reconciler.service.routes import Routes
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.service.network import Content, Transport  # lazy where it runs: httpx

MOST_ANSWER_BYTES = 4 << 20
WITHIN_S = 20.0  # for one request and its answer
PAGE_ITEMS = 30
MOST_PAGES = 100
REST_S = 10.0  # no request after one that got no answer, so that a dead host holds nobody up
_TRIES = 3
_MOST_REDIRECTS = 2
_REPEATABLE = ("GET", "PUT", "PATCH")  # a lost answer leaves nothing that a repetition makes twice
_MOVED = (301, 302, 303, 307, 308)
_TEMPORARY = (408, 425, 500, 502, 503, 504)
_LONGEST_REASON = 300
_ASK_LATER = "It is tried again at the next pass; nothing has to be done."
_NO_API = "Check provider.apiUrl: a login page or a proxy may answer in the provider's place."

Params = Mapping[str, str | int]
Headers = Mapping[str, str]


class _TooLarge(ProviderError):
    """An answer of more than MOST_ANSWER_BYTES; `headers` are its own."""

    def __init__(self, message: str, *, headers: Headers, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.headers = headers


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """How the API of one repository's provider is reached."""

    name: str  # as people call it
    url: str  # of the API, without a slash at the end
    token: Secret
    scheme: str  # of the Authorization header
    rights: str  # which the token needs, in the provider's words
    headers: Headers  # of every request


@dataclass(frozen=True, slots=True)
class _Answer:
    value: object
    headers: Headers


class Api:
    """The REST API of one provider."""

    def __init__(
        self,
        access: ProviderAccess,
        *,
        clock: Clock,
        routes: Routes,
        transport: Transport | None = None,
    ) -> None:
        from reconciler.service.network import Network  # lazy: httpx is slow to load

        self._access = access
        self._clock = clock
        self._network = Network(
            routes,
            headers=access.headers,
            transport=transport,
            named=access.name,
            most_bytes=MOST_ANSWER_BYTES,
        )
        self._resting: tuple[float, ProviderError] | None = None

    async def close(self) -> None:
        await self._network.close()

    async def ask(
        self,
        method: str,
        path: str,
        parse: Callable[[object], Parsed],
        *,
        params: Params | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Parsed:
        """Send a request and parse the JSON of its answer. Raises ProviderError.

        It is repeated after trouble only where that cannot make anything twice.
        """
        answer = await self._ask(method, path, params or {}, body)
        return self._parse(answer, parse)

    async def list_items(
        self,
        path: str,
        parse: Callable[[Item], Parsed],
        *,
        params: Params | None = None,
        size: str = "per_page",
    ) -> AsyncIterator[Parsed]:
        """Everything that a list has, page by page; at most MOST_PAGES of them. `size` is what the
        provider calls the items of a page. Raises ProviderError.

        Where strangers wrote so much that a page is too large, each item is asked for alone, and
        only that which is too large itself is left out.
        """
        for page in range(1, MOST_PAGES + 1):
            asked = {**(params or {}), size: PAGE_ITEMS, "page": page}
            try:
                answer = await self._ask("GET", path, asked, None)
            except _TooLarge as error:
                headers = error.headers
                first = (page - 1) * PAGE_ITEMS + 1
                async for item in self._list_singly(path, parse, asked, size, first):
                    yield item
            else:
                headers = answer.headers
                for item in self._parse(answer, lambda value: read_items(value, parse)):
                    yield item
            if not has_next_page(headers):
                return

    async def _list_singly(
        self, path: str, parse: Callable[[Item], Parsed], params: Params, size: str, first: int
    ) -> AsyncIterator[Parsed]:
        for number in range(first, first + PAGE_ITEMS):
            try:
                answer = await self._ask("GET", path, {**params, size: 1, "page": number}, None)
            except _TooLarge as error:
                headers = error.headers
            else:
                headers = answer.headers
                for item in self._parse(answer, lambda value: read_items(value, parse)):
                    yield item
            if not has_next_page(headers):
                return

    def _parse(self, answer: _Answer, parse: Callable[[object], Parsed]) -> Parsed:
        try:
            return parse(answer.value)
        except Unfit as error:
            raise self._unreadable(str(error)) from None

    # ------------------------------------------------------------------ one request

    async def _ask(
        self, method: str, path: str, params: Params, body: Mapping[str, object] | None
    ) -> _Answer:
        tries = _TRIES if method in _REPEATABLE else 1
        for failures in itertools.count(1):
            if self._resting and self._resting[0] > self._clock.monotonic():
                raise self._resting[1].with_traceback(None)
            try:
                return await self._ask_once(method, f"{self._access.url}{path}", params, body)
            except Unavailable as error:
                if failures >= tries:
                    if not error.status:
                        self._resting = self._clock.monotonic() + REST_S, error
                    raise
                await self._clock.sleep(choose_backoff(failures, self._clock.random()))
        raise AssertionError("unreachable")

    async def _ask_once(
        self, method: str, url: str, params: Params, body: Mapping[str, object] | None
    ) -> _Answer:
        for _ in range(_MOST_REDIRECTS + 1):
            reply = await self._send(method, url, params, body)
            if reply.status not in _MOVED:
                return self._read(reply)
            url, params = self._find_new_place(method, url, reply), {}
        raise NotThere(f"{self._access.name} sends a request round in circles.", hint=_NO_API)

    async def _send(
        self, method: str, url: str, params: Params, body: Mapping[str, object] | None
    ) -> Reply:
        headers = {"Authorization": f"{self._access.scheme} {self._access.token.reveal()}"}
        content: Content = {"headers": headers}
        if params:
            content["params"] = params
        if body is not None:
            headers["Content-Type"] = "application/json"
            content["content"] = json.dumps(body).encode()
        try:
            return await self._network.ask(method, url, within_s=WITHIN_S, **content)
        except (NotReached, OutcomeUnknown) as error:
            raise Unavailable(error.message, hint=_ASK_LATER) from error

    def _find_new_place(self, method: str, url: str, reply: Reply) -> str:
        """Where a redirect leads: only to the same host, and never with another method."""
        there = urljoin(url, reply.headers.get("location", ""))
        try:
            near = _get_origin(there) == _get_origin(url)
        except ValueError:
            near = False
        if near and (method == "GET" or reply.status in (307, 308)):
            return there
        raise NotThere(
            f"{self._access.name} says that this is now elsewhere"
            f" ({make_plain_line(there.partition('?')[0])}), which is not followed.",
            status=reply.status,
            hint="Name the repository as it is called now in provider.repo, and check"
            " provider.apiUrl.",
        )

    # ------------------------------------------------------------------ what an answer means

    def _read(self, reply: Reply) -> _Answer:
        self._heed_limit(reply)
        if not reply.ok:
            raise self._refused(reply)
        if len(reply.body) >= MOST_ANSWER_BYTES:
            raise _TooLarge(
                f"{self._access.name}'s answer is larger than {MOST_ANSWER_BYTES >> 20} MiB.",
                headers=reply.headers,
                hint=_NO_API,
            )
        if reply.cut:
            raise Unavailable(f"{self._access.name}'s answer {reply.cut}.", hint=_ASK_LATER)
        try:
            return _Answer(read_json(reply.body), reply.headers)
        except Unfit as error:
            raise self._unreadable(str(error)) from None

    def _unreadable(self, why: str) -> ProviderError:
        return ProviderError(f"{self._access.name}'s answer {why}.", hint=_NO_API)

    def _heed_limit(self, reply: Reply) -> None:
        """Remember until when nothing may be sent, also where this request was the last allowed."""
        reason = "" if reply.ok else self._find_reason(reply)
        now = self._clock.now()
        until = find_end_of_limit(reply.status, reply.headers, reason, now)
        if until is None:
            return
        error = RateLimited(
            f"{self._access.name} takes no more requests of this account before"
            f" {format_moment(until)}.",
            until=until,
            status=reply.status,
            hint="Nothing has to be done. If it happens often, make the interval longer.",
        )
        self._resting = self._clock.monotonic() + until - now, error
        if not reply.ok:
            raise error

    def _refused(self, reply: Reply) -> ProviderError:
        access, status = self._access, reply.status
        said = self._find_reason(reply)
        why = f" ({status}{f': {said}' if said else ''})"
        if status in (401, 403):
            return NotAllowed(
                f"{access.name} refuses the token{why}.",
                status=status,
                hint=f"The token needs {access.rights}. Make one that has this, put it in the"
                " variable that provider.tokenFrom names, and start the controller again.",
            )
        if status in (404, 410):
            return NotThere(
                f"{access.name} does not have this, or does not show it{why}.",
                status=status,
                hint="Check provider.repo and provider.apiUrl, and that the token may see the"
                " repository.",
            )
        if status in _TEMPORARY or status > 504:
            return Unavailable(f"{access.name} has trouble{why}.", status=status, hint=_ASK_LATER)
        return ProviderError(
            f"{access.name} refuses the request{why}.",
            status=status,
            hint="What it says about it tells what to change.",
        )

    def _find_reason(self, reply: Reply) -> str:
        """What the provider says about a refusal, without the token."""
        try:
            value = read_json(reply.body)
        except Unfit:
            return ""
        if not isinstance(value, dict):
            return ""
        words = look_up(value, "message") or look_up(value, "error")
        text = words if isinstance(words, str) else json.dumps(words) if words else ""
        more = _list_errors(value)
        whole = f"{text.rstrip('.')}: {more}" if more and text else text or more
        return quote_service(whole, self._access.token.reveal(), _LONGEST_REASON)


def has_next_page(headers: Headers) -> bool:
    """Whether an answer says that its list goes on: `x-next-page` at GitLab, a link elsewhere."""
    if "x-next-page" in headers:
        return bool(headers["x-next-page"].strip())
    links = headers.get("link", "").split(",")
    return any('rel="next"' in link.replace(" ", "") for link in links)


def _get_origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _list_errors(value: Item) -> str:
    """GitHub's list of what is wrong with a body, in words."""
    errors = look_up(value, "errors")
    if not isinstance(errors, list):
        return ""
    words = (
        error if isinstance(error, str) else look_up(error, "message") or look_up(error, "code")
        for error in errors[:5]
        if isinstance(error, str | dict)
    )
    return ", ".join(str(word) for word in words if word)
