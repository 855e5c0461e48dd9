"""Excerpts that edits take of the videos of others, a frame or the sound: which they are, and what
forbids one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from reconciler.desired.job import Facts, Wanted
from reconciler.desired.limits import check_limits
from reconciler.desired.references import Reference
from reconciler.formats.fragments import find_moment_s, is_sound
from reconciler.state.observed import Result
from reconciler.system.probe.refusal import Unreadable


class HasResult(Protocol):
    """An edit as it is resolved."""

    @property
    def result(self) -> Result | None:
        """Its result, where it is here."""

    @property
    def digest(self) -> str | None:
        """The digest of its result, here or elsewhere."""


class FindExcerpt(Protocol):
    """Finds excerpts of videos."""

    def look_up(self, names: Collection[tuple[str, str]]) -> None:
        """Ask for several at once: the digest of each video, and which part of it."""

    def find(self, name: tuple[str, str], edit: str) -> Result | None:
        """One excerpt; None where it cannot be known here. Raises Unreadable."""


FoundExcerpts = tuple[Mapping[str, Result], str]
NO_EXCERPTS: FoundExcerpts = ({}, "")  # what nearly all edits take


def find_excerpts(
    wanted: Wanted, resolved: Mapping[str, HasResult], finder: FindExcerpt | None
) -> FoundExcerpts:
    """By NAME#FRAGMENT the excerpts that an edit takes, as far as they can be known, and in words
    what is wrong with one.
    """
    if not list_fragments(wanted):
        return NO_EXCERPTS
    excerpts: dict[str, Result] = {}
    fault = ""
    for source in wanted.sources:
        reference = source.medium.reference
        if not reference.fragment:
            continue
        above = resolved[reference.value]
        moment_s = find_moment_s(reference.fragment)
        shown = f"edit://{reference.source}"
        length_s = above.result.duration_s if above.result is not None else None
        if moment_s is not None and length_s is not None and moment_s >= length_s:
            fault = fault or _describe_late(shown, f"the video lasts {length_s:g} s")
            continue
        if above.digest is None or finder is None:
            continue
        try:
            excerpt = finder.find((above.digest, reference.fragment), reference.value)
        except Unreadable as error:
            fault = fault or f"{shown} cannot be cut: {error}"
            continue
        if excerpt is not None:
            excerpts[reference.source] = excerpt
            limits = wanted.model.media[source.medium.limits]
            broken = next(check_limits(_describe(reference.fragment, excerpt), limits), "")
            fault = fault or (f"{shown} {broken}" if broken else "")
    return excerpts, fault


def _describe(fragment: str, excerpt: Result) -> Facts:
    size_bytes = excerpt.size_bytes
    if is_sound(fragment):
        return Facts("audio", "wav", size_bytes, 0, 0, excerpt.duration_s)
    return Facts("image", "png", size_bytes, excerpt.width, excerpt.height)


def list_fragments(wanted: Wanted) -> list[Reference]:
    """The references of an edit that name an excerpt."""
    references = (source.medium.reference for source in wanted.sources)
    return [reference for reference in references if reference.fragment]


def takes_excerpts_alone(wanted: Wanted, upstream: str) -> bool:
    """Whether an edit takes excerpts of another one, and not its video."""
    references = [source.medium.reference for source in wanted.sources]
    return all(
        reference.fragment
        for reference in references
        if reference.kind == "edit" and reference.value == upstream
    )


def find_late_frame(wanted: Wanted, most_s: Mapping[str, float]) -> str:
    """In words, a frame beyond the end of a video that is still to be rendered; empty where there
    is none. `most_s` says how long the videos of edits get at most.
    """
    for reference in list_fragments(wanted):
        moment_s, longest_s = find_moment_s(reference.fragment), most_s.get(reference.value)
        if moment_s is not None and longest_s is not None and moment_s >= longest_s:
            shown = f"edit://{reference.source}"
            return _describe_late(shown, f"the video will last at most {longest_s:g} s")
    return ""


def _describe_late(shown: str, length: str) -> str:
    return f"{shown} is beyond the end: {length}; write an earlier moment, or #last-frame"
