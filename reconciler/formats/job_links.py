"""Links with parameters in the canonical form of a job, which rules of keys treat apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.formats.signed_urls import Signatures

_LINK = re.compile(r"https?://[^?]*\?", re.IGNORECASE)


def has_link(job: Mapping[str, Any]) -> bool:
    """Whether a medium of the job is a link with parameters."""
    return any(_LINK.match(text) for text in _find_media(job.get("input"), ""))


def remove_signatures(job: Mapping[str, Any], signatures: Signatures) -> Mapping[str, Any]:
    """The job with its links as the present rule identifies them."""
    return {**job, "input": _remove(job.get("input"), "", signatures)}


def _find_media(value: Any, name: str) -> Iterable[str]:
    """What stands in the fields of an input that name media (key.md): `url`, and what ends so."""
    if isinstance(value, Mapping):
        for field_name, part in value.items():
            yield from _find_media(part, str(field_name))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _find_media(part, name)
    elif isinstance(value, str) and _is_medium(name):
        yield value


def _remove(value: Any, name: str, signatures: Signatures) -> Any:
    if isinstance(value, Mapping):
        return {field: _remove(part, str(field), signatures) for field, part in value.items()}
    if isinstance(value, list | tuple):
        return [_remove(part, name, signatures) for part in value]
    if isinstance(value, str) and _is_medium(name) and _LINK.match(value):
        return signatures.remove_signature(value)
    return value


def _is_medium(name: str) -> bool:
    return name == "url" or name.endswith("_url")
