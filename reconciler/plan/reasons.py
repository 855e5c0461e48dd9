"""Why a job is not what it was: changed fields in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.desired.job import Wanted
from reconciler.desired.references import show_url
from reconciler.errors import Place
from reconciler.formats.document import name_field

_MEDIA = re.compile(r"sha256:[0-9a-f]{64}(#[a-z0-9.=-]+)?\Z|https?://|oss://")


Default = Callable[[str, str], Any]  # of a section and a field of it; None: there is none


def describe_changes(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    written: Mapping[str, str],
    default: Default = lambda _s, _f: None,
) -> tuple[str, tuple[str, ...]]:
    """(reason in one line, lines with old and new values) between two canonical jobs.

    `written` tells, by pointer, how the manifest writes a medium, so that people read a file name
    and no digest.
    `default` tells what a field is that stands in no job: documented defaults are left out of it.
    """
    if new["take"] != old.get("take") and {**new, "take": 0} == {**old, "take": 0}:
        return f"take {new['take']} asked for", ()
    reasons, details = [], []
    for path, before, after in _differences(old, new, ()):
        if path == ("v",):
            continue
        name = name_field(
            path[1:]
            if path[0] in ("input",) and len(path) > 1 and path[1] in ("prompt", "negative_prompt")
            else path
        )
        if path == ("take",):
            reasons.append(f"take {after} asked for")
        elif isinstance(after, str) and _MEDIA.match(after):
            reasons.append(f"{_medium(written.get('/' + '/'.join(map(str, path))), name)} changed")
        else:
            reasons.append(f"{name} changed")
            unset = default(str(path[0]), str(path[1])) if len(path) == 2 else None
            details += _old_and_new(name, before, after, unset)
    return ", ".join(dict.fromkeys(reasons)) or "the rule of keys changed", tuple(details)


def _medium(written: str | None, name: str) -> str:
    """`input ./girl.mp4`: what the manifest writes, where it is more than the field's own name."""
    return name if written in (None, name) else f"input {written}"


def list_texts(wanted: Wanted) -> Mapping[str, str]:
    """How the manifest writes each medium, by pointer."""
    texts = {}
    for medium in (input_.medium for input_ in wanted.inputs):
        kind, value = medium.reference.kind, medium.reference.value
        if kind == "edit":
            texts[medium.at] = f"edit://{medium.reference.source}"
        else:
            texts[medium.at] = (
                show_url(value).removesuffix("?…")
                if kind != "data"
                else name_field(medium.at.split("/")[1:])
            )
    return texts


def find_changed_place(
    wanted: Wanted, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Place | None:
    """Where the first field stands that differs between two canonical jobs, the newer being of this
    edit.
    """
    for section in ("input", "parameters"):
        before = old.get(section)
        for name in new[section]:
            if isinstance(before, Mapping) and before.get(name) != new[section][name]:
                return wanted.edit.place(f"/{section}/{name}")
    return wanted.edit.place("/take") if old.get("take") != new.get("take") else None


def _differences(
    old: Any, new: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*new, *(field for field in sorted(old) if field not in new)]:
            yield from _differences(old.get(name), new.get(name), (*path, name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, (*path, index))
    elif old != new:
        yield path, old, new


def _old_and_new(name: str, before: Any, after: Any, default: Any) -> list[str]:
    if isinstance(before, str) and isinstance(after, str) and " " in before + after:
        return [diff_words(before, after)]
    if isinstance(before, list | Mapping) or isinstance(after, list | Mapping):
        return []
    return [f"{name}: {_show(before, default)} → {_show(after, default)}"]


def _show(value: Any, default: Any) -> str:
    if value is None:
        return "not set" if default is None else f"{_show(default, None)} (the default)"
    return str(value).lower() if isinstance(value, bool) else str(value)


_WORDS_BEFORE = 40  # and what stands between them, kept of what is the same before the first change


def diff_words(old: str, new: str, *, most: int = 400) -> str:
    """`Make the [cat→dog] jump`: one line with the words that changed, old before new."""
    import difflib  # lazy: start-up time

    a, b = re.findall(r"\s+|[^\s]+", old), re.findall(r"\s+|[^\s]+", new)
    if max(len(a), len(b)) > most:  # to compare takes time by the square, and as much is not shown
        pairs = enumerate(zip(a, b, strict=False))
        same = next((n for n, (x, y) in pairs if x != y), min(len(a), len(b)))
        begin = max(same - _WORDS_BEFORE, 0)
        a, b = a[begin : same + most], b[begin : same + most]
    out = []
    for kind, a0, a1, b0, b1 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        before, after = "".join(a[a0:a1]), "".join(b[b0:b1])
        out.append(before if kind == "equal" else f"[{before}→{after}]")
    text = re.sub(r"\s+", " ", "".join(out)).strip()
    first = max(text.find("[") - 60, 0)
    text = ("…" if first else "") + text[first:]
    return text if len(text) <= most else text[: most - 1] + "…"
