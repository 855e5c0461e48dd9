"""One edit as the page shows it: what it asks for, what goes into it, every take it has had, and
what it builds on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from reconciler.desired.job import Input
from reconciler.desired.references import show_url
from reconciler.history.log import LogRecord
from reconciler.plan.explain import Explanation
from reconciler.plan.jobs import Resolved
from reconciler.plan.show import EditView
from reconciler.planner import Pass
from reconciler.state.observed import Result
from reconciler.web.cards import find_shown_digest
from reconciler.web.places import FILMSTRIP, POSTER, PREVIEW, MediaPlaces

_KINDS = {"local": "file", "remote": "url", "oss": "url", "data": "data", "edit": "edit"}
_SHA256 = "sha256:"
_URL = re.compile(r"(?:https?|oss)://\S+")


@dataclass(frozen=True, slots=True)
class EditSources:
    """All that is known of an edit: one pass over all that is stored, and what the books say."""

    current: Pass
    view: EditView
    explanation: Explanation
    log: Sequence[LogRecord]
    places: MediaPlaces


def build_edit(sources: EditSources) -> dict[str, Any]:
    """The edit as plain data. Links are without their signatures."""
    view, places = sources.view, sources.places
    shown = find_shown_digest(sources.current, view.edit)
    return {
        **view.to_json(),
        "results": [hide_signatures(asdict(result)) for result in view.results],
        "explain": sources.explanation.to_json(),
        "cost": view.step.cost.to_json(),
        "current": None if shown is None else name_media(shown, places),
        "takes": list_takes(sources),
        "before": [_build_before(input_, view.edit, places) for input_ in view.edit.wanted.inputs],
        "lineage": {
            "up": list(_walk(view.edit.wanted.upstreams, sources, up=True)),
            "down": list(_walk(view.used_by, sources, up=False)),
        },
    }


def list_takes(sources: EditSources) -> list[dict[str, Any]]:
    """Every result the edit has had, numbered from the oldest on."""
    view = sources.view
    results = sorted(view.results, key=lambda result: (result.stored_at, result.digest))
    return [_build_take(number, result, sources) for number, result in enumerate(results, 1)]


def _build_take(number: int, result: Result, sources: EditSources) -> dict[str, Any]:
    view = sources.view
    own = view.edit.job is not None and view.edit.job.key == result.key
    current = view.edit.result is not None and view.edit.result.digest == result.digest
    input_, parameters = _part(result.job, "input"), _part(result.job, "parameters")
    record = _find_record(result, sources.log)
    return {
        "number": number,
        "digest": result.digest,
        "key": result.key,
        "stored_at": result.stored_at,
        "price": None if record is None else record.price,
        "billed_s": view.billed_s.get(result.digest, 0.0),
        "seed": parameters.get("seed"),
        "prompt": str(input_.get("prompt") or ""),
        "request": hide_signatures(dict(result.job)),
        "commit": result.commit or None,
        "author": result.author or None,
        "approved_by": result.approved_by or None,
        "width": result.width,
        "height": result.height,
        "duration_s": result.duration_s,
        "current": current,
        "made_by_present_request": own,
        **name_media(result.digest, sources.places),
    }


def _part(job: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = job.get(name)
    return part if isinstance(part, Mapping) else {}


def _find_record(result: Result, log: Sequence[LogRecord]) -> LogRecord | None:
    """What the books say of the task that made a result."""
    task_id = result.task.get("task_id")
    records = (
        record for record in log if task_id and record.task_id == task_id and record.billed_s
    )
    return next(records, None)


def name_media(digest: str, places: MediaPlaces) -> dict[str, str | None]:
    """The addresses of a video and of its small ones."""
    return {
        "digest": digest,
        "video": places.name_video(digest),
        "poster": places.name_poster(digest),
        "preview": places.name_preview(digest),
        "filmstrip": places.name_filmstrip(digest),
    }


def _build_before(input_: Input, edit: Resolved, places: MediaPlaces) -> dict[str, Any]:
    """A medium that goes into the request."""
    reference = input_.medium.reference
    kind = _KINDS[reference.kind]
    digest = _find_digest(input_, edit)
    is_picture = input_.facts is not None and input_.facts.kind == "image"
    told: dict[str, Any] = {
        "role": input_.medium.limits,
        "kind": kind,
        "name": "" if kind == "data" else show_url(reference.value),
        "digest": digest,
        "url_host": None,
        "url": None,
        "video": None,
        "poster": None,
        "preview": None,
        "filmstrip": None,
    }
    if kind == "url":
        shown = show_url(reference.value)
        told["url_host"] = urlsplit(shown).hostname
        told["url"] = shown if shown == reference.value and shown.startswith("http") else None
    elif digest is not None and kind == "edit":
        told |= name_media(digest, places)
    elif digest is not None:
        told |= {
            "video": places.name_input(digest),
            "poster": places.name_input_still(digest, POSTER),
            "preview": None if is_picture else places.name_input_still(digest, PREVIEW),
            "filmstrip": None if is_picture else places.name_input_still(digest, FILMSTRIP),
        }
    return told


def _find_digest(input_: Input, edit: Resolved) -> str | None:
    if input_.upstream is not None:
        result = (edit.upstream or {}).get(input_.upstream)
        return None if result is None else result.digest
    identity = input_.identity or ""
    return identity.removeprefix(_SHA256) if identity.startswith(_SHA256) else None


def _walk(names: Sequence[str], sources: EditSources, *, up: bool) -> Iterator[dict[str, Any]]:
    """The edits above or below one, the nearest first."""
    resolved, seen, distance = sources.current.resolved, {sources.view.step.name}, 1
    level = list(names)
    while level:
        following: list[str] = []
        for name in level:
            if name in seen or name not in resolved:
                continue
            seen.add(name)
            shown = find_shown_digest(sources.current, resolved[name])
            poster = None if shown is None else sources.places.name_poster(shown)
            yield {"name": name, "distance": distance, "poster": poster}
            following += resolved[name].wanted.upstreams if up else _find_users(name, resolved)
        level, distance = following, distance + 1


def _find_users(name: str, resolved: Mapping[str, Resolved]) -> list[str]:
    return sorted(other for other, one in resolved.items() if name in one.wanted.upstreams)


def hide_signatures(value: Any) -> Any:
    """Plain data in which links are as they may be shown."""
    if isinstance(value, Mapping):
        return {name: hide_signatures(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [hide_signatures(part) for part in value]
    if isinstance(value, str) and _URL.fullmatch(value):
        return show_url(value)
    return value
