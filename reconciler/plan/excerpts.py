"""Excerpts that edits take of the videos of others, a frame or the sound: which they are, and what
forbids one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from reconciler.desired.chains import Video, describe_unfit, find_unfit
from reconciler.desired.job import Facts, Input, Wanted
from reconciler.desired.limits import check_limits
from reconciler.desired.references import Reference
from reconciler.formats.fragments import is_sound
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


class TakesResults(Protocol):
    """An edit that is resolved with what it takes of others."""

    @property
    def above(self) -> Mapping[str, Result]:
        """Results by NAME, excerpts by NAME#FRAGMENT."""


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
    what is wrong with one, or with a video that it takes.
    """
    if not wanted.upstreams:
        return NO_EXCERPTS
    excerpts: dict[str, Result] = {}
    faults: list[str] = []
    for source in wanted.sources:
        if source.upstream is None:
            continue
        reference, above = source.medium.reference, resolved[source.upstream]
        if above.result is not None and not is_sound(reference.fragment):
            words = find_unfit(wanted, source, Video(above.result.duration_s, is_here=True))
            if words:
                faults.append(_add_place(wanted, source, words))
                continue
        if not reference.fragment or above.digest is None or finder is None:
            continue
        try:
            excerpt = finder.find((above.digest, reference.fragment), reference.value)
        except Unreadable as error:
            words = describe_unfit(source, f"cannot be cut: {error}")
            faults.append(_add_place(wanted, source, words))
            continue
        if excerpt is not None:
            excerpts[reference.source] = excerpt
            limits = wanted.model.media[source.medium.limits]
            facts = _describe(reference.fragment, excerpt)
            for broken in check_limits(facts, limits, of_file=False):
                faults.append(_add_place(wanted, source, describe_unfit(source, broken)))
    return excerpts, next(iter(faults), "")


def _add_place(wanted: Wanted, source: Input, words: str) -> str:
    return f"{wanted.edit.place(source.medium.at)}: {words}"


def _describe(fragment: str, excerpt: Result) -> Facts:
    size_bytes = excerpt.size_bytes
    if is_sound(fragment):
        return Facts("audio", "wav", size_bytes, 0, 0, excerpt.duration_s)
    return Facts("image", "png", size_bytes, excerpt.width, excerpt.height)


def list_fragments(wanted: Wanted) -> list[Reference]:
    """The references of an edit that name an excerpt."""
    if not wanted.sources:  # as of nearly all
        return []
    references = (source.medium.reference for source in wanted.sources)
    return [reference for reference in references if reference.fragment]


def find_length_s(edit: TakesResults, input_: Input) -> float | None:
    """How long a video or a sound is that goes into an edit; None where that is not known here."""
    if input_.facts is not None:
        return input_.facts.duration_s
    result = edit.above.get(input_.medium.reference.source)
    return None if result is None else result.duration_s


def takes_excerpts_alone(wanted: Wanted, upstream: str) -> bool:
    """Whether an edit takes excerpts of another one, and not its video."""
    references = [source.medium.reference for source in wanted.sources]
    return all(
        reference.fragment
        for reference in references
        if reference.kind == "edit" and reference.value == upstream
    )


def foresee_fault(wanted: Wanted, videos: Mapping[str, Video]) -> str:
    """In words, what is wrong with what an edit takes of `videos`, those of edits by name that are
    still to be rendered; empty where nothing is.
    """
    for source in wanted.sources:
        video = videos.get(source.upstream or "")
        words = find_unfit(wanted, source, video) if video is not None else ""
        if words:
            return _add_place(wanted, source, words)
    return ""
