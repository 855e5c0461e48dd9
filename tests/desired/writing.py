"""Writes data as YAML in as many ways as people do: order, quotes, comments, flow or block, 5 or
5.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

_PLAIN = re.compile(r"[A-Za-z./][A-Za-z0-9 ./]*[A-Za-z0-9]\Z")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}
_NUMBER_LIKE = re.compile(r"[.0-9]*([eE][0-9]+)?\Z|\.(inf|nan)\Z", re.IGNORECASE)


class Style:
    """One way to write; every choice comes from hypothesis, so that a failure shrinks to the choice
    that matters.
    """

    def __init__(self, draw: Callable[..., Any]) -> None:
        self._draw = draw

    def document(self, data: Mapping[str, Any]) -> str:
        """A manifest."""
        start = self._draw(st.sampled_from(["", "---\n", "\ufeff", "# a comment: {not: data}\n\n"]))
        return start + self._block(data, 0)

    def _block(self, data: Mapping[str, Any], indent: int) -> str:
        lines = []
        for name in self._draw(st.permutations(sorted(data))):
            value = data[name]
            comment = self._draw(st.sampled_from(["", "   # because"]))
            head = " " * indent + self._key(name)
            if isinstance(value, dict) and value and self._draw(st.booleans()):
                lines.append(f"{head}:{comment}\n{self._block(value, indent + 2)}")
            elif isinstance(value, list) and value and self._draw(st.booleans()):
                items = "".join(
                    f"{' ' * indent}  - {self._flow(each)}{comment}\n" for each in value
                )
                lines.append(f"{head}:{comment}\n{items}")
            else:
                lines.append(f"{head}: {self._flow(value)}{comment}\n")
            lines.append(
                self._draw(st.sampled_from(["", "\n", f"{' ' * indent}# about nothing\n"]))
            )
        return "".join(lines)

    def _flow(self, value: Any) -> str:
        if isinstance(value, dict):
            parts = [
                f"{self._key(name)}: {self._flow(value[name])}"
                for name in self._draw(st.permutations(sorted(value)))
            ]
            return "{" + ", ".join(parts) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self._flow(each) for each in value) + "]"
        return self._scalar(value)

    def _key(self, name: str) -> str:
        return self._draw(st.sampled_from([name, f"'{name}'", f'"{name}"']))

    def _scalar(self, value: Any) -> str:
        if isinstance(value, bool):
            return self._draw(st.sampled_from([str(value).lower(), str(value), str(value).upper()]))
        if isinstance(value, int):
            return self._draw(
                st.sampled_from([str(value), f"{value}.0", f"+{value}", f"{value}e0"])
            )
        if isinstance(value, float):
            return repr(value)
        return self._text(value)

    def _text(self, text: str) -> str:
        ways = [_double(text)]
        if all(c.isprintable() for c in text):
            ways.append("'" + text.replace("'", "''") + "'")
        if _PLAIN.match(text) and text.lower() not in _WORDS and not _NUMBER_LIKE.match(text):
            ways.append(text)
        return self._draw(st.sampled_from(ways))


def _double(text: str) -> str:
    made = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}"
        for c in text
    )
    return f'"{made}"'
