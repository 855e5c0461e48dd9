"""Reads webhooks of GitHub, GitLab, Gitea and of the service's event bus as hints to look. Pure.

Nothing in a body is believed: a hint says where to look, and whoever looks asks the repository, the
provider or the service itself. So a webhook that is lost, late, or made up by somebody who has
the secret costs no more than a look.

What the senders send: the providers' pages on webhooks; the Standard Webhooks specification for
GitLab's signing tokens; the event bus's pages on HTTP targets and on finished tasks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from reconciler.errors import CutlistError
from reconciler.formats.names import is_plain
from reconciler.formats.secret import Secret
from reconciler.formats.untrusted import LONGEST_ID, Unfit, is_task_id, read_json

MOST_BODY_BYTES = 1 << 20
WINDOW_S = 24 * 3600.0  # for so long a delivery is remembered, if there is room
MOST_DELIVERIES = 10_000  # that are remembered at most, for one Sync
LEEWAY_S = 300.0  # between a sender's clock and ours, where what is signed names a time
TASK_FINISHED = "dashscope:System:AsyncTaskFinish"
_REF = re.compile(r"refs/(?:heads|tags)/[^\s~^:?*\[\\-][^\s~^:?*\[\\]{0,249}")
_LARGEST_NUMBER = (1 << 31) - 1
_Headers = Mapping[str, str]  # their names in small letters


@dataclass(frozen=True, slots=True)
class LookAtBranch:
    """Something may have been pushed to `ref`, the full name of a branch or a tag."""

    ref: str

    def is_about(self, ref: str) -> bool:
        """Whether that is `ref`, as a document names it: in full, or a branch by its name."""
        return self.ref in (ref, f"refs/heads/{ref}")


@dataclass(frozen=True, slots=True)
class LookAtPullRequest:
    """Something may have happened to the pull request of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class LookAtTask:
    """A task at the service may have ended."""

    task_id: str


Hint = LookAtBranch | LookAtPullRequest | LookAtTask


class WebhookRefused(CutlistError):
    """A request that is no webhook for us. `status` is the HTTP status that says so."""

    def __init__(self, status: HTTPStatus, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Deliveries:
    """The deliveries that one Sync has seen: at most `most`, each for `window_s` seconds."""

    def __init__(self, window_s: float = WINDOW_S, most: int = MOST_DELIVERIES) -> None:
        self._window_s, self._most = window_s, most
        self._seen: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def has(self, name: str, now: float) -> bool:
        """Whether a delivery was seen within the window, or after `now`: clocks are set back."""
        at = self._seen.get(name)
        return at is not None and now - at < self._window_s

    def add(self, name: str, now: float) -> None:
        """Remember a delivery, and forget the oldest where there is no more room."""
        self._seen[name] = now
        self._seen.move_to_end(name)
        while self._seen:
            oldest, at = next(iter(self._seen.items()))
            if len(self._seen) <= self._most and now - at < self._window_s:
                break
            del self._seen[oldest]


@dataclass(frozen=True, slots=True)
class _Sender:
    """How one kind of sender signs, names its deliveries, and says what happened."""

    events: tuple[str, ...]  # the headers that name the event; the first that is there counts
    ids: tuple[str, ...]  # the headers that name the delivery
    is_signed: Callable[[_Headers, bytes, bytes, float], bool]
    read: Callable[[str, Any], Hint | None]
    by_body: bool = False  # whether the body alone is signed: a delivery is then known by it too
    repeats: bool = False  # whether it is known to deliver the same thing more than once


def read_webhook(
    headers: Mapping[str, str], body: bytes, secret: Secret, now: float, seen: Deliveries
) -> Hint | None:
    """What a webhook hints at; None for one that is fine and says nothing to us, such as a ping.

    `now` is in seconds since 1970. Raises WebhookRefused: 404 without a secret, 413 for a body
    that is too large, 401 for a signature that is missing or wrong, 400 for what cannot be read,
    409 for a delivery, or a signed body, that was seen before. Only what is taken is remembered
    in `seen`.
    """
    if not secret:
        raise WebhookRefused(HTTPStatus.NOT_FOUND, "there is nothing here")
    if len(body) > MOST_BODY_BYTES:
        raise refuse_body()
    sent = {name.lower(): value for name, value in headers.items()}
    sender = _find_sender(sent)
    if sender is None or not sender.is_signed(sent, body, secret.reveal().encode(), now):
        raise WebhookRefused(
            HTTPStatus.UNAUTHORIZED,
            "the webhook is not signed with the secret of this Sync",
            hint="Give the sender the value of the variable that secretFrom names.",
        )
    data = _read_body(sent, body)
    hint = sender.read(_find_first(sent, sender.events), data)
    names = _name_delivery(sender, sent, body, data)
    if any(seen.has(name, now) for name in names):
        if sender.repeats:
            return None
        raise WebhookRefused(HTTPStatus.CONFLICT, "this delivery was taken before")
    for name in names:
        seen.add(name, now)
    return hint


def refuse_body() -> WebhookRefused:
    """The refusal of a body that is too large, for whoever does not read it to its end."""
    return WebhookRefused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is larger than {MOST_BODY_BYTES >> 20} MiB",
    )


def _refuse_garbage(why: str) -> WebhookRefused:
    return WebhookRefused(HTTPStatus.BAD_REQUEST, f"the webhook {why}")


# ------------------------------------------------------------------ who sends, and what is signed


def _find_sender(sent: _Headers) -> _Sender | None:
    """The sender that the headers speak of. Gitea and Forgejo also send GitHub's headers, so they
    are asked first.
    """
    return next((one for one in _SENDERS if any(name in sent for name in one.events)), None)


def _find_first(sent: _Headers, names: tuple[str, ...]) -> str:
    return next((sent[name] for name in names if sent.get(name)), "")


def _is_equal(given: str, wanted: bytes) -> bool:
    """Compares in a time that does not tell how much is right."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted)


def _sign_hex(key: bytes, body: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def _is_signed_by_github(sent: _Headers, body: bytes, key: bytes, _now: float) -> bool:
    wanted = f"sha256={_sign_hex(key, body)}"
    return _is_equal(sent.get("x-hub-signature-256", ""), wanted.encode())


def _is_signed_by_gitea(sent: _Headers, body: bytes, key: bytes, _now: float) -> bool:
    given = _find_first(sent, ("x-forgejo-signature", "x-gitea-signature"))
    return _is_equal(given, _sign_hex(key, body).encode())


def _is_signed_by_gitlab(sent: _Headers, body: bytes, key: bytes, now: float) -> bool:
    """GitLab signs with a signing token, or sends the secret token as it is."""
    if "webhook-signature" not in sent:
        return _is_equal(sent.get("x-gitlab-token", ""), key)
    moment = sent.get("webhook-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", moment) or abs(now - int(moment)) > LEEWAY_S:
        return False
    content = b".".join((sent.get("webhook-id", "").encode(), moment.encode(), body))
    wanted = sign_content(key, content).encode()
    return any(_is_equal(given, wanted) for given in sent["webhook-signature"].split(" ")[:4])


def sign_content(key: bytes, content: bytes) -> str:
    """A signature as Standard Webhooks writes it. A key that begins with `whsec_` is base64."""
    if key.startswith(b"whsec_"):
        with suppress(binascii.Error):  # a secret of somebody's own that happens to begin so
            key = base64.b64decode(key.removeprefix(b"whsec_"), validate=True) or key
    return f"v1,{base64.b64encode(hmac.digest(key, content, 'sha256')).decode()}"


def _is_sent_by_the_bus(sent: _Headers, _body: bytes, key: bytes, _now: float) -> bool:
    """The bus also signs, with a key that would have to be fetched from it; the token is ours."""
    return _is_equal(sent.get("x-eventbridge-signature-token", ""), key)


# ------------------------------------------------------------------ what it says


def _read_body(sent: _Headers, body: bytes) -> Any:
    """The JSON of a body, or of the form's field in which GitHub and Gitea may send it."""
    form = sent.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if form == "application/x-www-form-urlencoded":
            fields = parse_qs(body.decode("ascii"), max_num_fields=4)
            body = "".join(fields.get("payload", [])).encode()
        data = read_json(body)
    except Unfit as error:
        raise _refuse_garbage(f"{error}.") from None
    except ValueError:
        raise _refuse_garbage("is not a form that can be read.") from None
    if not isinstance(data, dict):
        raise _refuse_garbage("is not an object.")
    return data


def _name_delivery(sender: _Sender, sent: _Headers, body: bytes, data: Any) -> tuple[str, ...]:
    """The names under which a delivery is remembered."""
    if sender.repeats:
        return (f"event {data['id']}",)
    given = _find_first(sent, sender.ids)
    if not given or len(given) > LONGEST_ID:
        raise _refuse_garbage("names no delivery.")
    names = [f"delivery {given}"]
    if sender.by_body:  # so that who has caught one cannot send it again under another id
        names.append(f"body {hashlib.sha256(body).hexdigest()}")
    return tuple(names)


def _read_push(data: Any) -> LookAtBranch:
    ref = data.get("ref")
    if not isinstance(ref, str) or not _REF.fullmatch(ref) or not is_plain(ref) or ".." in ref:
        raise _refuse_garbage("names no branch and no tag.")
    return LookAtBranch(ref)


def _read_number(number: object) -> LookAtPullRequest:
    if type(number) is not int or not 0 < number <= _LARGEST_NUMBER:
        raise _refuse_garbage("names no pull request.")
    return LookAtPullRequest(number)


def _read_hub_event(event: str, data: Any) -> Hint | None:
    """What GitHub, Gitea and Forgejo have in common."""
    if event == "push":
        return _read_push(data)
    if event in ("pull_request", "pull_request_sync"):
        return _read_number(data.get("number"))
    return None


def _read_gitlab_event(event: str, data: Any) -> Hint | None:
    if event in ("Push Hook", "Tag Push Hook"):
        return _read_push(data)
    if event == "Merge Request Hook":
        attributes = data.get("object_attributes")
        return _read_number(attributes.get("iid") if isinstance(attributes, dict) else None)
    return None


def _read_bus_event(_token: str, data: Any) -> LookAtTask | None:
    """A CloudEvent. The header that tells the bus is its token, so the event stands in the body."""
    given = data.get("id")
    if not isinstance(given, str) or not 0 < len(given) <= LONGEST_ID:
        raise _refuse_garbage("names no event.")
    if data.get("type") != TASK_FINISHED:
        return None
    about = data.get("data")
    task_id = about.get("task_id") if isinstance(about, dict) else None
    if not is_task_id(task_id):
        raise _refuse_garbage("names no task.")
    return LookAtTask(task_id)


_SENDERS = (
    _Sender(
        ("x-forgejo-event", "x-gitea-event"),
        ("x-forgejo-delivery", "x-gitea-delivery"),
        _is_signed_by_gitea,
        _read_hub_event,
        by_body=True,
    ),
    _Sender(
        ("x-gitlab-event",),
        ("webhook-id", "idempotency-key", "x-gitlab-event-uuid"),
        _is_signed_by_gitlab,
        _read_gitlab_event,
    ),
    _Sender(
        ("x-github-event",),
        ("x-github-delivery",),
        _is_signed_by_github,
        _read_hub_event,
        by_body=True,
    ),
    _Sender(
        ("x-eventbridge-signature-token",),
        (),
        _is_sent_by_the_bus,
        _read_bus_event,
        repeats=True,
    ),
)
