"""Webhooks as their senders make them: bodies, headers and signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

SECRET = "It's a Secret to Everybody"
NOW = 1_800_000_000.0
Delivery = tuple[dict[str, str], bytes]


def encode(data: object) -> bytes:
    """A body as it goes over the wire."""
    return json.dumps(data).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    """The HMAC-SHA256 of a body as hexadecimal text."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


PUSH = {
    "ref": "refs/heads/main",
    "before": "1" * 40,
    "after": "2" * 40,
    "repository": {"full_name": "studio/films", "pushed_at": 1_799_999_999},
    "head_commit": {"id": "2" * 40, "message": "a new take"},
}


def send_github(event: str, data: object, name: str = "72d3162e-cc78-11e3") -> Delivery:
    """GitHub's, signed."""
    body = encode(data)
    return {
        "User-Agent": "GitHub-Hookshot/044aadd",
        "Content-Type": "application/json",
        "X-GitHub-Delivery": name,
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": f"sha256={sign(body)}",
    }, body


def send_gitea(event: str, data: object, name: str = "f6266f16-1bf3-46a5") -> Delivery:
    """Gitea's, signed; it sends GitHub's headers as well."""
    headers, body = send_github(event, data, name)
    own = {"X-Gitea-Delivery": name, "X-Gitea-Event": event, "X-Gitea-Signature": sign(body)}
    return {**headers, **own}, body


def send_gitlab(event: str, data: object, name: str = "13792a34-cac6-4fda") -> Delivery:
    """GitLab's, with a secret token."""
    headers = {
        "Content-Type": "application/json",
        "X-Gitlab-Event": event,
        "X-Gitlab-Event-UUID": "of the whole chain of hooks",
        "Idempotency-Key": name,
        "X-Gitlab-Token": SECRET,
    }
    return headers, encode(data)


def send_signed_gitlab(
    event: str, data: object, *, at: float = NOW, name: str = "msg-1", key: bytes = SECRET.encode()
) -> Delivery:
    """GitLab's, with a signing token."""
    headers, body = send_gitlab(event, data, name)
    del headers["X-Gitlab-Token"]
    content = f"{name}.{at:.0f}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    own = {"webhook-id": name, "webhook-timestamp": f"{at:.0f}"}
    return {**headers, **own, "webhook-signature": f"v1,{signature}"}, body


def send_bus(data: object, token: str = SECRET) -> Delivery:
    """The event bus's, with the token of its target."""
    headers = {
        "Content-Type": "application/json;charset=utf-8",
        "x-eventbridge-signature-token": token,
    }
    return headers, encode(data)


def build_event(task_id: object, name: str = "45ef4dewdwe1-7c35-447a-bd93-fab4") -> object:
    """The event of a finished task."""
    return {
        "specversion": "1.0",
        "id": name,
        "source": "acs.dashscope",
        "type": "dashscope:System:AsyncTaskFinish",
        "data": {"task_id": task_id, "task_status": "SUCCEEDED", "region": "ap-southeast-1"},
    }
