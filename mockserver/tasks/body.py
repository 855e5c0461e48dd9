"""The body of a request for a task: read as JSON, with the digest that names the request."""

from __future__ import annotations

from typing import Any, NamedTuple

from mockserver.catalogue import Doc
from mockserver.digest import compute_sha256, encode_canonical, load_json
from mockserver.errors import BAD_BODY

DEEPEST_BODY = 64  # levels of nesting in a request (assumption: no limit is documented)


class RequestBody(NamedTuple):
    """A body as it was sent, without its nulls, and the digest of its canonical JSON."""

    document: Doc
    request: Doc
    sha256: str


def parse_body(content_type: str, body: bytes) -> RequestBody:
    """Read a JSON object from a request. Raises ApiError 400 for anything else."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise BAD_BODY
    try:
        document = load_json(body)
    except ValueError:
        raise BAD_BODY from None
    if not isinstance(document, dict):
        raise BAD_BODY
    # Nothing is nested deeper than there are brackets.
    brackets = body.count(b"{") + body.count(b"[")
    if brackets > DEEPEST_BODY and _is_deeper(document, DEEPEST_BODY):
        raise BAD_BODY
    request = drop_nulls(document) if b"null" in body else document
    return RequestBody(document, request, compute_sha256(encode_canonical(document)))


def drop_nulls(value: Any) -> Any:
    """A value without null fields: the vendor's SDK sends null for what is unset."""
    if isinstance(value, dict):
        return {key: drop_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [drop_nulls(item) for item in value]
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        items = list(value.values())
    elif isinstance(value, list):
        items = value
    else:
        items = []
    return any(levels == 0 or _is_deeper(item, levels - 1) for item in items)
