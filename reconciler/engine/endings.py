"""How an order ended without a video: an error as words that a worker leaves, and as an error again
for whoever ordered it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.apply.context import NeedsPerson, TaskFailed
from reconciler.apply.outcome import NotTried
from reconciler.apply.prepare import InputGone
from reconciler.engine.orders import OrderRefused
from reconciler.errors import (
    BudgetExceeded,
    CutlistError,
    InputUnavailable,
    Rejected,
    ServiceError,
)
from reconciler.formats.untrusted import LONGEST_TEXT, make_plain_line
from reconciler.state.ledger import MovedOn

_KINDS: tuple[type[CutlistError], ...] = (
    BudgetExceeded, InputGone, InputUnavailable, MovedOn, NeedsPerson, NotTried, OrderRefused,
    Rejected, TaskFailed,
)  # fmt: skip


def is_ending(error: CutlistError) -> bool:
    """Whether an error ends an order: to carry it out again would come to the same."""
    return isinstance(error, _KINDS)


def write_error(error: CutlistError) -> Mapping[str, str]:
    """An error that ends an order, as words."""
    kind = next(each for each in _KINDS if isinstance(error, each))
    words = {"kind": kind.__name__, "message": error.message, "hint": error.hint}
    if isinstance(error, ServiceError):
        words |= {"code": error.code, "request_id": error.request_id}
    return words


def read_error(words: Mapping[str, str]) -> CutlistError:
    """The error that `write_error` wrote; whoever may write to the database may have."""
    plain = {name: make_plain_line(text, LONGEST_TEXT) for name, text in words.items()}
    message, hint = plain.get("message", ""), plain.get("hint", "")
    kind = next((each for each in _KINDS if each.__name__ == plain.get("kind")), CutlistError)
    if issubclass(kind, ServiceError):
        return kind(
            message,
            code=plain.get("code", ""),
            request_id=plain.get("request_id", ""),
            hint=hint,
        )
    return kind(message, hint=hint)
