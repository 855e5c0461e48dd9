"""The error tree. Every error says where, what was given, what is legal, what it cost, and what
to do next.

    CutlistError                     exit 1, unless its line says otherwise
    ├── UsageError                   64: called in a way that cannot be meant
    ├── ProjectNotFound
    ├── GitError                     git cannot answer
    │   ├── RemoteUnreachable        for now: the same request may succeed later
    │   │   └── RemoteTimeout
    │   ├── RemoteRefused            a person has to act
    │   ├── RefMissing, RemoteStopped
    │   ├── PushRejected             somebody else pushed first
    │   ├── BranchProtected          the host takes it only in another way
    │   └── CommitNotTrusted         not signed as it has to be
    ├── InvalidInput                 3: manifests or the project file, with every fault
    ├── BadSavedPlan, BadVideo, BadBundle    3: a file that is not what it was named as
    ├── BudgetExceeded               6: nothing was sent
    ├── PlanRefused, Declined        nothing was sent
    ├── Locked                       7: another process is changing the store
    ├── StoreDamaged, StoreUnavailable, LedgerError, DiskFull, BadDownload
    ├── ProviderError                whoever has the pull requests said no to a request
    │   ├── NotAllowed, NotThere     until a person acts
    │   └── RateLimited, Unavailable temporary
    └── ServiceError                 the service said no, or could not be reached
        ├── NotReached               no byte of the request left this machine
        ├── OutcomeUnknown           it may or may not have been accepted
        │   └── UnfitAnswer          there was an answer, and it does not pass the gate
        ├── Throttled, QuotaExhausted, Unauthorized, NotTheService
        ├── InputUnavailable, Rejected
        └── DownloadRefused
            └── HostRefused          the service names a host that we do not follow

Exit codes belong to the classes, so that the command line only has to read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_CHANGES = 2  # only with --detailed-exitcode, and only when there are changes
EXIT_INVALID = 3
EXIT_FAILED = 4
EXIT_NEEDS_PERSON = 5
EXIT_BUDGET = 6
EXIT_LOCKED = 7
EXIT_USAGE = 64
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file: path relative to the project, line and column from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def to_json(self) -> tuple[str, int, int]:
        """As plain data; `Place(*data)` gives it back."""
        return self.file, self.line, self.column


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong with what people wrote, or, as a warning, one thing they may not
    have meant.
    """

    place: Place
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.message}"


class CutlistError(Exception):
    """Base of everything this program raises on purpose. `hint` tells what to do next."""

    exit_code: ClassVar[int] = EXIT_ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(CutlistError):
    """The command was called in a way that cannot be meant."""

    exit_code = EXIT_USAGE


class ProjectNotFound(CutlistError):
    """No folder from here upwards holds a cutlist.yaml."""


class GitError(CutlistError):
    """Git cannot answer: there is no repository here, no such revision in it, or no git."""


class RemoteUnreachable(GitError):
    """A repository elsewhere cannot be reached now, or its answer broke off; later may help."""


class RemoteTimeout(RemoteUnreachable):
    """A repository elsewhere did not finish its answer in the time it was given."""


class RemoteStopped(GitError):
    """We were asked to stop while we spoke with a repository elsewhere."""


class RemoteRefused(GitError):
    """A repository elsewhere is not there, or not for us: a person has to act."""


class RefMissing(GitError):
    """A repository elsewhere has no such branch, tag or commit, or has it no longer."""


class PushRejected(GitError):
    """The branch is no longer what it was when our commit was built: fetch, and build anew."""


class BranchProtected(GitError):
    """The host does not take a push to this branch: it may take a pull request."""


class CommitNotTrusted(GitError):
    """A commit is not signed, or not by whom and as it has to be. `reason` is the kind of it."""

    def __init__(
        self,
        message: str,
        *,
        reason: Literal["unsigned", "unknown key", "expired", "revoked", "bad signature"],
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class InvalidInput(CutlistError):
    """Manifests or the project file are wrong; `faults` holds all of them, sorted by place.

    `revision` says which commit they were read from; empty for the work tree.
    """

    exit_code = EXIT_INVALID

    def __init__(self, faults: Iterable[Fault], *, files: int = 0, revision: str = "") -> None:
        self.faults: Sequence[Fault] = sorted(faults)
        self.files = files
        self.revision = revision
        super().__init__("\n".join(str(fault) for fault in self.faults))

    @property
    def errors(self) -> Sequence[Fault]:
        return [fault for fault in self.faults if fault.severity == "error"]


class BudgetExceeded(CutlistError):
    """The plan costs more than what was allowed; nothing was sent."""

    exit_code = EXIT_BUDGET


class BadSavedPlan(CutlistError):
    """A file that is no saved plan, or is no longer the one that was written."""

    exit_code = EXIT_INVALID


class BadVideo(CutlistError):
    """A local file that was named as a video, and is none that can be taken."""

    exit_code = EXIT_INVALID


class BadBundle(CutlistError):
    """A file that is no bundle, or holds something else than it says."""

    exit_code = EXIT_INVALID


class PlanRefused(CutlistError):
    """A saved plan that must not be carried out: stale, applied already, or of another project."""


class Locked(CutlistError):
    """Another process is changing the same store."""

    exit_code = EXIT_LOCKED


class LockChanged(CutlistError):
    """The lock file, or a take, is no longer what somebody was shown who picks by it."""


class Declined(CutlistError):
    """The question before spending money was not answered with yes."""


class StoreDamaged(CutlistError):
    """Bytes in the store do not match their name, or a record cannot be read."""


class StoreUnavailable(CutlistError):
    """A store elsewhere cannot be reached, or does not allow what was asked of it."""


class StoreAway(StoreUnavailable):
    """The store does not answer, or says that it cannot now: it may be asked again."""


class LedgerError(CutlistError):
    """The ledger cannot be read or written."""


class LeaseLost(CutlistError):
    """Another controller may have taken over what this one did; nothing more is sent or written."""


class DiskFull(CutlistError):
    """Not enough free space for what is to be written; where that is an apply, nothing more is
    submitted.
    """


class BadDownload(CutlistError):
    """A downloaded video is not what the service promised; it is fetched again."""


# ------------------------------------------------------------------ pull requests


class ProviderError(CutlistError):
    """GitHub, GitLab or Gitea refuses a request, or answers what nobody can read.

    `status` is the HTTP status of the answer; 0 where there was none.
    """

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class NotAllowed(ProviderError):
    """The token is missing, refused, or may not do this (401, 403)."""


class NotThere(ProviderError):
    """The repository, the pull request or the commit is not there, or may not be seen (404)."""


class RateLimited(ProviderError):
    """Too many requests; nothing more is sent before `until`, in seconds since 1970."""

    def __init__(self, message: str, *, until: float, status: int = 0, hint: str = "") -> None:
        super().__init__(message, status=status, hint=hint)
        self.until = until


class Unavailable(ProviderError):
    """No answer, or one that says that there is trouble (5xx): temporary."""


# ------------------------------------------------------------------ the service


class ServiceError(CutlistError):
    """The service said no, or could not be reached. `code` is the service's own word for it.

    The class is the retry policy (see apply.retry); the table is "Errors" in docs/operations.md.
    """

    def __init__(
        self, message: str, *, code: str = "", status: int = 0, request_id: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else self.message


class NotReached(ServiceError):
    """No byte of the request left this machine: connecting, name lookup or TLS failed."""


class OutcomeUnknown(ServiceError):
    """The request may or may not have been accepted: reset, time-out, 5xx, an answer that cannot be
    read, and everything else that is no documented refusal.

    `task_id` is the id of a task that stood in such an answer; `unusable_id` what stood in its
    place and is no id, made safe to show.
    """

    def __init__(
        self,
        message: str,
        *,
        task_id: str | None = None,
        unusable_id: str = "",
        code: str = "",
        status: int = 0,
        request_id: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, code=code, status=status, request_id=request_id, hint=hint)
        self.task_id = task_id
        self.unusable_id = unusable_id


class UnfitAnswer(OutcomeUnknown):
    """The service answered, and its answer does not pass the gate: too large, too slow, no JSON,
    or about something else. Asking again may help, but not without end.
    """


class Throttled(ServiceError):
    """429 on the rate: nothing was accepted; slow down."""


class QuotaExhausted(ServiceError):
    """Quota, free tier, arrears or access to the model: the lane pauses until a person acts."""


class Unauthorized(ServiceError):
    """The key is refused. Everything stops; task ids stay."""


class NotTheService(ServiceError):
    """Something answers at the endpoint, but it is not the task API. Everything stops."""


class InputUnavailable(ServiceError):
    """The service could not fetch an input; may be temporary."""


class Rejected(ServiceError):
    """The service refuses this very request; sending it again cannot help."""


class DownloadRefused(ServiceError):
    """The result's URL no longer works; the task is fetched again for a fresh one."""


class HostRefused(DownloadRefused):
    """The service names a host that we do not follow."""
