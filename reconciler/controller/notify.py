"""Tells people and programs of what happened: Slack, or a webhook of their own.

To tell costs a pass nothing: a message goes into a queue of its receiver, and a receiver that is
dead, slow or gone holds up neither a pass nor another receiver. The address is a secret and stands
in no log and no error. Messages may arrive twice, when an answer was lost; their id tells.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from reconciler.controller.documents import Notification, NotifiedEvent
from reconciler.controller.webhooks import sign_content
from reconciler.errors import CutlistError, NotReached, OutcomeUnknown
from reconciler.formats.digest import hash_bytes
from reconciler.formats.hosts import is_loopback
from reconciler.formats.names import is_plain
from reconciler.formats.secret import Secret
from reconciler.formats.untrusted import make_plain_line
from reconciler.formats.words import format_moment
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.service.answers import Reply
    from reconciler.service.network import Network
    from reconciler.service.routes import Routes

MESSAGE_VERSION = 1
MOST_WAITING = 100  # messages for one receiver; then the oldest is lost
TRIES = 6
FIRST_WAIT_S = 2.0  # after the first try; doubles, with up to half of it by chance
WITHIN_S = 10.0  # of one try
LONGEST_WAIT_S = 300.0  # that a receiver may ask for
LONGEST_TEXT = 3000  # characters of what is told
_MOST_ANSWER_BYTES = 16 << 10
_AGAIN = (408, 425, 429)  # besides everything from 500 on
_TITLES: Mapping[NotifiedEvent, str] = {
    "applied": "rendered",
    "failed": "failed",
    "needsPerson": "needs a person",
    "planned": "planned",
}


@dataclass(frozen=True, slots=True)
class Message:
    """Something that people want to hear of. `text` says it in a sentence or several lines;
    `details` are for programs.
    """

    event: NotifiedEvent
    sync: str
    revision: str
    text: str
    at: float  # seconds since 1970
    details: Mapping[str, str | float | None] = field(default_factory=dict)

    @property
    def subject(self) -> tuple[str, ...]:
        """What makes two messages say the same, whenever it happens."""
        return self.event, self.sync, self.revision, self.text

    @property
    def id(self) -> str:
        """The same for every try of it, and for no other message."""
        return hash_bytes(json.dumps([*self.subject, self.at]).encode())[:32]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told, of which events. `name` is what errors and logs call it."""

    name: str
    kind: Literal["slack", "webhook"]
    url: Secret
    on: tuple[NotifiedEvent, ...]
    key: Secret = field(default_factory=lambda: Secret(""))  # signs what a webhook gets


def build_receivers(
    notifications: Iterable[Notification], read_secret: Callable[[str], Secret]
) -> tuple[Receiver, ...]:
    """The receivers of a Sync, with the addresses and keys that `read_secret` gives by the name of
    a variable. Raises CutlistError, which names the variable and never what stands in it.
    """
    return tuple(
        Receiver(
            f"{one.kind} at ${one.url_from}",
            one.kind,
            _check_address(read_secret(one.url_from), one.url_from),
            one.on,
            _check_key(read_secret(one.secret_from), one.secret_from),
        )
        for one in notifications
    )


def _check_address(url: Secret, variable: str) -> Secret:
    text = url.reveal()
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        is_fine = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        is_fine = is_fine and bool(host) and parts.port != 0 and parts.username is None
    except ValueError:
        is_fine = False
    if not is_fine or not is_plain(text) or re.search(r"[\s\\]", text):
        raise CutlistError(
            f"{variable} holds no address that can be told: it is empty or no https URL"
            if text
            else f"{variable}, which names whom to notify, is not set",
            hint=f"Set {variable} to the https URL of the receiver (http only on this machine).",
        )
    return url


def _check_key(key: Secret, variable: str) -> Secret:
    if variable and not key:
        raise CutlistError(
            f"{variable}, which signs notifications, is not set",
            hint=f"Set {variable}, or take secretFrom out of the document.",
        )
    return key


# ------------------------------------------------------------------ what is sent


def write_slack(message: Message) -> bytes:
    """The body for an incoming webhook of Slack, or of what takes the same: plain text, in which
    nobody is called and nothing is a link or a form of writing.
    """
    head = f"{_TITLES[message.event]}: {message.sync}"
    revision = f" at {message.revision[:12]}" if message.revision else ""
    text = _escape("\n".join([head + revision, *_clean_lines(message.text)]))
    return json.dumps({"text": text, "mrkdwn": False, "unfurl_links": False}).encode()


def _clean_lines(text: str) -> list[str]:
    lines = [make_plain_line(line, 500) for line in text[:LONGEST_TEXT].splitlines()]
    return [line for line in lines if line]


def _escape(text: str) -> str:
    """`text` as Slack wants it; an @ calls nobody where names are looked for in plain text."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("@", "@\u200b")


def write_webhook(message: Message) -> bytes:
    """The body for a webhook: one JSON object with a version."""
    return json.dumps(
        {
            "version": MESSAGE_VERSION,
            "id": message.id,
            "event": message.event,
            "sync": message.sync,
            "revision": message.revision,
            "time": format_moment(message.at),
            "text": "\n".join(_clean_lines(message.text)),
            "details": dict(message.details),
        }
    ).encode()


def _sign(receiver: Receiver, message: Message, body: bytes, now: float) -> dict[str, str]:
    """The headers of Standard Webhooks; without a key they name the message and sign nothing."""
    moment = f"{now:.0f}"
    headers = {"webhook-id": message.id, "webhook-timestamp": moment}
    if receiver.key:
        content = b".".join((message.id.encode(), moment.encode(), body))
        key = receiver.key.reveal().encode()
        headers["webhook-signature"] = sign_content(key, content)
    return headers


# ------------------------------------------------------------------ sending


def open_network(routes: Routes) -> Network:
    """Connections to receivers, whose answers nobody reads beyond their status."""
    from reconciler.service.network import Network  # lazy: only who notifies loads httpx

    return Network(routes, named="the receiver", most_bytes=_MOST_ANSWER_BYTES)


@dataclass(slots=True)
class _Line:
    """What waits for one receiver."""

    receiver: Receiver
    waiting: deque[Message] = field(default_factory=deque)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    last: tuple[str, ...] = ()  # the subject of the last message, whether it was sent or not


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a try failed; `is_final` when trying again is of no use; else after `wait_s` seconds."""

    words: str
    is_final: bool = False
    wait_s: float = 0.0


class Notifier:
    """Tells the receivers of one Sync.

    `tell` hears of every message that was sent or lost, in words without secrets.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        network: Network,
        clock: Clock,
        tell: Callable[[Literal["sent", "lost"], str], None],
    ) -> None:
        self._network, self._clock, self._tell = network, clock, tell
        self._lines = [_Line(receiver) for receiver in receivers]

    def send(self, message: Message) -> None:
        """Let those who want to hear of it know. Returns at once. What says the same as the message
        before it is not sent again.
        """
        for line in self._lines:
            is_news, line.last = line.last != message.subject, message.subject
            if is_news and message.event in line.receiver.on:
                self._queue(line, message)

    def forget(self) -> None:
        """All is well: what comes next is news, even if it was said before."""
        for line in self._lines:
            line.last = ()

    def _queue(self, line: _Line, message: Message) -> None:
        line.waiting.append(message)
        if len(line.waiting) > MOST_WAITING:
            line.waiting.popleft()
            self._tell("lost", f"{line.receiver.name} is too slow; its oldest message is dropped")
        line.empty.clear()
        line.filled.set()

    async def run(self) -> None:
        """Send what there is to send, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for line in self._lines:
                group.create_task(self._serve(line))

    async def finish(self, within_s: float) -> None:
        """Wait until everything is sent, but no longer than that; `run` still has to run."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for line in self._lines:
                    await line.empty.wait()

    async def _serve(self, line: _Line) -> None:
        while True:
            while line.waiting:
                await self._deliver(line.receiver, line.waiting.popleft())
            line.filled.clear()
            line.empty.set()
            await line.filled.wait()

    async def _deliver(self, receiver: Receiver, message: Message) -> None:
        """Try until it has arrived, cannot arrive, or was tried often enough."""
        wait_s = FIRST_WAIT_S
        for left in reversed(range(TRIES)):
            trouble = await self._try(receiver, message)
            if trouble is None:
                self._tell("sent", f"{receiver.name} was told: {_TITLES[message.event]}")
                return
            if trouble.is_final or not left:
                self._tell("lost", f"{receiver.name} could not be told: {trouble.words}")
                return
            await self._clock.sleep(
                max(trouble.wait_s, wait_s * (1.0 + self._clock.random() / 2.0))
            )
            wait_s *= 2.0

    async def _try(self, receiver: Receiver, message: Message) -> _Trouble | None:
        """Send once."""
        write = write_slack if receiver.kind == "slack" else write_webhook
        body = write(message)
        headers = {"Content-Type": "application/json"}
        if receiver.kind == "webhook":
            headers |= _sign(receiver, message, body, self._clock.now())
        try:
            reply = await self._network.ask(
                "POST", receiver.url.reveal(), within_s=WITHIN_S, content=body, headers=headers
            )
        except NotReached:
            return _Trouble("it cannot be reached")
        except OutcomeUnknown:
            return _Trouble("it does not answer")
        except CutlistError as error:  # the way there is set up wrongly
            return _Trouble(make_plain_line(error.message, 200), is_final=True)
        return _judge(reply)


def _judge(reply: Reply) -> _Trouble | None:
    """What an answer means; None where the message has arrived."""
    if reply.ok:
        return None
    if 300 <= reply.status < 400:
        return _Trouble("it answers with a redirect, which is not followed", is_final=True)
    asked = reply.headers.get("retry-after", "")
    wait_s = min(float(asked), LONGEST_WAIT_S) if re.fullmatch(r"[0-9]{1,6}", asked) else 0.0
    is_final = reply.status < 500 and reply.status not in _AGAIN
    return _Trouble(f"it answers {reply.status}", is_final, wait_s)
