"""Text that no log, error or file may show: API keys and the like."""

from __future__ import annotations

import re


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
