"""Who may call: accounts of the service, each with its API keys and its region."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mockserver.errors import INVALID_KEY, NO_KEY


@dataclass(frozen=True)
class ApiKey:
    """One key of an account. `id` is what the task list shows; `secret` is what a client sends."""

    id: str
    secret: str


@dataclass(frozen=True)
class Account:
    """An account: tasks, uploads and limits belong to it, whichever of its keys is used.

    `region` decides which model names it can call; None accepts the names of every region.
    """

    name: str
    uid: str
    keys: tuple[ApiKey, ...]
    region: str | None = None


@dataclass(frozen=True)
class Caller:
    """Who sent a request: an account by one of its keys."""

    account: Account
    key: ApiKey


DEFAULT_ACCOUNTS = (Account("default", "1000000000000001", (ApiKey("100001", "sk-mock"),)),)


class Accounts:
    """The accounts of one server, found by key."""

    def __init__(self, accounts: Iterable[Account] = DEFAULT_ACCOUNTS) -> None:
        self._callers = {key.secret: Caller(account, key) for account in accounts for key in account.keys}

    def caller(self, authorization: str | None) -> Caller:
        """Who an Authorization header speaks for. Raises ApiError 401 with the two messages of the error page."""
        if not authorization or not authorization.strip():
            raise NO_KEY
        scheme, _, secret = authorization.strip().partition(" ")
        if scheme.lower() == "bearer" and not secret.strip():
            raise NO_KEY
        caller = self._callers.get(secret.strip())
        if scheme.lower() != "bearer" or caller is None:
            raise INVALID_KEY
        return caller
