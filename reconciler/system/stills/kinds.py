"""Which stills there are: small ones of a medium, and their bounds. Pure."""

from __future__ import annotations

from enum import StrEnum

POSTER_SIDE_PX = 640  # the longer side
PREVIEW_SIDE_PX = 480
STRIP_TILES, STRIP_HEIGHT_PX = 10, 90


class StillKind(StrEnum):
    """What is made of a medium; the value is its file name."""

    POSTER = "poster.webp"  # one picture
    PREVIEW = "preview.mp4"  # a small film
    FILMSTRIP = "filmstrip.webp"  # STRIP_TILES pictures beside each other, in the order of time
