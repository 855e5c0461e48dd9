"""What a ledger refuses, and why. Pure."""

from __future__ import annotations

from reconciler.errors import LedgerError


class AlreadyOpen(LedgerError):
    """The key has an attempt that may still succeed, or the lane an intent whose outcome is
    unknown.
    """


class LedgerRetired(LedgerError):
    """All that the ledger had was moved into another one; no program uses it any more."""


class LedgerAway(LedgerError):
    """The ledger cannot be reached. What was being written may or may not be durable."""


class FailedOver(LedgerError):
    """The ledger lies on another server than before, which may lack its last commits; nothing is
    sent until the account's list was held against it.
    """


class KeyTaken(AlreadyOpen):
    """Somebody else has an attempt of the key: theirs is to be followed, and its result taken."""


class LaneBusy(AlreadyOpen):
    """Somebody else is sending in the lane: what is free of it may be sent after that."""


class LaneFull(LaneBusy):
    """The lane has as many tasks at the service as it may have, of everybody together."""


class MovedOn(LedgerError):
    """The attempt is not where it was any more: somebody else has settled it meanwhile, and what
    they wrote stays. A task that the service gave it is known all the same, as a stray.
    """


class NoAttempt(LedgerError):
    """There is no such attempt."""


class TaskTaken(LedgerError):
    """The ledger knows this task already, as another request's; it is never linked twice."""
