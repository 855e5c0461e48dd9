"""What the service answers when it refuses, and how the server itself fails.

Codes and messages of the API are those of the vendor's error page unless a docstring says
"assumption".
"""

from __future__ import annotations

from typing import NamedTuple


class ServerError(Exception):
    """The server cannot start or go on; the message says what to do."""


class Failure(NamedTuple):
    """What is wrong with a request: `code` and `message` of an answer, or of a FAILED task."""

    code: str
    message: str


class ApiError(Exception):
    """An answer other than 200 of the task API: `{"code", "message", "request_id"}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


class ObjectError(Exception):
    """An answer other than 200 of the object storage (uploads, results): an XML document."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


class ControlError(Exception):
    """A control of the server itself (/_mock/) cannot do what is asked; the message says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class MediaError(Exception):
    """A medium cannot be read, with the code that the service has for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


NO_KEY = ApiError(401, "InvalidApiKey", "No API-key provided.")
INVALID_KEY = ApiError(401, "InvalidApiKey", "Invalid API-key provided.")
NOT_ASYNC = ApiError(403, "AccessDenied", "current user api does not support synchronous calls.")
BAD_BODY = ApiError(
    400, "InvalidParameter", "Required body invalid, please check the request body format."
)
NO_MODEL = ApiError(400, "InvalidParameter", "Model not exist.")
NOT_PENDING = ApiError(
    400,
    "UnsupportedOperation",
    "Failed to cancel the task, please confirm if the task is in PENDING status.",
)
OVER_RATE = ApiError(
    429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."
)
FOREIGN_WORKSPACE = ApiError(403, "Workspace.AccessDenied", "Workspace access denied.")
INTERNAL = ApiError(500, "InternalError", "Internal server error!")

POLICY_EXPIRED = ObjectError(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
URL_EXPIRED = ObjectError(403, "AccessDenied", "Request has expired.")
BAD_SIGNATURE = ObjectError(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key"
    " and signing method.",
)
MALFORMED_FORM = ObjectError(
    400,
    "MalformedPOSTRequest",
    "The body of your POST request is not well-formed multipart/form-data.",
)
OBJECT_EXISTS = ObjectError(
    409,
    "FileAlreadyExists",
    "The object you specified already exists and can not be overwritten.",
)
NO_SUCH_KEY = ObjectError(404, "NoSuchKey", "The specified key does not exist.")

URL_FAILURE = Failure("InvalidParameter", "url error, please check url!")


def build_invalid_parameter(message: str) -> ApiError:
    """An error 400 InvalidParameter with a message of its own."""
    return ApiError(400, "InvalidParameter", message)
