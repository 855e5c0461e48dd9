"""The doors for webhooks, one for each Sync: its secret, what it has seen, and how much it takes.

Who does not know the secret has a bucket of tokens apart, so that a flood of wrong signatures never
keeps out what the provider sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from reconciler.controller.webhooks import Deliveries, Hint, WebhookRefused, read_webhook
from reconciler.formats.secret import Secret
from reconciler.system.clock import Clock

MOST_AT_ONCE = 60  # webhooks of a sender that knows the secret
MOST_PER_S = 2.0
MOST_STRANGERS_AT_ONCE = 20
MOST_STRANGERS_PER_S = 1.0


class Bucket:
    """Tokens that come back with time: at most `most` at once, and `per_s` a second."""

    def __init__(self, clock: Clock, most: int, per_s: float) -> None:
        self._clock, self._most, self._per_s = clock, most, per_s
        self._tokens, self._at = float(most), clock.monotonic()

    def is_empty(self) -> bool:
        """Whether there is no token now."""
        now = self._clock.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        return self._tokens < 1.0

    def take(self) -> bool:
        """Take a token, if there is one."""
        if self.is_empty():
            return False
        self._tokens -= 1.0
        return True


class Door:
    """Where the webhooks of one Sync come in. Without a secret it stays shut."""

    def __init__(self, secret: Secret, clock: Clock) -> None:
        self.secret = secret
        self._clock, self._seen = clock, Deliveries()
        self._known = Bucket(clock, MOST_AT_ONCE, MOST_PER_S)
        self._strangers = Bucket(clock, MOST_STRANGERS_AT_ONCE, MOST_STRANGERS_PER_S)

    def take(self, headers: Mapping[str, str], body: bytes) -> Hint | None:
        """What a webhook hints at, as read_webhook says. Raises WebhookRefused as well for one too
        many, which may be sent again later.
        """
        if self.secret and self._known.is_empty():
            raise _refuse_flood()
        bucket = self._known
        try:
            return read_webhook(headers, body, self.secret, self._clock.now(), self._seen)
        except WebhookRefused as error:
            if error.status is HTTPStatus.UNAUTHORIZED:
                bucket = self._strangers
                if bucket.is_empty():
                    raise _refuse_flood() from None
            raise
        finally:
            bucket.take()


class Doors:
    """All doors, by the name of the Sync. Where there is none, it looks like one that is shut."""

    def __init__(self, secrets: Mapping[str, Secret], clock: Clock) -> None:
        self._clock = clock
        self._doors: dict[str, Door] = {}
        self._none = Door(Secret(""), clock)
        self.change(secrets)

    def change(self, secrets: Mapping[str, Secret]) -> None:
        """From now on these are the Syncs and their secrets; who stays keeps what it has seen."""
        earlier, self._doors = self._doors, {}
        for name, secret in secrets.items():
            door = self._doors[name] = earlier.get(name) or Door(secret, self._clock)
            door.secret = secret

    def take(self, name: str, headers: Mapping[str, str], body: bytes) -> Hint | None:
        """What a webhook for the Sync `name` hints at. Raises WebhookRefused."""
        return self._doors.get(name, self._none).take(headers, body)


def _refuse_flood() -> WebhookRefused:
    return WebhookRefused(
        HTTPStatus.TOO_MANY_REQUESTS, "too many webhooks; what they tell is looked for anyway"
    )
