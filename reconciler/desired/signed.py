"""Warns once of each kind of link that looks signed by an unknown provider. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from reconciler.desired.manifest import Edit, Medium
from reconciler.errors import Fault, Place
from reconciler.formats.names import make_plain
from reconciler.formats.signed_urls import Signatures

_MOST_NAMES = 3


class SignedLinks:
    """What was met of such links. They are told of once a host and set of parameters."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._met: dict[tuple[str, tuple[str, ...]], list[Place]] = {}

    def note(self, edit: Edit, media: Sequence[Medium]) -> None:
        """Look at the links of an edit."""
        for medium in media:
            url = medium.reference.value
            if medium.reference.kind != "remote" or "?" not in url:
                continue
            if names := tuple(dict.fromkeys(self._signatures.find_suspects(url))):
                host = urlsplit(url).hostname or ""
                self._met.setdefault((host, names), []).append(edit.place(medium.at))

    def build_warnings(self) -> Iterator[Fault]:
        """What people should know of them."""
        for (host, names), places in self._met.items():
            shown = make_plain(", ".join(names[:_MOST_NAMES])) + (
                " …" if len(names) > _MOST_NAMES else ""
            )
            more = len(places) - 1
            others = f" (and {more} more like it)" if more else ""
            message = (
                f"the link to {host} looks signed ({shown}){others}, in a way that is not known"
                " here: with the next signature it is another request, and paid again. If that"
                " chooses nothing of the content, name it in identity.ignore_query of cutlist.yaml"
            )
            yield Fault(places[0], message, "warning")
