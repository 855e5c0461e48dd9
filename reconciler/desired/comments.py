"""Warns of texts that a ` #` cuts short, since what follows it is a comment. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.errors import Fault
from reconciler.formats.document import Document, join_pointer, name_field
from reconciler.formats.names import make_plain
from reconciler.service.models import Models

_WAY = (
    'what follows " #" is a comment and is left out. Put the whole text in quotes; a comment has'
    " two blanks before # and one behind it"
)
_MOST_SHOWN = 40  # characters of what is left of a text: its end


def warn_about_cut_texts(document: Document, models: Models) -> Iterator[Fault]:
    """A warning for every text of a manifest, or of the project file, that may have been meant to
    go on.

    Texts are what people write freely: prompts, labels, values of a matrix, words of a policy.
    Behind a name or a number that is chosen from a list nobody is asked: what is cut off there is
    a comment.
    """
    free = set(_find_free_texts(models)) if document.cut_at else set()
    for at, place in document.cut_at.items():
        parts = at.split("/")[1:]
        if _is_text(parts, free):
            name = name_field([_unescape_name(part) for part in parts])
            kept = _get_value(document.data, parts)
            words = f'is "{_shorten_to_end(kept)}"' if isinstance(kept, str) else "is empty"
            yield Fault(place, f"{name} {words}: {_WAY}", "warning")


def _find_free_texts(models: Models) -> Iterator[str]:
    """`/input/prompt` and the like: fields of any model that take any text."""
    for model in models.by_name.values():
        for variant in model.variants:
            for section, name, rule in variant.fields():
                chosen = rule.keys() & {"enum", "const", "x-media", "x-media-by"}
                if rule.get("type") == "string" and not chosen:
                    yield join_pointer(f"/{section}", name)


def _is_text(parts: list[str], free: set[str]) -> bool:
    match parts:
        case ["metadata", "labels", _]:
            return True
        case ["spec", "defaults", *rest] | ["spec", "environments", _, *rest]:
            return rest[:1] == ["labels"] or _is_text(["spec", *rest], free)
        case ["spec", "matrix", _, *_]:
            return True
        case ["spec", "policy", "labels" | "prompt_deny", _]:
            return True
        case ["spec", "policy", "waive", _, "reason"]:
            return True
        case ["spec", section, name]:
            return f"/{section}/{name}" in free
        case _:
            return False


def _unescape_name(part: str) -> str:
    """The name of a field, of its part in a JSON pointer."""
    return part.replace("~1", "/").replace("~0", "~")


def _shorten_to_end(text: str) -> str:
    return make_plain(text if len(text) <= _MOST_SHOWN else f"…{text[1 - _MOST_SHOWN :]}")


def _get_value(data: Any, parts: list[str]) -> Any:
    for part in parts:
        if isinstance(data, Mapping):
            data = data.get(_unescape_name(part))
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data
