"""Which limits of the service a medium breaks, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.desired.job import Facts
from reconciler.service.models import MediaLimits
from reconciler.system.probe.file_types import describe_form


def check_limits(facts: Facts, limits: MediaLimits, *, of_file: bool = True) -> Iterator[str]:
    """Each limit of the service that a medium breaks, as the end of a sentence about it; `of_file`:
    with what people can do about a file of theirs.
    """
    if facts.format not in limits.formats:
        yield describe_wrong_form(facts.format, limits)
    if limits.size_bytes is not None and facts.size_bytes > limits.size_bytes:
        yield describe_size(facts.size_bytes, limits.size_bytes)
    if facts.duration_s is not None:
        for words in check_length(facts.duration_s, limits):
            is_long = limits.duration_s is not None and facts.duration_s > limits.duration_s[1]
            way = " Cut it first; no parameter shortens an input."
            yield f"{words}{way}" if of_file and is_long else words
    if limits.side_px is not None:
        low_px, high_px = limits.side_px
        if not (low_px <= facts.width <= high_px and low_px <= facts.height <= high_px):
            yield (
                f"is {facts.width}x{facts.height}; sides of {low_px} to {high_px} pixels are legal."
            )
    if limits.aspect is not None and facts.height and facts.width:
        low_ratio, high_ratio = limits.aspect
        if not low_ratio <= facts.width / facts.height <= high_ratio:
            legal = f"1:{1 / low_ratio:g} to {high_ratio:g}:1"
            yield f"is {facts.width}x{facts.height}; an aspect ratio of {legal} is legal."
    if limits.alpha is False and facts.alpha:
        yield "has an alpha channel, which the service refuses; save it without transparency."


def check_length(length_s: float, limits: MediaLimits) -> Iterator[str]:
    """What is said of a medium that is too long or too short."""
    if limits.duration_s is None:
        return
    low, high = limits.duration_s
    if not low - 0.05 <= length_s <= high + 0.05:
        legal = f"{low:g} to {high:g} s are" if low else f"at most {high:g} s is"
        yield f"lasts {length_s:.1f} s; {legal} legal."


def describe_wrong_form(form: str, limits: MediaLimits) -> str:
    """What is said of a medium of a form that is not taken."""
    legal = ", ".join(form.upper() for form in limits.formats)
    return f"is {describe_form(form)}; legal {'is' if len(limits.formats) == 1 else 'are'} {legal}."


def describe_size(size_bytes: int, most_bytes: int) -> str:
    """What is said of a medium that is too large."""
    return f"has {size_bytes / 2**20:.1f} MB; at most {most_bytes / 2**20:.0f} MB are legal."
