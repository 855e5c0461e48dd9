"""How long a video gets by what its request says and by what goes into it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reconciler.desired.job import Input, Wanted
from reconciler.formats.values import value
from reconciler.service.models import MediaLimits

_UNSTATED_S = 10.0  # the longest counted where the vendor states no limit


@value(frozen=True, slots=True)
class Length:
    """The length of a video that goes in, in seconds."""

    seconds: float
    unknown: int = 0  # 1: nobody knows it, and it is counted at the longest
    is_exact: bool = True  # it lasts so long, and is not only no longer
    is_bound: bool = True  # nothing longer is legal


@value(frozen=True, slots=True)
class Seconds:
    """Seconds of video that go in and come out, and how many inputs were only guessed."""

    input_s: float
    output_s: float
    unknown_inputs: int = 0
    is_exact: bool = True  # so much comes out, and not only at most so much
    is_bound: bool = True  # no more than that can come out

    def as_length(self, unknown: int = 0) -> Length:
        """What comes out, as it goes into another edit."""
        return Length(self.output_s, unknown, self.is_exact, self.is_bound)


def list_videos(wanted: Wanted) -> Iterator[Input]:
    """The videos that go in, without masks; the first is the one that is edited."""
    for input_ in wanted.inputs:
        limits = wanted.model.media[input_.medium.limits]
        if limits.kind == "video" and not limits.mask:
            yield input_


def find_length(
    wanted: Wanted, input_: Input, find_above: Callable[[str], Length | None]
) -> Length:
    """The length of a video that goes in, as far as it is known. `find_above` tells that of another
    edit's; None where nobody knows it.
    """
    if input_.facts is not None and input_.facts.duration_s is not None:
        return Length(input_.facts.duration_s)
    above = find_above(input_.upstream) if input_.upstream is not None else None
    if above is not None:
        return above
    return _guess_length(wanted, wanted.model.media[input_.medium.limits])


def _guess_length(wanted: Wanted, limits: MediaLimits) -> Length:
    """The longest that a video of unknown length counts as."""
    if limits.duration_s is not None:
        return Length(float(limits.duration_s[1]), 1, is_exact=False)
    longest_s = wanted.variant.output.get("longest_s")
    is_bound = longest_s is not None
    return Length(float(longest_s or _UNSTATED_S), 1, is_exact=False, is_bound=is_bound)


def compute_seconds(wanted: Wanted, lengths: Sequence[Length]) -> Seconds:
    """The seconds of one edit, by the lengths of its videos as in `list_videos`."""
    output, rule = wanted.variant.output, wanted.variant.output["duration"]
    length = wanted.edit.parameters.get("duration") or wanted.variant.default(
        "parameters", "duration"
    )
    if rule == "by-parameter":
        uses_s = float(output.get("uses_s", 0.0))
        unknown = sum(each.unknown for each in lengths) if uses_s else 0
        whole_s = sum(each.seconds for each in lengths)
        return Seconds(min(whole_s, uses_s), float(length), unknown)
    main = lengths[0] if lengths else Length(0.0)
    input_s = min(main.seconds, float(output.get("uses_s", main.seconds)))
    if length:
        input_s = min(input_s, float(length))
    output_s = input_s if rule == "like-input" else float(rule)
    output_s = min(output_s, float(output.get("longest_s", output_s)))
    if rule != "like-input":
        return Seconds(input_s, output_s, main.unknown)
    is_bound = main.is_bound or bool(length) or not {"longest_s", "uses_s"}.isdisjoint(output)
    return Seconds(input_s, output_s, main.unknown, main.is_exact, is_bound)
