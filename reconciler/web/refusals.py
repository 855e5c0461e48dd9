"""Questions that get no answer: what is wrong, as an HTTP status, for programs, and in words."""

from __future__ import annotations

from reconciler.errors import (
    BudgetExceeded,
    CutlistError,
    Declined,
    DiskFull,
    InvalidInput,
    LedgerError,
    LockChanged,
    Locked,
    PlanRefused,
    StoreDamaged,
    StoreUnavailable,
    UsageError,
)

_CODES: tuple[tuple[type[CutlistError], int, str], ...] = (
    (InvalidInput, 409, "invalid_project"),
    (PlanRefused, 409, "stale_plan"),
    (LockChanged, 409, "lock_changed"),
    (BudgetExceeded, 409, "over_budget"),
    (Declined, 409, "declined"),
    (Locked, 409, "locked"),
    (StoreDamaged, 404, "damaged"),
    (DiskFull, 507, "disk_full"),
    (StoreUnavailable, 503, "store_unavailable"),
    (LedgerError, 503, "ledger_unavailable"),
    (UsageError, 400, "bad_question"),
)


class Refused(Exception):
    """A question that gets no answer: what is wrong, as an HTTP status, for programs, and in words.
    `place` says where in the project.
    """

    def __init__(
        self, status: int, code: str, message: str, hint: str = "", place: str = ""
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.hint, self.place = hint, place

    def to_json(self) -> dict[str, str]:
        """The refusal as plain data."""
        told = {"code": self.code, "message": self.message, "hint": self.hint}
        return {**told, "place": self.place} if self.place else told


def refuse_for(error: CutlistError) -> Refused:
    """The refusal that tells an error of ours."""
    status, code = 500, "error"
    for kind, of_status, of_code in _CODES:
        if isinstance(error, kind):
            status, code = of_status, of_code
            break
    message, place = error.message, ""
    if isinstance(error, InvalidInput) and error.errors:
        message, place = error.errors[0].message, str(error.errors[0].place)
    return Refused(status, code, message, error.hint, place)
