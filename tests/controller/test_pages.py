"""Who may see what, and what it looks like: requests as values, without a socket."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from reconciler.controller.hooks import Doors
from reconciler.controller.pages import PageAnswer, PageRequest, Pages, Sources
from reconciler.controller.webhooks import Hint, LookAtBranch
from reconciler.formats.secret import Secret
from tests.clock import FakeClock
from tests.controller.deliveries import PUSH, SECRET, send_github

TOKEN = "t0p-s3cret"


class Around:
    """What is around the pages in a test: what they ask, and what they were told."""

    def __init__(self) -> None:
        self.ready = True
        self.metrics: bytes | str = b"cutlist_queue_length 0.0\n"
        self.hints: list[tuple[str, Hint]] = []
        self.told: list[tuple[str, int]] = []

    def build_pages(self, token: str = "") -> Pages:
        """The pages of a controller with one Sync."""
        sources = Sources(
            lambda: {"syncs": [{"name": "spring"}]},
            lambda: self.ready,
            lambda name, hint: self.hints.append((name, hint)),
            lambda: self.metrics,
            lambda name, status: self.told.append((name, status)),
        )
        doors = Doors({"spring": Secret(SECRET)}, FakeClock())
        return Pages(sources, doors, token=Secret(token), hosts=("Films.example",))

    def ask(
        self,
        path: str,
        *,
        peer: str = "127.0.0.1",
        token: str = "",
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> PageAnswer:
        """The answer to a request."""
        sent = {"host": "127.0.0.1:8790", **(headers or {})}
        return self.build_pages(token).answer(PageRequest(method, path, peer, sent))


@pytest.mark.parametrize("path", ["/status", "/metrics"])
@pytest.mark.parametrize(
    ("peer", "token", "headers", "status"),
    [
        ("127.0.0.1", "", {}, 200),
        ("::1", "", {"host": "localhost"}, 200),
        ("::ffff:127.0.0.1", TOKEN, {"host": "films.example"}, 200),
        ("127.0.0.1", "", {"host": "[::1]:8790"}, 200),
        ("127.0.0.1", "", {"host": "10.0.0.7"}, 200),
        # a name that somebody else may have pointed here
        ("127.0.0.1", "", {"host": "evil.example"}, 421),
        ("127.0.0.1", "", {"host": "localhost.evil.example"}, 421),
        ("127.0.0.1", "", {"host": ""}, 421),
        ("127.0.0.1", "", {"host": "[::1"}, 421),
        # from elsewhere, also through a proxy on this machine
        ("10.0.0.9", "", {}, 403),
        ("", "", {}, 403),
        ("fe80::1%eth0", "", {}, 403),
        ("10.0.0.9", TOKEN, {}, 401),
        ("127.0.0.1", "", {"x-forwarded-for": "10.0.0.9"}, 403),
        ("127.0.0.1", TOKEN, {"forwarded": "for=10.0.0.9"}, 401),
        ("10.0.0.9", TOKEN, {"authorization": f"Bearer {TOKEN}"}, 200),
        ("10.0.0.9", TOKEN, {"authorization": f"bearer  {TOKEN}", "host": "any.example"}, 200),
        ("10.0.0.9", TOKEN, {"authorization": f"Basic {TOKEN}"}, 401),
        ("10.0.0.9", TOKEN, {"authorization": "Bearer "}, 401),
        ("10.0.0.9", TOKEN, {"authorization": "Bearer é"}, 401),
        ("10.0.0.9", TOKEN, {"authorization": TOKEN}, 401),
        ("10.0.0.9", "", {"authorization": "Bearer "}, 403),
    ],
)
def test_who_may_read(
    path: str, peer: str, token: str, headers: Mapping[str, str], status: int
) -> None:
    """Readers on this machine under its own names, and those who bring the token."""
    answer = Around().ask(path, peer=peer, token=token, headers=headers)
    assert answer.status == status
    assert (b"spring" in answer.body or b"cutlist_queue" in answer.body) == (status == 200)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert TOKEN not in answer.body.decode()


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.9"])
def test_health_is_for_everybody(peer: str) -> None:
    """Probes come from elsewhere, under any name."""
    around = Around()
    headers = {"host": "pod.example"}
    assert around.ask("/healthz", peer=peer, headers=headers).body == b"ok\n"
    assert around.ask("/readyz", peer=peer, headers=headers).status == 200
    around.ready = False
    assert around.ask("/readyz", peer=peer, headers=headers).status == 503
    assert around.ask("/healthz", peer=peer, method="HEAD").status == 200


def test_status_is_versioned_json() -> None:
    """The version comes first, and what the controller says stands beside it."""
    answer = Around().ask("/status")
    assert answer.content_type == "application/json"
    assert json.loads(answer.body) == {"version": 1, "syncs": [{"name": "spring"}]}
    assert answer.body.startswith(b'{"version": 1, ')


def test_metrics_or_words_why_there_are_none() -> None:
    """Without the extra it says so, and with which command there would be some."""
    around = Around()
    assert around.ask("/metrics").content_type.startswith("text/plain; version=0.0.4")
    around.metrics = "Metrics need an extra."
    answer = around.ask("/metrics")
    assert (answer.status, answer.body) == (501, b"Metrics need an extra.\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/status/", 404),
        ("GET", "/hooks", 404),
        ("POST", "/status", 405),
        ("DELETE", "/healthz", 405),
        ("GET", "/hooks/spring", 405),
        ("POST", "/hooks/../status", 404),
        ("POST", "/hooks/summer", 404),
    ],
)
def test_what_there_is_not(method: str, path: str, status: int) -> None:
    """Other paths and methods; a path never leads to another."""
    answer = Around().ask(path, method=method)
    assert answer.status == status
    assert ("Allow" in answer.headers) == (status == 405)


def test_webhooks() -> None:
    """From anywhere; taken once, told of, and answered as JSON."""
    around = Around()
    pages = around.build_pages()
    headers, body = send_github("push", PUSH)
    sent = {name.lower(): value for name, value in headers.items()}
    ping = {name.lower(): value for name, value in send_github("ping", {}, "ping")[0].items()}
    answers = [
        pages.answer(PageRequest("POST", "/hooks/spring", "140.82.112.1", sent, body)),
        pages.answer(PageRequest("POST", "/hooks/spring", "140.82.112.1", sent, body)),
        pages.answer(PageRequest("POST", "/hooks/spring", "140.82.112.1", ping, b"{}")),
        pages.answer(PageRequest("POST", "/hooks/spring", "10.0.0.9", {}, body)),
    ]
    assert [answer.status for answer in answers] == [202, 409, 200, 401]
    assert [sorted(json.loads(answer.body)) for answer in answers] == [
        ["look"],
        ["error", "hint"],
        ["look"],
        ["error", "hint"],
    ]
    assert around.hints == [("spring", LookAtBranch("refs/heads/main"))]
    assert around.told == [("spring", answer.status) for answer in answers]
