"""Which edits a plan is about: `--target` and `--exclude`, by name, pattern or label. Pure.

A target brings the edits it builds on along; an exclusion takes those that build on it away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from reconciler.desired.edit import Edit
from reconciler.desired.job import Desired
from reconciler.errors import UsageError
from reconciler.formats.names import compile_wildcard, get_matrix_name, make_plain
from reconciler.formats.names import find_similar as near_names
from reconciler.formats.words import format_count

_MOST_NAMES = 8


def select_edits(
    desired: Desired, targets: Sequence[str], excludes: Sequence[str]
) -> frozenset[str]:
    """The names of the edits that are asked about. Raises UsageError for words that match nothing,
    or leave nothing.
    """
    if not targets and not excludes:
        return frozenset(desired.edits)
    edits = {name: wanted.edit for name, wanted in desired.edits.items()}
    upstreams = {name: wanted.upstreams for name, wanted in desired.edits.items()}
    chosen = set(edits)
    if targets:
        chosen = set()
        for text in targets:
            chosen |= _matched("--target", text, edits)
        chosen = _with_upstreams(chosen, upstreams)
    for text in excludes:
        chosen -= add_downstreams(_matched("--exclude", text, edits), upstreams)
    if not chosen:
        raise UsageError(
            "--target and --exclude leave no edit to plan for.", hint="Nothing was sent."
        )
    return frozenset(chosen)


def find_edit(names: Sequence[str], text: str) -> str:
    """The one edit that is named. Raises UsageError, with near names or a cell of a matrix."""
    if text in names:
        return text
    cells = [name for name in names if get_matrix_name(name) == text]
    if cells:
        hint = f"It is a matrix; name one of its {len(cells)} edits, such as '{cells[0]}'."
    else:
        hint = _near(text, names) if names else "There are no edits."
    raise UsageError(f'no edit is named "{text}".', hint=hint)


def _matched(option: str, text: str, edits: Mapping[str, Edit]) -> set[str]:
    matches = _matcher(text)
    matching = {name for name, edit in edits.items() if matches(edit)}
    if not matching:
        raise UsageError(
            f'{option} "{text}" matches no edit.',
            hint=f"{suggest_edits(text, edits)} Nothing was sent.".strip(),
        )
    return matching


def _matcher(text: str) -> Callable[[Edit], bool]:
    """`campaign=spring` asks for labels, all of them where commas stand between; anything else
    for a name.

    `*` and `?` stand for any characters and for one. Brackets are part of a name; a name without
    them means all edits that a matrix made of it.
    """
    if "=" in text.partition("[")[0]:
        pairs = [pair.partition("=") for pair in text.split(",")]
        wanted = [(key.strip(), compile_wildcard(value.strip())) for key, _, value in pairs]
        return lambda edit: all(
            key in edit.labels and value.fullmatch(str(edit.labels[key])) is not None
            for key, value in wanted
        )
    plain, expanded = compile_wildcard(text), compile_wildcard(f"{text}[*]")
    return lambda edit: any(
        plain.fullmatch(name) or expanded.fullmatch(name) for name in (edit.name, *edit.aliases)
    )


def suggest_edits(text: str, edits: Mapping[str, Edit]) -> str:
    """What somebody may have meant by words that match no edit."""
    if "=" not in text.partition("[")[0]:
        return _near(text, list(edits)) if edits else "There are no edits."
    labels = sorted(
        {f"{key}={value}" for edit in edits.values() for key, value in edit.labels.items()}
    )
    if not labels:
        return "There are no labels."
    more = " …" if len(labels) > _MOST_NAMES else ""
    return _meant(text, labels) or f"There are the labels {', '.join(labels[:_MOST_NAMES])}{more}."


def _near(text: str, names: Sequence[str]) -> str:
    """Edits that are spelled like a word, and never others: those are for `status` to list."""
    return _meant(text, names) or f"`cutlist status` lists the {format_count(len(names), 'edit')}."


def _meant(text: str, known: Sequence[str]) -> str:
    close = [make_plain(name) for name in near_names(text, known)]
    return f"Did you mean {' or '.join(close)}?" if close else ""


def _with_upstreams(names: Iterable[str], upstreams: Mapping[str, Sequence[str]]) -> set[str]:
    """`names` and everything they build on."""
    chain: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in chain:
            chain.add(name)
            waiting += upstreams[name]
    return chain


def add_downstreams(names: Iterable[str], upstreams: Mapping[str, Sequence[str]]) -> set[str]:
    """`names` and everything that builds on them; `upstreams` names every upstream before its
    downstream.
    """
    chain = set(names)
    for name, above in upstreams.items():
        if chain.intersection(above):
            chain.add(name)
    return chain
