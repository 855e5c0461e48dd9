"""Warns once of each kind of link that looks signed by an unknown provider. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from reconciler.desired.edit import Edit, Medium
from reconciler.errors import Fault
from reconciler.formats.names import make_plain
from reconciler.formats.signed_urls import Signatures

_MOST_NAMES = 3


class Suspect(NamedTuple):
    """A link that looks signed: where it stands in its edit, its host, and the parameters that
    look so.
    """

    at: str
    host: str
    names: tuple[str, ...]


def find_suspects(media: Iterable[Medium], signatures: Signatures) -> Iterator[Suspect]:
    """The links among the media of an edit that look signed in a way that is not known."""
    for medium in media:
        url = medium.reference.value
        if medium.reference.kind != "remote" or "?" not in url:
            continue
        if names := tuple(dict.fromkeys(signatures.find_suspects(url))):
            yield Suspect(medium.at, urlsplit(url).hostname or "", names)


def warn_about_suspects(suspects: Iterable[tuple[Edit, Suspect]]) -> Iterator[Fault]:
    """What people should know of such links, told once a host and set of parameters."""
    met: dict[tuple[str, tuple[str, ...]], list[tuple[Edit, Suspect]]] = {}
    for edit, suspect in suspects:
        met.setdefault((suspect.host, suspect.names), []).append((edit, suspect))
    for (host, names), several in met.items():
        first, suspect = several[0]
        yield Fault(first.place(suspect.at), _describe(host, names, len(several) - 1), "warning")


def _describe(host: str, names: Sequence[str], more: int) -> str:
    shown = make_plain(", ".join(names[:_MOST_NAMES])) + (" …" if len(names) > _MOST_NAMES else "")
    others = f" (and {more} more like it)" if more else ""
    return (
        f"the link to {host} looks signed ({shown}){others}, in a way that is not known"
        " here: with the next signature it is another request, and paid again. If that"
        " chooses nothing of the content, name it in identity.ignore_query of cutlist.yaml"
    )
