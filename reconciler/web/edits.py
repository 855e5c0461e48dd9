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
from reconciler.plan.excerpts import find_length_s
from reconciler.plan.explain import Explanation
from reconciler.plan.jobs import Resolved
from reconciler.plan.show import EditView
from reconciler.plan.takes import Take, TakeList
from reconciler.planner import Pass
from reconciler.web.cards import find_shown_digest
from reconciler.web.places import FILMSTRIP, POSTER, PREVIEW, MediaPlaces

_KINDS = {"local": "file", "remote": "url", "oss": "url", "data": "data", "edit": "edit"}
_SHA256 = "sha256:"
_VIDEO_PLACES = ("video", "poster", "preview", "filmstrip")
_URL = re.compile(r"(?:https?|oss)://\S+")


@dataclass(frozen=True, slots=True)
class EditSources:
    """All that is known of an edit."""

    current: Pass
    view: EditView
    explanation: Explanation
    takes: TakeList
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
        "takes": [_build_take(take, places) for take in sources.takes.takes],
        "lock": sources.takes.mark,
        "before": [build_before(input_, view.edit, places) for input_ in view.edit.wanted.inputs],
        "lineage": {
            "up": list(_walk(view.edit.wanted.upstreams, sources, up=True)),
            "down": list(_walk(view.used_by, sources, up=False)),
        },
    }


def _build_take(take: Take, places: MediaPlaces) -> dict[str, Any]:
    told = take.to_json()
    media = name_media(take.result.digest, places)
    if not take.is_stored:
        media |= {"video": None}
    return {**told, "request": hide_signatures(told["request"]), **media}


def name_media(digest: str, places: MediaPlaces) -> dict[str, str | None]:
    """The addresses of a video and of its small ones."""
    return {
        "digest": digest,
        "video": places.name_video(digest),
        "poster": places.name_poster(digest),
        "preview": places.name_preview(digest),
        "filmstrip": places.name_filmstrip(digest),
    }


def build_before(input_: Input, edit: Resolved, places: MediaPlaces) -> dict[str, Any]:
    """A medium that goes into the request."""
    reference = input_.medium.reference
    kind = _KINDS[reference.kind]
    digest = _find_digest(input_, edit)
    seen = edit.wanted.model.media[input_.medium.limits].kind
    told: dict[str, Any] = {
        "role": input_.medium.limits,
        "kind": kind,
        "form": seen,
        "duration_s": None if seen == "image" else find_length_s(edit, input_),
        "name": "" if kind == "data" else show_url(reference.source),
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
        kept = {"video": _VIDEO_PLACES, "image": ("poster",), "audio": ()}[seen]
        told |= {name: place for name, place in name_media(digest, places).items() if name in kept}
    elif digest is not None:
        told |= {
            "video": places.name_input(digest),
            "poster": None if seen == "audio" else places.name_input_still(digest, POSTER),
            "preview": places.name_input_still(digest, PREVIEW) if seen == "video" else None,
            "filmstrip": places.name_input_still(digest, FILMSTRIP) if seen == "video" else None,
        }
    return told


def _find_digest(input_: Input, edit: Resolved) -> str | None:
    if input_.upstream is not None:
        result = edit.above.get(input_.medium.reference.source)
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
