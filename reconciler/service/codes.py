"""The service's error codes: what each means for money, and what to tell people. Pure.

Classified by `code` first, by HTTP status second (the table "Errors" of docs/operations.md).
Source: the vendor's pages on error codes; "Failed to download" comes as InvalidParameter and is
told by its message.
"""

from __future__ import annotations

from enum import Enum, auto

from reconciler.formats.values import value


class Verdict(Enum):
    """What an error code says about sending the same request again."""

    FINAL = auto()  # the service refuses this very request
    INPUT = auto()  # the service could not fetch an input; may pass
    INTERNAL = auto()  # the service's own fault; may pass
    THROTTLED = auto()  # too fast; nothing was accepted
    QUOTA = auto()  # money, quota or access to the model; a person must act
    DENIED = auto()  # the key is refused
    UNKNOWN = auto()  # a code we do not know


@value(frozen=True, slots=True)
class CodeEntry:
    verdict: Verdict
    advice: str


_CHANGE = (
    "Change the request; the same one is not sent again unless you run `cutlist apply"
    " --retry-failed`."
)
_THREE = (
    "Three attempts are made in all; `cutlist apply --retry-failed` makes up to three more, later."
)
_FINAL = CodeEntry(Verdict.FINAL, f"The service refuses this request. {_CHANGE}")
_MODERATION = CodeEntry(
    Verdict.FINAL,
    f"The service's content check refused the prompt, the input or what came of it. {_CHANGE}",
)
_INPUT = CodeEntry(
    Verdict.INPUT,
    "The service could not fetch an input. Check that its address opens without a login, or use a"
    f" local file. {_THREE}",
)
_INTERNAL = CodeEntry(
    Verdict.INTERNAL,
    f"The fault is the service's. {_THREE}",
)
_QUOTA = CodeEntry(
    Verdict.QUOTA,
    "Check the account's balance, quota and access to the model in the vendor's console, then run"
    " apply again.",
)
_DENIED = CodeEntry(
    Verdict.DENIED,
    "Keys belong to one region and one workspace. Set DASHSCOPE_API_KEY to a key of this endpoint,"
    " or choose the endpoint the key belongs to in cutlist.yaml.",
)
_THROTTLED = CodeEntry(
    Verdict.THROTTLED, "The account sends too fast. The program slows down by itself."
)

# The longest matching beginning (up to a dot) counts.
_CODES: dict[str, CodeEntry] = {
    "InvalidParameter": _FINAL,
    "InvalidParameter.DataInspection": _INPUT,
    "ModelNotFound": CodeEntry(
        Verdict.FINAL, f"The endpoint does not know this model; models differ by region. {_CHANGE}"
    ),
    "DataInspectionFailed": _MODERATION,
    "IPInfringementSuspect": _MODERATION,
    "InvalidFile": CodeEntry(
        Verdict.FINAL, f"An input breaks a limit of the model (docs/manifest.md). {_CHANGE}"
    ),
    "UnsupportedOperation": _FINAL,
    "InvalidURL": _INPUT,
    "InternalError": _INTERNAL,
    "SystemError": _INTERNAL,
    "ModelUnavailable": _INTERNAL,
    "ModelServingError": _INTERNAL,
    "Throttling": _THROTTLED,
    "Throttling.AllocationQuota": _QUOTA,
    "AllocationQuota": _QUOTA,
    "Arrearage": _QUOTA,
    "AccessDenied.Unpurchased": _QUOTA,
    "Model.AccessDenied": _QUOTA,
    "InvalidApiKey": _DENIED,
    "AccessDenied": _DENIED,
    "Workspace.AccessDenied": _DENIED,
}
_UNKNOWN = CodeEntry(
    Verdict.UNKNOWN,
    "The service gave a code that this version does not know; look it up in the vendor's list of"
    " error codes.",
)


def find_code(code: str, message: str = "") -> CodeEntry:
    """What is known of an error code."""
    if code.startswith("InvalidParameter") and "failed to download" in message.lower():
        return _INPUT
    parts = code.split(".")
    for length in range(len(parts), 0, -1):
        if code_entry := _CODES.get(".".join(parts[:length])):
            return code_entry
    return _UNKNOWN


# attempts of a key that may end with the service's own fault, or for want of an input; and the most
# that one run begins for a key, whatever its options say
MOST_ROUNDS = 3


def may_try_again(code: str, message: str, failures: int) -> bool:
    """Whether a job that the service failed `failures` times, last with `code`, is sent again
    without being asked.
    """
    passing = find_code(code, message).verdict in (Verdict.INTERNAL, Verdict.INPUT)
    return passing and failures < MOST_ROUNDS
