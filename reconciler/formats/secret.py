"""Text that no log, error or file may show: API keys and the like."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|SIGNATURE", re.IGNORECASE)
_LEAST_SECRET = 3  # characters of a value that is taken out because of its name
_LEAST_VALUE = 6  # and of any other: a shorter one stands in every text
_KEY = re.compile(r"\bsk-[\w-]{4,}")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}")
_ASSIGNED = re.compile(
    r"""(?i)((?:api[_-]?key|token|secret|password|signature|authorization)["']?\s*[=:]\s*)"""
    r"""["']?[^\s"',;&)}\]]+"""
)
_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#\"'<>]*)[?#][^\s\"'<>]*", re.IGNORECASE)
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"']+@", re.IGNORECASE)


class Secret:
    """Text that no repr, log or error may show."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; only for the request header."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


def is_key(secret: Secret) -> bool:
    """Whether a text can be a key: printable ASCII without spaces, so that a header takes it."""
    return re.fullmatch(r"[!-~]+", secret.reveal()) is not None


def cut_secrets(text: str, environ: Mapping[str, str]) -> str:
    """`text` without API keys, what follows `?` in a URL, passwords, and the values of the
    environment, in whose place their names stand.
    """
    values = {
        value: name
        for name, value in environ.items()
        if len(value) >= (_LEAST_SECRET if _SECRET_NAME.search(name) else _LEAST_VALUE)
    }
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, f"${values[value]}")
    text = _USER.sub(r"\1[removed]@", _QUERY.sub(r"\1?[removed]", text))
    return _ASSIGNED.sub(r"\1[removed]", _BEARER.sub(r"\1 [removed]", _KEY.sub("[key]", text)))


def find_secrets(environ: Mapping[str, str]) -> dict[str, Secret]:
    """The variables of an environment whose names say that they hold a secret."""
    return {
        name: Secret(value)
        for name, value in environ.items()
        if value.strip() and _SECRET_NAME.search(name)
    }
