"""What the board shows: a card for each edit, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import Fault
from reconciler.formats.words import format_moment
from reconciler.plan.jobs import Resolved
from reconciler.plan.status import Status, name_sync
from reconciler.plan.step import Step
from reconciler.planner import Pass
from reconciler.web.places import MediaPlaces

_MOST_PROMPT = 300  # characters of a prompt on a card
Card = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BoardView:
    """The cards of one good pass by name, in the order in which they are shown, and what all of
    them come to.
    """

    cards: Mapping[str, Card] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


def build_board(
    current: Pass, status: Status, takes: Mapping[str, int], places: MediaPlaces
) -> BoardView:
    """The board of a pass. `takes` says how many results an edit has had, by name."""
    urgent = frozenset(status.needs_person)
    cards = {
        step.name: _build_card(
            current, status, step, takes.get(step.name, 0), step.name in urgent, places
        )
        for step in status.edits
    }
    summary = {
        "edits": len(cards),
        "synced": status.synced,
        "health": {word.lower(): count for word, count in status.counts.items()},
        "actions": dict(current.plan.summary),
        "cost": current.plan.cost_to_json(),
        "needs_person": list(status.needs_person),
        "notes": list(current.plan.notes),
    }
    return BoardView(cards, summary)


def _build_card(
    current: Pass, status: Status, step: Step, takes: int, needs_person: bool, places: MediaPlaces
) -> Card:
    resolved = current.resolved[step.name]
    edit, result = resolved.wanted.edit, resolved.result
    shown = find_shown_digest(current, resolved)
    return {
        "name": step.name,
        "labels": dict(edit.labels),
        "action": step.action.value,
        "sync": name_sync(step),
        "health": status.health(step),
        "reason": step.reason,
        "needs_person": needs_person,
        "suspend": edit.suspend,
        "price": step.cost.price,
        "billable_s": step.cost.billable_s,
        "since": None if step.since is None else format_moment(step.since),
        "output": step.output,
        "digest": None if result is None else result.digest,
        "poster": None if shown is None else places.name_poster(shown),
        "width": None if result is None else result.width,
        "height": None if result is None else result.height,
        "duration_s": None if result is None else result.duration_s,
        "takes": takes,
        "prompt": str(edit.input.get("prompt") or "")[:_MOST_PROMPT],
    }


def find_shown_digest(current: Pass, resolved: Resolved) -> str | None:
    """The video that stands for an edit: its result, or what was written to its output before."""
    if resolved.result is not None:
        return resolved.result.digest
    output = current.observed.outputs.get(resolved.wanted.edit.output)
    published = None if output is None else output.published
    if published is None or published.realm != current.observed.realm:
        return None
    return published.digest


def list_changed(before: BoardView, after: BoardView) -> tuple[Sequence[Card], Sequence[str]]:
    """The cards that are new or not as they were, and the names that are gone."""
    changed = [card for name, card in after.cards.items() if before.cards.get(name) != card]
    gone = [name for name in before.cards if name not in after.cards]
    return changed, gone


def fault_to_json(fault: Fault) -> Mapping[str, str]:
    """A fault with its place, for programs."""
    return {"place": str(fault.place) if fault.place.file else "", "message": fault.message}
