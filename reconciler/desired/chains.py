"""What an edit takes of others, held to what those give: a moment, a length, a sound. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from reconciler.desired.job import Input, Wanted
from reconciler.desired.lengths import Seconds, compute_seconds, find_length, list_videos
from reconciler.desired.limits import check_length
from reconciler.errors import Fault
from reconciler.formats.document import name_field
from reconciler.formats.fragments import find_moment_s, is_sound
from reconciler.formats.values import value

_ANY_LENGTH = Seconds(0.0, 0.0, is_exact=False, is_bound=False)


@value(frozen=True, slots=True)
class Video:
    """What is known of the video of an edit, rendered or not."""

    length_s: float
    is_exact: bool = True  # else it may be shorter
    is_here: bool = False  # it has been rendered
    has_sound: bool = True  # or may have one

    @classmethod
    def foresee(cls, wanted: Wanted, seconds: Seconds) -> Video | None:
        """A video that is still to be rendered; None where nothing can be said of it."""
        if not seconds.is_bound:
            return None
        has_sound = bool(wanted.variant.output["audio"])
        return cls(seconds.output_s, seconds.is_exact, has_sound=has_sound)

    def describe_length(self) -> str:
        """Its length as the end of a sentence."""
        if self.is_here:
            return f"the video lasts {self.length_s:g} s"
        at_most = "" if self.is_exact else "at most "
        return f"the video will last {at_most}{self.length_s:g} s"


def check_chains(edits: Mapping[str, Wanted], known: Collection[str]) -> Iterator[Fault]:
    """What is wrong between edits by what their manifests say; `edits` has upstream before
    downstream. Nothing is said of those in `known`, which have a result: it may be another one.
    """
    seconds: dict[str, Seconds] = {}
    if not any(wanted.upstreams for name, wanted in edits.items() if name not in known):
        return
    for name, wanted in edits.items():
        if name in known:
            seconds[name] = _ANY_LENGTH
            continue
        lengths = [
            find_length(wanted, input_, lambda up: seconds[up].as_length())
            for input_ in list_videos(wanted)
        ]
        seconds[name] = compute_seconds(wanted, lengths)
        for source in wanted.sources:
            if source.upstream is None:
                continue
            video = Video.foresee(edits[source.upstream], seconds[source.upstream])
            words = find_unfit(wanted, source, video) if video is not None else ""
            if words:
                yield Fault(wanted.edit.place(source.medium.at), words)


def find_unfit(wanted: Wanted, source: Input, video: Video) -> str:
    """In words, with the name of the field, why what an edit takes of a video cannot go in; empty
    where nothing speaks against it.
    """
    fragment, limits = source.medium.reference.fragment, wanted.model.media[source.medium.limits]
    moment_s, takes_sound = find_moment_s(fragment), is_sound(fragment)
    words = ""
    if moment_s is not None and moment_s >= video.length_s:
        legal = f"moments before {video.length_s:g} s, or #last-frame"
        words = f"is beyond the end: {video.describe_length()}; legal are {legal}"
    elif takes_sound and not video.has_sound:
        words = "there is none of: its model makes videos without sound"
    elif video.is_exact and (takes_sound or not fragment):
        words = next(check_length(video.length_s, limits), "")
    return words and describe_unfit(source, words)


def describe_unfit(source: Input, words: str) -> str:
    """What is said of a medium that is taken of another edit; `words` go on behind `which`."""
    field = name_field(source.medium.at.split("/")[1:])
    return f"{field} is edit://{source.medium.reference.source}, which {words}"
