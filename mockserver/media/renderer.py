"""What the server asks of whoever opens media and makes films, so that tests can replace it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mockserver.media.plan import FilmPlan

# Runs a slow function with its arguments beside the event loop, as `asyncio.to_thread` does.
RunBlocking = Callable[..., Awaitable[Any]]
# Finds the file of a stored medium by its SHA-256.
MediumPath = Callable[[str], Path]


@dataclass(frozen=True)
class Probe:
    """What is known of a stored medium.

    `format` is mp4, mov, jpeg, png, bmp, webp, wav, mp3 or another.
    """

    kind: str  # video, image or audio, which has no sides
    format: str
    width: int
    height: int
    duration_s: float = 0.0
    audio: bool = False
    alpha: bool = False
    size_bytes: int = 0
    # Degrees that a player turns a video clockwise; width and height are those it then has.
    turn: int = 0


class Renderer(Protocol):
    """What opens media and makes films.

    Both methods may run in a thread, several at once, and both may be repeated.
    """

    def probe(self, path: Path, kind: str) -> Probe:
        """What a stored medium is that should be a `kind`. Raises MediaError when it is not."""

    def render(self, plan: FilmPlan, medium: MediumPath, target: Path) -> None:
        """Write the film of a plan to a file; `medium` finds the bytes of its sources."""
