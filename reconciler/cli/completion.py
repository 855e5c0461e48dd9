"""What a shell is offered behind a command: names of edits, labels, environments, revisions, tasks.

Asked at every press of a key, so nothing is loaded that a name does not need, nothing is checked,
sent or run, and whatever is wrong with a project is offered nothing, without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    add_completion_class,
    split_arg_string,
)

from reconciler.system.environment import read_variables

if TYPE_CHECKING:
    from reconciler.config import Config

ENVIRONMENT = "cutlist.environment"  # in the context: which one --env names
_PATIENCE_S = 1.0  # for the manifests of a large project: what was found by then is offered
_MOST_TASKS = 50
_QUOTED = frozenset("[]{}()*?&;|<>$'\"\\ ~#!`")

_BASH = """\
%(complete_func)s() {
    local type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(env COMP_LINE="${COMP_LINE:0:$COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_FISH = """\
function %(complete_func)s
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \\
        COMP_CWORD=(commandline -t) %(prog_name)s 2>/dev/null)
    for line in $response
        set -l parts (string split --max 1 "," $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _Bash(BashComplete):
    """Names with `=`, `[` and commas, which bash takes for the ends of words."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = read_variables().get("COMP_LINE", "")
        words = split_arg_string(line)
        begun = bool(words) and not line[-1:].isspace()
        self._current = words.pop() if begun else ""
        return words[1:], self._current

    def format_completion(self, item: CompletionItem) -> str:
        breaks = set(read_variables().get("COMP_BREAKS", "")) & set("=:")
        kept = max((self._current.rfind(char) + 1 for char in breaks), default=0)
        value = "".join(f"\\{char}" if char in _QUOTED else char for char in item.value[kept:])
        return f"{item.type},{value}"


class _Fish(FishComplete):
    """Names with commas whole."""

    source_template = _FISH


def register_shells() -> None:
    """Make click use these classes for bash and fish."""
    add_completion_class(_Bash)
    add_completion_class(_Fish)


Source = Callable[["Config", str], Iterable[CompletionItem]]
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _offer(source: Source, *, endings: bool = False) -> Complete:
    """A completion of click: those that `source` knows and that begin with what is typed.

    With `endings` the source has made them fit what is typed.
    """

    def complete(
        context: click.Context, _parameter: click.Parameter, typed: str
    ) -> list[CompletionItem]:
        with suppress(Exception):  # whatever it is, a shell is no place to tell it
            config = _config(context)
            return [
                item for item in source(config, typed) if item.value.startswith(typed) or endings
            ]
        return []

    return complete


def _config(context: click.Context) -> Config:

    from reconciler.config import load_config  # lazy: start-up time

    folder = context.find_root().params.get("directory") or Path()
    given: dict[str, Any] = context.params
    return load_config(
        folder, endpoint=given.get("endpoint"), environment=context.meta.get(ENVIRONMENT)
    )


def _named(config: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, labels) of every edit, as far as the text of its manifest tells."""
    from reconciler.desired import matrix
    from reconciler.desired.source.folder import FolderTree
    from reconciler.formats.document import MAX_BYTES
    from reconciler.formats.parsing import parse_documents
    from reconciler.system.cache import Digests, open_cache
    from reconciler.system.clock import SystemClock

    clock = SystemClock()
    until_s = clock.monotonic() + _PATIENCE_S
    tree = FolderTree(config.root, Digests(open_cache(config.cache_dir), clock, "media"))
    for folder in config.manifests:
        for path in sorted(tree.manifests(folder) or ()):
            documents = parse_documents(tree.read(path, MAX_BYTES + 1), path)[0]
            for document in documents if clock.monotonic() < until_s else ():
                with suppress(KeyError, TypeError, AttributeError):
                    metadata = document.data["metadata"]
                    for cell in matrix.expand_matrix(document, config.overlay)[0]:
                        yield f"{metadata['name']}{cell.suffix}", metadata.get("labels") or {}


def _find_edits(config: Config, _typed: str) -> Iterator[CompletionItem]:
    yield from (CompletionItem(name) for name, _ in _named(config))


def _find_targets(config: Config, _typed: str) -> Iterator[CompletionItem]:
    words: dict[str, None] = {}
    for name, labels in _named(config):
        words[name] = None
        words |= {f"{label}={value}": None for label, value in labels.items()}
    yield from map(CompletionItem, words)


def _find_environments(config: Config, _typed: str) -> Iterator[CompletionItem]:
    spec = config.document.data.get("spec") or {}
    yield from map(CompletionItem, spec.get("environments") or ())


def _find_revisions(config: Config, typed: str) -> Iterator[CompletionItem]:
    from reconciler.system.git.revisions import list_names

    dots = next((dots for dots in ("...", "..") if dots in typed), "")
    first = typed.partition(dots)[0] + dots if dots else ""
    for name in ("HEAD", *list_names(config.root)):
        if f"{first}{name}".startswith(typed):
            yield CompletionItem(f"{first}{name}")


def _find_tasks(config: Config, _typed: str) -> Iterator[CompletionItem]:
    from reconciler.state.ledger import SqliteLedger

    if config.shares_ledger:
        return  # a Tab asks no server
    ledger = SqliteLedger.open_readonly(config.ledger_file)
    if ledger is not None:
        entries = ledger.books.entries()
        ledger.close()
        ids = dict.fromkeys(entry.task_id for entry in reversed(entries) if entry.task_id)
        yield from map(CompletionItem, list(ids)[:_MOST_TASKS])


def _find_edits_or_files(config: Config, typed: str) -> Iterator[CompletionItem]:
    names = [item for item in _find_edits(config, typed) if item.value.startswith(typed)]
    yield from names or [CompletionItem(typed, type="file")]


complete_edits = _offer(_find_edits)
complete_edits_or_files = _offer(_find_edits_or_files, endings=True)
complete_targets = _offer(_find_targets)
complete_environments = _offer(_find_environments)
complete_revisions = _offer(_find_revisions, endings=True)
complete_tasks = _offer(_find_tasks)


def complete_models(
    context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """The names of models, with those of the project around, if it has any of its own."""
    from reconciler.service.model_files import load_models

    models = load_models()
    with suppress(Exception):  # a broken file of the project's leaves the shipped ones
        from reconciler.desired.source.own_models import add_own_models
        from reconciler.system.clock import SystemClock

        models = add_own_models(_config(context), SystemClock()).models
    names = sorted(models.by_name)
    return [CompletionItem(name) for name in names if name.startswith(typed)]


def complete_endpoints(
    _context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """The endpoints that have a name."""
    from reconciler.system import shipped

    names = ["mock", *shipped.read_service()["regions"]]
    return [CompletionItem(name) for name in names if name.startswith(typed)]
