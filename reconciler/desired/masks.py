"""Warns of masks that the service takes, although they edit everything or nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.desired.edit import Edit
from reconciler.desired.job import Input
from reconciler.errors import Fault
from reconciler.service.models import Model

_LEGAL = "white is edited, black kept"
_DOUBTS = {
    "black": f"is black all over, so that nothing is edited; {_LEGAL}",
    "white": f"is white all over, so that everything is edited; {_LEGAL}",
    "coloured": f"has colours; a mask is black and white: {_LEGAL}",
}


class Masks:
    """Looks at the masks of edits; what it has told of a mask it does not tell again."""

    def __init__(self) -> None:
        self._told: set[tuple[str | None, ...]] = set()

    def check(self, edit: Edit, model: Model, inputs: Sequence[Input]) -> Iterator[Fault]:
        """Warnings about the masks among the inputs of an edit."""
        for mask in inputs:
            if mask.facts is None or not model.media[mask.medium.limits].mask:
                continue
            place = edit.place(mask.medium.at)
            if mask.facts.tone and self._is_new(mask.identity):
                yield Fault(
                    place, f"the mask {_name_medium(mask)} {_DOUBTS[mask.facts.tone]}", "warning"
                )
            for clip in inputs:
                limits = model.media[clip.medium.limits]
                if clip.facts is None or limits.kind != "video" or limits.mask:
                    continue
                mask_sides = f"{mask.facts.width}x{mask.facts.height}"
                clip_sides = f"{clip.facts.width}x{clip.facts.height}"
                if mask_sides != clip_sides and self._is_new(mask.identity, clip.identity):
                    yield Fault(
                        place,
                        f"the mask {_name_medium(mask)} is {mask_sides}, and the clip"
                        f" {_name_medium(clip)} is {clip_sides}; give it the clip's size,"
                        " or what is edited lies elsewhere",
                        "warning",
                    )

    def _is_new(self, *identities: str | None) -> bool:
        is_new = identities not in self._told
        self._told.add(identities)
        return is_new


def _name_medium(medium: Input) -> str:
    reference = medium.medium.reference
    return reference.value if reference.kind == "local" else "in the data URI"
