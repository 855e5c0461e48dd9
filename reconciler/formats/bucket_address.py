"""Where a bucket is, as people write it for `store:`, and what may not stand there. Pure.

s3://BUCKET[/PREFIX][?endpoint=URL][&region=NAME][&style=virtual]
gs://BUCKET[/PREFIX]
az://CONTAINER[/PREFIX][?account=NAME]
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal, cast
from urllib.parse import SplitResult, parse_qsl, urlsplit

from reconciler.formats.hosts import is_loopback
from reconciler.formats.values import value

Scheme = Literal["s3", "gs", "az"]
_OPTIONS: dict[str, tuple[str, ...]] = {
    "s3": ("endpoint", "region", "style"),
    "gs": (),
    "az": ("account",),
}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,221}[a-z0-9]")
_PART = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_WORD = re.compile(r"[A-Za-z0-9-]{1,63}")
_KEYS = (
    "Keys never stand in an address: they come from the environment (as AWS_ACCESS_KEY_ID) or from"
    " the machine's role. A key that was written into a file is known to whoever can read it"
)


@value(frozen=True, slots=True)
class BucketAddress:
    """A bucket, and the place in it. `endpoint` is empty for the vendor's own."""

    scheme: Scheme
    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    account: str = ""
    virtual: bool = False  # whether the bucket stands in the host's name

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def join(self, part: str) -> BucketAddress:
        """A place below this one."""
        return replace(self, prefix=f"{self.prefix}/{part}".lstrip("/"))


def names_bucket(text: str) -> bool:
    """Whether a store's name is meant as an address, not as a folder."""
    return "://" in text


def parse_bucket_address(text: str) -> BucketAddress:
    """The bucket that an address names. Raises ValueError, in words that repeat nothing of what
    might be a key.
    """
    try:
        parts = urlsplit(text)
        has_login = parts.username is not None or parts.password is not None
    except ValueError:
        raise ValueError("it is no address") from None
    if has_login or "@" in parts.netloc:
        raise ValueError(f"it has a user or a password in it. {_KEYS}")
    if parts.scheme not in _OPTIONS:
        raise ValueError(
            "a bucket is named by s3://, gs:// or az://; another service that speaks S3 (as OSS)"
            " by s3://BUCKET/PREFIX?endpoint=https://HOST"
        )
    scheme = cast("Scheme", parts.scheme)
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError(f"the name of the bucket is missing, or is none: {scheme}://BUCKET/PREFIX")
    prefix = parts.path.strip("/")
    if prefix and not all(_PART.fullmatch(part) for part in prefix.split("/")):
        raise ValueError("the place in the bucket has letters, digits, '.', '_', '-' and '/' only")
    options = _read_options(scheme, parts)
    return BucketAddress(
        scheme,
        parts.netloc,
        prefix,
        endpoint=_check_endpoint(options.get("endpoint", "")),
        region=_check_word("region", options.get("region", "")),
        account=_check_word("account", options.get("account", "")),
        virtual=_is_virtual(options.get("style", "path")),
    )


def _read_options(scheme: Scheme, parts: SplitResult) -> dict[str, str]:
    if parts.fragment:
        raise ValueError("nothing stands behind a '#' here")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    legal = _OPTIONS[scheme]
    if any(name not in legal for name, _ in pairs):
        what = f"only {', '.join(legal)}" if legal else "nothing"
        raise ValueError(f"{what} may stand behind '?' of {scheme}://. {_KEYS}")
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("the same option stands there twice")
    return dict(pairs)


def _check_word(name: str, value: str) -> str:
    if value and not _WORD.fullmatch(value):
        raise ValueError(f"its {name} is no name")
    return value


def _is_virtual(style: str) -> bool:
    if style not in ("path", "virtual"):
        raise ValueError("its style is path or virtual")
    return style == "virtual"


def _check_endpoint(url: str) -> str:
    """The address of a service that speaks S3; https, but for one on this machine."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("its endpoint is no address") from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError(f"its endpoint has a user or a password in it. {_KEYS}")
    if not parts.hostname or parts.query or parts.fragment or parts.path.strip("/"):
        raise ValueError("its endpoint is a host: https://HOST or https://HOST:PORT")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("its endpoint must be https; http is for a server on this machine")
    return f"{parts.scheme}://{parts.netloc}"
