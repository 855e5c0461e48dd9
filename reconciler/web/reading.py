"""What a project says, put together as the page asks for it. Each takes a pass that was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.config import Config, list_other_environments
from reconciler.errors import CutlistError, GitError, UsageError
from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.plan.explain import explain_edit
from reconciler.plan.show import view_edit
from reconciler.plan.takes import TakeList
from reconciler.planner import Pass
from reconciler.project import Project
from reconciler.state.observed import Result
from reconciler.web.cards import BoardView, build_board
from reconciler.web.edits import EditSources
from reconciler.web.places import MediaPlaces
from reconciler.web.rights import PageRights

API_VERSION = 1


def read_project(
    project: Project, revision: str | None, who: str, rights: PageRights
) -> dict[str, Any]:
    """Which project it is, and what the page may do."""
    config = project.config
    return {
        "version": API_VERSION,
        "name": config.name,
        "realm": config.realm,
        "account": config.account,
        "endpoint": config.endpoint.name,
        "environment": config.environment,
        "environments": list_environments(config),
        "currency": config.prices.currency or None,
        "revision": revision,
        "may": rights.to_json(),
        "who": who,
        "mode": rights.mode,
        "sync": rights.sync,
    }


def read_board(project: Project, current: Pass, places: MediaPlaces) -> BoardView:
    """The board of a pass."""
    status = project.status(current)
    takes = dict(project.store.count_recorded(list(current.desired.edits)))
    for name, edit in current.resolved.items():
        if edit.result is not None and edit.result.edit != name:  # rendered for another, and shared
            takes[name] = takes.get(name, 0) + 1
    return build_board(current, status, takes, places)


def read_edit(project: Project, current: Pass, name: str, places: MediaPlaces) -> EditSources:
    """All that is known of an edit, by a pass that was made."""
    takes = project.takes(name, current)
    current = _know_takes(current, takes)
    step = next(step for step in current.plan.steps if step.name == name)
    step = replace(step, details=current.plan.describe_details(step))
    resolved, observed = current.resolved, current.observed
    view = view_edit(resolved[name], step, resolved, observed, project.config.models)
    explanation = explain_edit(resolved[name], observed, step, current.plan.currency)
    return EditSources(current, view, explanation, takes, places)


def _know_takes(current: Pass, takes: TakeList) -> Pass:
    """The pass, with the takes of an edit among the results that it has seen."""
    by_key: dict[str, list[Result]] = {}
    for take in takes.takes:
        by_key.setdefault(take.result.key, []).append(take.result)
    results = {**by_key, **current.observed.results}
    return replace(current, observed=replace(current.observed, results=results))


def read_revision(project: Project) -> str | None:
    """The commit that is read, or checked out; None outside git and before the first commit."""
    if project.config.committed is not None:
        return project.config.committed.commit
    try:
        return project.find_revision("HEAD").id
    except (GitError, UsageError):
        return None


def put_in_words(error: OSError) -> CutlistError:
    """What the system has refused, such as a write to a full disk, as a fault that can be told."""
    place = f"{error.filename}: " if error.filename else ""
    return CutlistError(f"{place}{error.strerror or error}.")


def list_environments(config: Config) -> Sequence[str]:
    """The environments that a project can be looked at in; without one comes first."""
    others = [other.environment for other in list_other_environments(config)]
    return sorted([config.environment, *others], key=lambda name: (name != NO_ENVIRONMENT, name))


def encode_board(
    environment: str, board: BoardView, faults: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """The board of an environment for programs, without its ETag."""
    return {
        "version": API_VERSION,
        "environment": environment,
        "faults": list(faults),
        "stale": bool(faults),
        "cards": list(board.cards.values()),
        "summary": board.summary,
    }
