"""Files: uploads under oss:// keys, media by digest, rendered films, and signed URLs to them.

Below the state's folder are `media/` (uploaded and inline bytes, named by SHA-256), `films/`
(rendered videos, named by the digest of their plan) and `incoming/` (uploads that are not
complete).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from mockserver.catalogue import Doc
from mockserver.clock import Clock
from mockserver.digest import compute_sha256
from mockserver.errors import BAD_SIGNATURE, OBJECT_EXISTS, POLICY_EXPIRED, URL_EXPIRED, ObjectError
from mockserver.media.plan import FilmPlan
from mockserver.state.state import State

ACCESS_KEY_ID = "LTAImockserver"
LONGEST_KEY = 1023  # characters of an object key


@dataclass(frozen=True)
class Grant:
    """What a valid upload policy allows: objects below a folder, for an account and a model."""

    account: str
    model: str
    folder: str
    max_size_bytes: int


class Storage:
    """Uploads, media and films of one server. `secret` signs policies and URLs."""

    def __init__(self, folder: Path, state: State, clock: Clock, service: Doc, secret: str) -> None:
        self._state, self._clock = state, clock
        self._lifetimes: Doc = service["lifetimes"]
        self._max_size_bytes: int = service["upload"]["max_size_bytes"]
        self.use_secret(secret)
        self._folder = folder
        self._parts = itertools.count(1)
        for name in ("media", "films", "incoming"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def use_secret(self, secret: str) -> None:
        """Sign with another secret from now on."""
        self._secret = secret.encode()

    # ---- bytes by digest

    @property
    def media(self) -> Path:
        """The folder of uploaded and inline bytes."""
        return self._folder / "media"

    def get_medium(self, sha256: str) -> Path:
        """Where the bytes with a SHA-256 are."""
        return self._folder / "media" / sha256

    def get_film(self, name: str) -> Path:
        """Where a rendered film is, or will be."""
        return self._folder / "films" / name

    def keep_bytes(self, data: bytes) -> str:
        """Store bytes under their SHA-256 and return it."""
        sha256 = compute_sha256(data)
        if not self.get_medium(sha256).exists():
            incoming = self.receive()
            incoming.write(data)
            self.keep(incoming)
        return sha256

    def keep(self, incoming: Incoming) -> str:
        """Store received bytes under their SHA-256 and return it."""
        return incoming.move_to(self._folder / "media")

    def sweep(self) -> None:
        """Remove films whose URLs have expired, media that nothing needs, and broken uploads.

        A medium is needed by an upload that can still be named, and by a film that may have to be
        rendered again.
        """
        now = self._clock.now()
        films = self._state.tasks.list_films(now - self._lifetimes["result_url_s"])
        for path in (self._folder / "films").iterdir():
            if path.name not in films:
                path.unlink()
        needed = self._state.uploads.list_digests(now - self._lifetimes["upload_s"])
        for plan in films.values():
            needed |= {source.sha256 for source in FilmPlan.from_text(plan).sources}
        for path in self.media.iterdir():
            if path.name not in needed:
                path.unlink()
        for path in (self._folder / "incoming").iterdir():
            path.unlink()

    def clear(self) -> None:
        """Remove every file but those that are being written, which are still in use."""
        for name in ("media", "films"):
            for path in (self._folder / name).iterdir():
                if path.suffix != ".part":
                    path.unlink(missing_ok=True)

    # ---- uploads (API of temporary file URLs)

    def build_policy(self, account: str, model: str, upload_dir: str, upload_host: str) -> Doc:
        """The `data` of a getPolicy answer."""
        lifetime_s = self._lifetimes["upload_policy_s"]
        expires = datetime.fromtimestamp(self._clock.now() + lifetime_s, UTC)
        text = json.dumps(
            {
                "expiration": expires.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "conditions": [
                    ["content-length-range", 0, self._max_size_bytes],
                    ["starts-with", "$key", upload_dir],
                ],
                "account": account,
                "model": model,
            }
        )
        policy = base64.b64encode(text.encode()).decode()
        return {
            "policy": policy,
            "signature": self._sign(policy),
            "upload_dir": upload_dir,
            "upload_host": upload_host,
            "expire_in_seconds": lifetime_s,
            "max_file_size_mb": self._max_size_bytes >> 20,
            "capacity_limit_mb": 999999999,
            "oss_access_key_id": ACCESS_KEY_ID,
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        }

    def check_form(self, form: dict[str, str]) -> Grant:
        """Check the fields of an upload form, and say what they allow.

        Raises ObjectError for a bad, foreign or expired policy, and for a key that it forbids.
        """
        policy = form.get("policy", "")
        if (
            not policy
            or form.get("OSSAccessKeyId") != ACCESS_KEY_ID
            or not self._is_signed(policy, form.get("Signature"))
        ):
            raise BAD_SIGNATURE
        document = json.loads(base64.b64decode(policy))
        if self._clock.now() >= datetime.fromisoformat(document["expiration"]).timestamp():
            raise POLICY_EXPIRED
        (_, _, max_size_bytes), (_, _, folder) = document["conditions"]
        key = form.get("key", "")
        if (
            not key.startswith(f"{folder}/")
            or len(key) > LONGEST_KEY
            or "\\" in key
            or not key.isprintable()
        ):
            raise ObjectError(
                403,
                "AccessDenied",
                'Invalid according to Policy: Policy Condition failed: ["starts-with", "$key"]',
            )
        forbids_overwrite = form.get("x-oss-forbid-overwrite") == "true"
        if forbids_overwrite and self._state.uploads.find(key) is not None:
            raise OBJECT_EXISTS
        return Grant(document["account"], document["model"], folder, max_size_bytes)

    def receive(self) -> Incoming:
        """A place for bytes that are coming in."""
        return Incoming(self._folder / "incoming" / str(next(self._parts)))

    def store_upload(self, key: str, grant: Grant, incoming: Incoming) -> None:
        """Keep received bytes under an object key, durably.

        Raises ObjectError 409 when the key was taken meanwhile: of two at once the first stands.
        """
        sha256 = self.keep(incoming)
        if self._state.uploads.find(key) is not None:
            raise OBJECT_EXISTS
        now = self._clock.now()
        self._state.uploads.add(key, grant.account, grant.model, sha256, incoming.size_bytes, now)

    def find_upload(self, key: str, account: str, model: str) -> str | None:
        """SHA-256 of an upload that this account may use with this model.

        None for any other one, and for one older than 48 h.
        """
        row = self._state.uploads.find(key)
        if row is None or (row["account"], row["model"]) != (account, model):
            return None
        if self._clock.now() >= row["stored_at"] + self._lifetimes["upload_s"]:
            return None
        return str(row["sha256"])

    # ---- result URLs

    def sign_url(self, host: str, key: str, ended_at: float) -> str:
        """The URL of an object, valid for 24 h from the end of its task without Authorization."""
        expires = int(ended_at + self._lifetimes["result_url_s"])
        signature = quote(self._sign(f"GET\n{expires}\n/{key}"), safe="")
        query = f"Expires={expires}&OSSAccessKeyId={ACCESS_KEY_ID}&Signature={signature}"
        return f"{host}/oss/{key}?{query}"

    def check_url(self, key: str, query: dict[str, str]) -> None:
        """Raise ObjectError 403 for a URL that was not signed here or has expired."""
        expires = query.get("Expires", "")
        if not expires.isdecimal() or not self._is_signed(
            f"GET\n{expires}\n/{key}", query.get("Signature")
        ):
            raise BAD_SIGNATURE
        if self._clock.now() >= int(expires):
            raise URL_EXPIRED

    def _sign(self, text: str) -> str:
        digest = hmac.new(self._secret, text.encode(), hashlib.sha1).digest()
        return base64.b64encode(digest).decode()

    def _is_signed(self, text: str, signature: str | None) -> bool:
        return hmac.compare_digest(self._sign(text).encode(), (signature or "").encode())


class Incoming:
    """Bytes on their way in, hashed as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("wb")
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append a chunk."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def move_to(self, folder: Path) -> str:
        """Move the whole into a folder under its SHA-256, and return that."""
        self._file.close()
        sha256 = self._hash.hexdigest()
        self._path.replace(folder / sha256)
        return sha256

    def discard(self) -> None:
        """Drop what came."""
        self._file.close()
        self._path.unlink(missing_ok=True)
