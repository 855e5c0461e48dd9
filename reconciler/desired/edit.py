"""One edit as its manifest says it: what every pass asks of it at hand, the rest when somebody
asks. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Any, NamedTuple, Protocol

from reconciler.desired.references import BadReference, Reference, parse_reference
from reconciler.errors import Place
from reconciler.formats.document import Document
from reconciler.formats.values import value
from reconciler.service.models import Variant


@value(frozen=True, slots=True)
class Medium:
    """One media reference of an edit: where it stands (pointer below `spec`), what it names, which
    limits apply.
    """

    at: str
    reference: Reference
    limits: str  # name in Model.media


class Text(NamedTuple):
    """What a manifest says of an edit at length, defaults merged, and where it stands."""

    labels: Mapping[str, str]
    input: Mapping[str, Any]
    parameters: Mapping[str, Any]
    document: Document


class Texts(Protocol):
    """The texts of the edits of one manifest."""

    def read(self, number: int) -> Text:
        """The text of an edit, by its number in the file."""


class LazyText:
    """The text of an edit, which may be read only when somebody asks, by its number among those of
    its manifest. `spot` is where the edit begins: file, line and column.
    """

    __slots__ = ("_media", "_number", "_text", "_texts", "spot")

    def __init__(
        self,
        spot: tuple[str, int, int],
        texts: Texts | None,
        number: int = 0,
        text: Text | None = None,
    ) -> None:
        self.spot = spot
        self._texts = texts
        self._number = number
        self._text = text
        self._media: tuple[Medium, ...] | None = None

    @classmethod
    def of(cls, text: Text) -> LazyText:
        """One that is at hand."""
        place = text.document.place()
        return cls((place.file, place.line, place.column), None, text=text)

    def get(self) -> Text:
        """The text."""
        if self._text is None:
            assert self._texts is not None
            self._text = self._texts.read(self._number)
        return self._text

    def list_media(self, variant: Variant) -> tuple[Medium, ...]:
        """Every media reference that names something, by the variant that reads the text; the
        others are faults of the manifest.
        """
        if self._media is None:
            self._media = tuple(_find_media(self.get().input, variant, self.spot[0]))
        return self._media

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LazyText):
            return NotImplemented
        return self is other or self.get() == other.get()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"LazyText({':'.join(map(str, self.spot))})"


@value(frozen=True, slots=True)
class Edit:
    """One named entry of a manifest, defaults merged, valid as far as text alone can tell."""

    name: str
    model: str
    function: str | None  # of models that have several
    take: int
    suspend: bool  # left alone: nothing is submitted, written or pruned for it
    protect: bool  # its output is never pruned
    output: str
    text: LazyText = field(repr=False)
    # its media that are not links: files, data URIs, outputs of other edits
    sources: tuple[Medium, ...] = ()
    # other names of it: those of its cell where no environment says otherwise
    aliases: tuple[str, ...] = ()

    @property
    def labels(self) -> Mapping[str, str]:
        return self.text.get().labels

    @property
    def input(self) -> Mapping[str, Any]:
        return self.text.get().input

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.text.get().parameters

    @property
    def document(self) -> Document:
        return self.text.get().document

    @property
    def file(self) -> str:
        """The manifest, relative to the project."""
        return self.text.spot[0]

    def place(self, at: str = "", *, key: bool = False) -> Place:
        """Where the value (or key) at pointer `at` below `spec` stands."""
        if not at and not key:
            return Place(*self.text.spot)
        return self.document.place(f"/spec{at}" if at else "", key=key)

    def media(self, variant: Variant) -> Sequence[Medium]:
        """Every media reference of the edit that names something; the others are faults of the
        manifest.
        """
        return self.text.list_media(variant)


def _find_media(given: Mapping[str, Any], variant: Variant, file: str) -> Iterator[Medium]:
    for at, url, limits in variant.media(given):
        with suppress(BadReference):
            yield Medium(at, parse_reference(url, file), limits)
