"""What stands behind the # of an `edit://` reference: which part of another edit's video is meant.
Pure.
"""

from __future__ import annotations

import re

FRAMES = "#first-frame, #last-frame or #frame=2.5s"  # how a frame is written
SOUND = "#audio"  # how the sound is written
_MOMENT = re.compile(r"frame=([0-9]{1,4}(?:\.[0-9]{1,3})?)s")


def parse_fragment(text: str) -> str:
    """A fragment, without its #, in its one spelling. Raises ValueError."""
    if text in ("first-frame", "last-frame", "audio"):
        return text
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(
            f"behind # stands which part of the video is meant: legal are {FRAMES}, in seconds,"
            f" for a frame, and {SOUND} for its sound"
        )
    whole, _, rest = found[1].partition(".")
    rest = rest.rstrip("0")
    return f"frame={int(whole)}{'.' if rest else ''}{rest}s"


def is_sound(fragment: str) -> bool:
    """Whether a fragment names the sound of a video, and not one of its frames."""
    return fragment == SOUND.removeprefix("#")


def find_moment_s(fragment: str) -> float | None:
    """The moment that a fragment names, in seconds from the beginning; None for the last frame,
    and for the sound, which is all of it.
    """
    if fragment == "first-frame":
        return 0.0
    found = _MOMENT.fullmatch(fragment)
    return float(found[1]) if found is not None else None
