"""Notifications, to real receivers on this machine that answer as the test says."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from reconciler.controller.documents import Notification, NotifiedEvent
from reconciler.controller.notify import (
    MOST_WAITING,
    TRIES,
    Message,
    Notifier,
    Receiver,
    build_receivers,
    open_network,
    write_slack,
)
from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret
from reconciler.service.routes import Routes
from tests.clock import FakeClock

WITHIN_S = 5.0
PATH = "/services/T0/B0/s3cret-in-the-path"
EVENTS: tuple[NotifiedEvent, ...] = ("applied", "failed", "needsPerson", "planned")
APPLIED = Message(
    "applied", "spring", "0123456789abcdef", "3 edits rendered for $1.20", 1_800_000_000.0
)


class Place:
    """A receiver's server: what it got, and what it answers, one after the other, then 200."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.port, self.retry_after = 0, ""

    async def _take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:  # nothing: the connection ends
            assert request.transport is not None
            request.transport.abort()
        more = {"Location": "/elsewhere", "Retry-After": self.retry_after}
        return web.Response(status=status or 200, headers=more)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Place]:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    def receive(self, kind: str = "webhook", **settings: object) -> Receiver:
        """A receiver at this place."""
        url = Secret(f"http://127.0.0.1:{self.port}{PATH}")
        return replace(Receiver("a receiver", "webhook", url, EVENTS), kind=kind, **settings)


class Telling:
    """A notifier that runs, and what it told of itself."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.clock = FakeClock()

    @asynccontextmanager
    async def to(self, *receivers: Receiver) -> AsyncIterator[Notifier]:
        """A notifier that has sent everything, or given up, when the block ends."""
        network = open_network(Routes())
        tell = lambda outcome, words: self.told.append((outcome, words))  # noqa: E731
        notifier = Notifier(receivers, network, self.clock, tell)
        running = asyncio.create_task(notifier.run())
        try:
            yield notifier
            await notifier.finish(WITHIN_S)
        finally:
            running.cancel()
            await asyncio.wait([running])
            await network.close()
        assert "s3cret" not in repr(self.told)


async def test_a_signed_webhook() -> None:
    """One object with a version, signed as Standard Webhooks says."""
    message = replace(APPLIED, details={"price": 1.2, "currency": "USD"})
    place = Place()
    async with place.open(), Telling().to(place.receive(key=Secret("a key"))) as notifier:
        notifier.send(message)
    (body,), (headers,) = place.bodies, place.headers
    assert json.loads(body) == {
        "version": 1,
        "id": message.id,
        "event": "applied",
        "sync": "spring",
        "revision": "0123456789abcdef",
        "time": "2027-01-15T08:00:00Z",
        "text": "3 edits rendered for $1.20",
        "details": {"price": 1.2, "currency": "USD"},
    }
    content = b".".join((message.id.encode(), b"1800000000", body))
    signature = base64.b64encode(hmac.digest(b"a key", content, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (message.id, "1800000000")
    assert headers["content-type"] == "application/json"


async def test_slack() -> None:
    """Text and nothing else, unsigned: the address is the secret."""
    async with Place().open() as place, Telling().to(place.receive("slack")) as notifier:
        notifier.send(APPLIED)
    assert json.loads(place.bodies[0]) == {
        "text": "rendered: spring at 0123456789ab\n3 edits rendered for $1.20",
        "mrkdwn": False,
        "unfurl_links": False,
    }
    assert "webhook-signature" not in place.headers[0]


@given(st.text(max_size=200))
def test_strangers_call_nobody(text: str) -> None:
    """Whatever stands in a manifest: no mention, no link, no line that hides another."""
    told = json.loads(write_slack(replace(APPLIED, text=f"{text}<!channel> @here & <https://x|y>")))
    words = told["text"]
    assert "<" not in words
    assert ">" not in words
    assert "@here" not in words
    assert "@channel" not in words
    assert "&amp; &lt;https://x|y&gt;" in words
    assert "\x1b" not in words
    assert "\u202e" not in words


@pytest.mark.parametrize("trouble", [0, 500, 503, 429, 408])
async def test_trouble_is_tried_again(trouble: int) -> None:
    """Later and later, under the same id, so that who gets it twice can tell."""
    telling = Telling()
    async with Place(trouble, trouble).open() as place, telling.to(place.receive()) as notifier:
        notifier.send(APPLIED)
    assert [headers["webhook-id"] for headers in place.headers] == [APPLIED.id] * 3
    assert telling.told == [("sent", "a receiver was told: rendered")]
    assert 6.0 <= telling.clock.monotonic() <= 9.0


@pytest.mark.parametrize(("asked", "least_s"), [("30", 30.0), ("999999", 300.0), ("soon", 2.0)])
async def test_a_receiver_may_ask_for_time(asked: str, least_s: float) -> None:
    """Slack says how long; nobody says for ever."""
    telling, place = Telling(), Place(429)
    place.retry_after = asked
    async with place.open(), telling.to(place.receive()) as notifier:
        notifier.send(APPLIED)
    assert least_s <= telling.clock.monotonic() <= least_s + 1.0


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "it answers with a redirect, which is not followed"),
        (307, "it answers with a redirect, which is not followed"),
        (404, "it answers 404"),
        (400, "it answers 400"),
    ],
)
async def test_some_trouble_is_final(status: int, words: str) -> None:
    """A redirect is followed nowhere, since the address is a secret; a refusal stays one."""
    telling = Telling()
    async with Place(status).open() as place, telling.to(place.receive()) as notifier:
        notifier.send(APPLIED)
    assert len(place.bodies) == 1
    assert telling.told == [("lost", f"a receiver could not be told: {words}")]


async def test_a_dead_receiver_holds_up_nobody() -> None:
    """It is tried so often and given up; another is told at once, and a pass never waits."""
    telling = Telling()
    async with Place().open() as gone:
        pass
    async with Place().open() as place:
        dead = replace(gone.receive(), name="the dead one")
        async with telling.to(dead, place.receive()) as notifier:
            notifier.send(APPLIED)
    assert len(place.bodies) == 1
    assert sorted(telling.told) == [
        ("lost", "the dead one could not be told: it cannot be reached"),
        ("sent", "a receiver was told: rendered"),
    ]
    assert telling.clock.monotonic() > 2.0 ** (TRIES - 1)


async def test_the_queue_is_bounded() -> None:
    """Who is too slow loses the oldest; what is told of it is the number that is lost."""
    telling = Telling()
    async with Place().open() as place, telling.to(place.receive()) as notifier:
        for n in range(MOST_WAITING + 5):  # nothing is sent in between: there is no await
            notifier.send(replace(APPLIED, text=f"no. {n}"))
    assert [json.loads(body)["text"] for body in place.bodies] == [
        f"no. {n}" for n in range(5, MOST_WAITING + 5)
    ]
    assert [outcome for outcome, _ in telling.told].count("lost") == 5


async def test_the_same_is_said_once() -> None:
    """Until something else happens, or all was well in between."""
    failed = replace(APPLIED, event="failed", text="edit intro: no such file")
    async with Place().open() as place, Telling().to(place.receive(on=("failed",))) as notifier:
        notifier.send(failed)
        notifier.send(replace(failed, at=failed.at + 20.0))
        notifier.send(APPLIED)  # not for this receiver, and yet news
        notifier.send(replace(failed, at=failed.at + 40.0))
        notifier.send(replace(failed, at=failed.at + 60.0))
        notifier.forget()
        notifier.send(replace(failed, at=failed.at + 80.0))
    times = [json.loads(body)["time"][-4:-1] for body in place.bodies]
    assert times == [":00", ":40", ":20"]


NOTIFICATION = Notification("slack", "SLACK_URL", ("failed",))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "SLACK_URL, which names whom to notify, is not set"),
        ("http://hooks.example/s3cret", "no https URL"),
        ("ftp://hooks.example/s3cret", "no https URL"),
        ("https:///s3cret", "no https URL"),
        ("https://user:s3cret@hooks.example/", "no https URL"),
        ("https://hooks.example/s3cret\nX: y", "no https URL"),
        ("https://hooks.example:s3cret/", "no https URL"),
        ("https://[s3cret/", "no https URL"),
    ],
)
def test_addresses_that_are_none(url: str, words: str) -> None:
    """The error names the variable, never what stands in it."""
    with pytest.raises(CutlistError, match=words) as caught:
        build_receivers([NOTIFICATION], lambda _: Secret(url))
    assert "s3cret" not in f"{caught.value!r}{caught.value.hint}{caught.value.__cause__!r}"


def test_receivers_of_a_document() -> None:
    """Addresses and keys come from named variables; a key that is named has to be there."""
    values = {"HOOK": "https://x.example/a@b", "NEAR": "http://[::1]:9/", "KEY": "k"}

    def read(name: str) -> Secret:
        return Secret(values.get(name, ""))

    wanted = [
        Notification("webhook", "HOOK", ("failed",), "KEY"),
        Notification("webhook", "NEAR", ("applied",)),
    ]
    far, near = build_receivers(wanted, read)
    assert (far.name, far.url.reveal(), far.key.reveal()) == (
        "webhook at $HOOK",
        values["HOOK"],
        "k",
    )
    assert (near.on, bool(near.key)) == (("applied",), False)
    assert "x.example" not in repr(far)
    with pytest.raises(CutlistError, match="OTHER, which signs notifications, is not set"):
        build_receivers([Notification("webhook", "HOOK", ("failed",), "OTHER")], read)
