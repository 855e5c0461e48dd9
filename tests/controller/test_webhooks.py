"""What webhooks hint at, and which are refused: as a table, without a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.controller.webhooks import (
    MOST_BODY_BYTES,
    Deliveries,
    Hint,
    LookAtBranch,
    LookAtPullRequest,
    LookAtTask,
    WebhookRefused,
    read_webhook,
)
from reconciler.formats.secret import Secret
from tests.controller.deliveries import (
    NOW,
    PUSH,
    SECRET,
    Delivery,
    build_event,
    encode,
    send_bus,
    send_gitea,
    send_github,
    send_gitlab,
    send_signed_gitlab,
    sign,
)

MAIN = LookAtBranch("refs/heads/main")
PULL = {"action": "synchronize", "number": 7, "pull_request": {"head": {"sha": "3" * 40}}}
MERGE = {"object_kind": "merge_request", "object_attributes": {"iid": 7, "id": 99}}
WHSEC = f"whsec_{base64.b64encode(b'thirty-two bytes of a signing key').decode()}"


def read(delivery: Delivery, secret: str = SECRET, seen: Deliveries | None = None) -> Hint | None:
    """Read a delivery that arrives now."""
    return read_webhook(*delivery, Secret(secret), NOW, Deliveries() if seen is None else seen)


def refuse(delivery: Delivery, secret: str = SECRET, seen: Deliveries | None = None) -> HTTPStatus:
    """The status with which a delivery is refused; it never shows the secret."""
    with pytest.raises(WebhookRefused) as caught:
        read(delivery, secret, seen)
    assert SECRET not in f"{caught.value.message}{caught.value.hint}"
    return caught.value.status


@pytest.mark.parametrize(
    ("delivery", "hint"),
    [
        (send_github("push", PUSH), MAIN),
        (send_github("pull_request", PULL), LookAtPullRequest(7)),
        (send_github("ping", {"zen": "Speak like a human."}), None),
        (send_github("push", {"ref": "refs/tags/v1.0"}), LookAtBranch("refs/tags/v1.0")),
        (send_gitea("push", PUSH), MAIN),
        (send_gitea("pull_request", PULL), LookAtPullRequest(7)),
        (send_gitea("pull_request_sync", PULL), LookAtPullRequest(7)),
        (send_gitea("issues", {}), None),
        (send_gitlab("Push Hook", PUSH), MAIN),
        (send_gitlab("Merge Request Hook", MERGE), LookAtPullRequest(7)),
        (send_gitlab("Pipeline Hook", {}), None),
        (send_signed_gitlab("Push Hook", PUSH), MAIN),
        (send_bus(build_event("c7be0b37-1e04")), LookAtTask("c7be0b37-1e04")),
        (send_bus({"id": "1", "type": "eventbridge:Events:HTTPEvent"}), None),
    ],
)
def test_hints(delivery: Delivery, hint: Hint | None) -> None:
    """Each sender's events are read by its own headers and fields."""
    assert read(delivery) == hint


def test_a_body_is_never_believed() -> None:
    """A hint says where to look and holds nothing of what the body claims to be there."""
    claims = {**PUSH, "after": "f" * 40, "repository": {"clone_url": "https://evil.example/x"}}
    for event, data in (("push", claims), ("pull_request", {**PULL, **claims})):
        hint = read(send_github(event, data))
        assert isinstance(hint, LookAtBranch | LookAtPullRequest)
        assert "f" * 40 not in repr(hint)
        assert "evil" not in repr(hint)
    assert [*LookAtBranch.__slots__] == ["ref"]
    assert [*LookAtPullRequest.__slots__] == ["number"]
    assert [*LookAtTask.__slots__] == ["task_id"]
    assert "SUCCEEDED" not in repr(read(send_bus(build_event("c7be"))))


@pytest.mark.parametrize(
    ("ref", "same"),
    [("main", True), ("refs/heads/main", True), ("mai", False), ("heads/main", False)],
)
def test_which_documents_a_push_is_about(ref: str, same: bool) -> None:
    """A document names a branch, or a ref in full."""
    assert MAIN.is_about(ref) is same
    assert not LookAtBranch("refs/tags/main").is_about(ref)


def test_a_form_is_read() -> None:
    """GitHub's default content type is a form with one field."""
    headers, _ = send_github("push", PUSH)
    body = urlencode({"payload": json.dumps(PUSH)}).encode()
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    headers["X-Hub-Signature-256"] = f"sha256={sign(body)}"
    assert read((headers, body)) == MAIN


def test_a_signing_key_in_base64() -> None:
    """GitLab's signing tokens are base64 after a prefix."""
    key = base64.b64decode(WHSEC.removeprefix("whsec_"))
    delivery = send_signed_gitlab("Push Hook", PUSH, key=key)
    assert read(delivery, WHSEC) == MAIN
    assert refuse(delivery, WHSEC[:-8] + "AAAAAAA=") is HTTPStatus.UNAUTHORIZED
    # a prefix with nothing behind it is no empty key, with which everybody could sign
    assert refuse(send_signed_gitlab("Push Hook", PUSH, key=b""), "whsec_") == 401
    for own in ("whsec_", "whsec_my own"):
        assert read(send_signed_gitlab("Push Hook", PUSH, key=own.encode()), own) == MAIN


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Hub-Signature-256", None),
        ("X-Hub-Signature-256", ""),
        ("X-Hub-Signature-256", "sha256=" + "0" * 64),
        ("X-Hub-Signature-256", sign(encode(PUSH))),
        ("X-Hub-Signature-256", "sha256=" + sign(encode(PUSH), "another")),
        ("X-Hub-Signature-256", "sha256=é" + "0" * 63),
    ],
)
def test_wrong_signatures(name: str, value: str | None) -> None:
    """What is missing, empty, of another secret, or not even ASCII is wrong."""
    headers, body = send_github("push", PUSH)
    headers.pop(name)
    assert refuse(({**headers, **({} if value is None else {name: value})}, body)) == 401


def test_more_wrong_signatures() -> None:
    """A body that was changed, a sender that is not known, a time that is long ago."""
    headers, body = send_github("push", PUSH)
    assert refuse((headers, body + b" ")) == 401
    assert refuse(({}, body)) == 401
    assert refuse(send_bus(build_event("c7be"), token="")) == 401
    assert refuse(send_bus(build_event("c7be"), token="guess")) == 401
    headers, body = send_gitlab("Push Hook", PUSH)
    assert refuse(({**headers, "X-Gitlab-Token": SECRET[:-1]}, body)) == 401
    for at in (NOW - 301, NOW + 301):
        assert refuse(send_signed_gitlab("Push Hook", PUSH, at=at)) == 401
    headers, body = send_signed_gitlab("Push Hook", PUSH)
    assert refuse(({**headers, "webhook-timestamp": "soon"}, body)) == 401
    # who signs wrongly does not get in with a token instead, nor by naming another id
    assert refuse(({**headers, "webhook-signature": "v1,", "X-Gitlab-Token": SECRET}, body)) == 401
    assert refuse(({**headers, "webhook-id": "msg-2"}, body)) == 401
    # nor past one sender's check by wearing another's headers
    headers, body = send_gitea("push", PUSH)
    assert refuse(({**headers, "X-Gitea-Signature": "0"}, body)) == 401


def test_without_a_secret_there_is_no_door() -> None:
    """Hooks are off: also for who signs with nothing."""
    headers, body = send_github("push", PUSH)
    headers["X-Hub-Signature-256"] = f"sha256={sign(body, '')}"
    assert refuse((headers, body), "") is HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "delivery",
    [
        send_github("push", []),
        send_github("push", {}),
        send_github("push", {"ref": 1}),
        send_github("push", {"ref": "main"}),
        send_github("push", {"ref": "refs/heads/--upload-pack=x"}),
        send_github("push", {"ref": "refs/heads/-x"}),
        send_github("push", {"ref": "refs/heads/a..b"}),
        send_github("push", {"ref": "refs/heads/a\u202eb"}),
        send_github("push", {"ref": "refs/heads/a b"}),
        send_github("push", {"ref": "refs/heads/" + "x" * 300}),
        send_github("pull_request", {"number": "7"}),
        send_github("pull_request", {"number": True}),
        send_github("pull_request", {"number": -1}),
        send_github("pull_request", {"number": 10**17}),
        send_github("push", PUSH, name=""),
        send_github("push", PUSH, name="x" * 200),
        send_gitlab("Merge Request Hook", {"object_attributes": 3}),
        send_bus(build_event("../../etc")),
        send_bus(build_event(None)),
        send_bus({"type": "dashscope:System:AsyncTaskFinish"}),
    ],
)
def test_garbage(delivery: Delivery) -> None:
    """Signed, and yet nothing that can be read."""
    assert refuse(delivery) is HTTPStatus.BAD_REQUEST


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    """Whatever the bytes are, they are refused or hint at something; nothing else is raised."""
    headers, _ = send_github("push", PUSH)
    headers["X-Hub-Signature-256"] = f"sha256={sign(body)}"
    for form in ("application/json", "application/x-www-form-urlencoded"):
        assert refuse(({**headers, "Content-Type": form}, body)) == 400


def test_a_body_that_is_too_large() -> None:
    """It is not even compared."""
    headers, _ = send_github("push", PUSH)
    assert refuse((headers, b" " * (MOST_BODY_BYTES + 1))) == 413


@pytest.mark.parametrize("send", [send_github, send_gitea])
def test_what_was_seen_is_not_taken_again(send: Callable[[str, object, str], Delivery]) -> None:
    """A delivery is known by its id, and by what was signed: ids can be made up."""
    seen = Deliveries()
    assert read(send("push", PUSH, "one"), seen=seen) == MAIN
    assert refuse(send("push", PUSH, "one"), seen=seen) == 409
    assert refuse(send("push", PUSH, "two"), seen=seen) == 409
    assert refuse(send("push", {"ref": "refs/heads/x"}, "one"), seen=seen) == 409
    assert read(send("push", {"ref": "refs/heads/x"}, "three"), seen=seen) is not None


def test_what_was_refused_may_come_again() -> None:
    """A stranger cannot use up the id of a delivery that is still to come."""
    seen = Deliveries()
    headers, body = send_github("push", PUSH)
    assert refuse(({**headers, "X-Hub-Signature-256": "sha256=0"}, body), seen=seen) == 401
    assert read((headers, body), seen=seen) == MAIN


def test_gitlab_may_say_the_same_twice() -> None:
    """Its id is signed or its sender known: a branch pushed back and forth is two deliveries."""
    seen = Deliveries()
    for name in ("one", "two"):
        assert read(send_gitlab("Push Hook", PUSH, name), seen=seen) == MAIN
    assert refuse(send_gitlab("Push Hook", PUSH, "two"), seen=seen) == 409


def test_the_bus_delivers_more_than_once() -> None:
    """Its page says so: a second time is no fault, and starts nothing."""
    seen = Deliveries()
    assert read(send_bus(build_event("c7be")), seen=seen) == LookAtTask("c7be")
    assert read(send_bus(build_event("c7be")), seen=seen) is None


def test_deliveries_are_bounded() -> None:
    """By number and by time; a clock that is set back forgets nothing."""
    seen = Deliveries(window_s=100.0, most=3)
    for at in range(5):
        seen.add(f"d{at}", float(at))
    assert [seen.has(f"d{at}", 5.0) for at in range(5)] == [False, False, True, True, True]
    assert seen.has("d4", -1e9)
    assert not seen.has("d4", 104.0)
    seen.add("late", 1000.0)
    assert len(seen) == 1
