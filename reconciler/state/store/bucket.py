"""Objects of one place in a bucket, by name; and what went wrong with them, in our words. The only
module that speaks to a storage service; it loads `obstore` when a bucket is opened.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from reconciler.errors import StoreAway, StoreUnavailable, UsageError
from reconciler.formats.bucket_address import BucketAddress
from reconciler.formats.hosts import is_loopback

_PAGE = 1000  # objects that a service lists in one answer
_AT_ONCE = 8  # requests under way
_CHUNK_BYTES = 1 << 20
_TRIES = 4  # again, after trouble that may pass
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_INSTALL = "Install it with `pip install 'cutlist[team]'`."
_PASSING = ("408", "429", "500", "502", "503", "504")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
_BAD_CREDENTIALS = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken")
_DENIED = ("PermissionDeniedError", "UnauthenticatedError", "PermissionError")
# what the library says where it asks a machine for its role, and there is none
_WITHOUT_CREDENTIALS = ("169.254.169.254", "metadata", "ccount must be")
_CREDENTIALS = (
    "Credentials come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where it"
    " is used, AWS_SESSION_TOKEN; GOOGLE_…; AZURE_STORAGE_…) or from the machine's role."
)
_RIGHTS = (
    "cutlist lists, reads and writes below the store's address, and deletes there for `gc`,"
    " `verify --repair`, and when it folds its index."
)
_WAITS = "What is paid waits at the service for 24 hours; run it again when the store is back."


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a listing."""

    name: str
    size_bytes: int


class StorageBucket:
    """The objects below one address. Every method raises StoreUnavailable where the service cannot
    be reached, or refuses.
    """

    def __init__(self, address: BucketAddress) -> None:
        self.address = address
        self._opened: Any = None
        self.knows_conditions = True  # until the service says otherwise

    @property
    def _objects(self) -> Any:
        if self._opened is None:
            self._opened = _open(self.address)
        return self._opened

    def get(self, name: str) -> bytes | None:
        """The bytes of a small object; None where there is none."""
        with self._words("read"):
            try:
                return bytes(self._objects.get(name).bytes())
            except FileNotFoundError as error:
                _raise_without_bucket(error)
                return None

    def get_many(self, names: Collection[str]) -> Mapping[str, bytes | None]:
        """Many small objects at once."""
        self._objects  # noqa: B018  (opened by one thread)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(names, pool.map(self.get, names), strict=True))

    def stream(self, name: str) -> Iterator[bytes]:
        """The bytes of an object, a chunk at a time. Raises KeyError where there is none."""
        with self._words("read"):
            try:
                answer = self._objects.get(name)
            except FileNotFoundError as error:
                _raise_without_bucket(error)
                raise KeyError(name) from None
            for chunk in answer.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)

    def measure(self, name: str) -> int | None:
        """The size of an object; None where there is none."""
        with self._words("read"):
            try:
                return int(self._objects.head(name)["size"])
            except FileNotFoundError as error:
                _raise_without_bucket(error)
                return None

    def put(self, name: str, content: bytes | Path) -> None:
        """Put an object, whatever was there. The service compares the digest of what arrives."""
        with self._words("write"):
            self._objects.put(name, content)

    def put_new(self, name: str, content: bytes) -> bool:
        """Put an object unless there is one of that name. Whether it was put: a service that knows
        no conditions may say so of several writers, and the last one stays.
        """
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._words("write"):
            try:
                if self.knows_conditions:
                    self._objects.put(name, content, mode="create")
                    return True
            except (AlreadyExistsError, PreconditionError):
                return False
            except _all_errors() as error:
                if not _says_not_implemented(error):
                    raise
                self.knows_conditions = False
        if self.measure(name) is not None:
            return False
        self.put(name, content)
        return True

    def list(self, folder: str, *, after: str = "") -> Iterator[Listed]:
        """The objects below a folder, sorted by name; with `after` those that come later."""
        with self._words("list"):
            offset = f"{folder}/{after}" if after else None
            for page in self._objects.list(f"{folder}/", offset=offset, chunk_size=_PAGE):
                for each in page:
                    yield Listed(each["path"], each["size"])

    def remove(self, names: Collection[str]) -> None:
        """Delete objects; one that is not there is no error."""
        if names:
            with self._words("delete in"):
                try:
                    self._objects.delete(list(names))
                except FileNotFoundError as error:
                    _raise_without_bucket(error)

    def copy(self, name: str, target: str) -> bool:
        """Copy an object inside the bucket. Whether it was there."""
        with self._words("write"):
            try:
                self._objects.copy(name, target)
                return True
            except FileNotFoundError as error:
                _raise_without_bucket(error)
                return False

    def sign(self, name: str, *, for_s: float) -> str:
        """A link that reads an object without any key, for so long. It is a secret."""
        import obstore

        with self._words("sign a link of"):
            return obstore.sign(self._objects, "GET", name, timedelta(seconds=for_s))

    @contextmanager
    def _words(self, doing: str) -> Iterator[None]:
        """Every error of the library in our words: its own ones show addresses and whole
        answers.
        """
        objects = self._objects
        assert objects is not None
        try:
            yield
        except _all_errors() as error:
            raise _explain(self.address, doing, error) from None


def _open(address: BucketAddress) -> Any:
    """The library's object for an address; credentials are of the environment, or of the role."""
    try:
        from obstore import store
    except ImportError:
        raise UsageError(
            f"the store {address} needs the library obstore, which is not installed.",
            hint=_INSTALL,
        ) from None
    settings: dict[str, Any] = {
        "client_options": {"timeout": "600s", "connect_timeout": "10s"},
        "retry_config": {"max_retries": _TRIES, "retry_timeout": timedelta(seconds=60)},
    }
    prefix = address.prefix or None
    try:
        if address.scheme == "gs":
            return store.GCSStore(address.bucket, prefix=prefix, **settings)
        if address.scheme == "az":
            account = {"account_name": address.account} if address.account else {}
            return store.AzureStore(
                address.bucket, prefix=prefix, config=cast("Any", account), **settings
            )
        config: Any = {"checksum_algorithm": "sha256"}
        if address.region:
            config["region"] = address.region
        if address.endpoint:
            parts = urlsplit(address.endpoint)
            config["endpoint"] = address.endpoint
            if address.virtual:
                config["endpoint"] = f"{parts.scheme}://{address.bucket}.{parts.netloc}"
                config["virtual_hosted_style_request"] = "true"
            settings["client_options"]["allow_http"] = is_loopback(parts.hostname or "")
        return store.S3Store(address.bucket, prefix=prefix, config=config, **settings)
    except _all_errors() as error:
        raise _explain(address, "open", error) from None


def _all_errors() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError

    return BaseError, FileNotFoundError, PermissionError, ValueError


class _NoBucket(FileNotFoundError):
    """The bucket itself is not there."""


def _raise_without_bucket(error: FileNotFoundError) -> None:
    if _find_code(error) in _NO_BUCKET:
        raise _NoBucket(*error.args) from None


def _find_code(error: Exception) -> str:
    match = _CODE.search(str(error))
    return match[1] if match else ""


def _says_not_implemented(error: Exception) -> bool:
    status = _STATUS.search(str(error))
    return _find_code(error) == "NotImplemented" or (status is not None and status[1] == "501")


def _explain(address: BucketAddress, doing: str, error: Exception) -> StoreUnavailable:
    """An error of the library in our words, with nothing of its text, which may hold signed
    addresses.
    """
    text, kind, code = str(error), type(error).__name__, _find_code(error)
    match = _STATUS.search(text)
    status = match[1] if match else ""
    if kind == "_NoBucket" or code in _NO_BUCKET:
        why = "there is no such bucket"
        hint = "Make it, or correct `store` in cutlist.yaml (or CUTLIST_STORE)."
    elif code in _BAD_CREDENTIALS:
        why, hint = "the service does not take these credentials", _CREDENTIALS
    elif code == "AccessDenied" or status in ("401", "403") or kind in _DENIED:
        why, hint = "these credentials may not do that", _RIGHTS
    elif status:
        why = f"the service answers {status}{f' ({code})' if code else ''}"
        hint = "Try again later."
    elif any(word in text for word in _WITHOUT_CREDENTIALS):
        why, hint = "no credentials were found", _CREDENTIALS
    else:
        return StoreAway(f"the store {address} cannot be reached.", hint=_WAITS)
    kind_of_error = StoreAway if status in _PASSING else StoreUnavailable
    return kind_of_error(f"cutlist cannot {doing} the store {address}: {why}.", hint=hint)
