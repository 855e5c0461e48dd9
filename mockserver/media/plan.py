"""The plan of a film: all that its pictures depend on, so that equal plans give equal bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mockserver.digest import compute_sha256, encode_compact, load_json

FILM_VERSION = 3  # raise it when the same plan gives another picture

# The fields from whose medium a film is made, the first one that is given.
MAIN_ROLES = (
    "video",
    "video_url",
    "first_clip_url",
    "first_frame_url",
    "last_clip_url",
    "last_frame_url",
    "first_clip",
    "first_frame",
    "reference_video",
    "reference_image",
)
# The fields whose medium is heard in the film, if there is one.
SOUND_ROLES = ("driving_audio", "audio_url")


@dataclass(frozen=True)
class Source:
    """A medium of a request as the renderer sees it.

    It is stored bytes, named by their digest, or a made-up clip, named by the digest of its URL.
    """

    role: str  # the field it came in, or its `type` for wan2.7
    kind: str  # video, image or audio
    # "sha256:…" of stored bytes, or "url:…" of the URL of a medium that was not fetched.
    digest: str
    width: int
    height: int
    duration_s: float  # 0 for an image
    audio: bool = False
    # Degrees clockwise by which its pictures are turned to be upright: 0, 90, 180 or 270.
    turn: int = 0

    @property
    def stored(self) -> bool:
        """Whether its bytes are there; else a clip is made up from the digest."""
        return self.digest.startswith("sha256:")

    @property
    def sha256(self) -> str:
        """The digest of stored bytes alone, which is the name of their file."""
        return self.digest.removeprefix("sha256:")


@dataclass(frozen=True)
class FilmPlan:
    """All that a film depends on: equal plans give equal bytes."""

    function: str | None
    width: int
    height: int
    fps: int
    frames: int
    look: str  # hexadecimal digest that decides how the film looks
    watermark: bool
    audio: bool
    # Parameters that the picture shows: scales, control_condition, obj_or_bg …
    settings: dict[str, Any]
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """File name of its film: the same for equal plans."""
        return name_film(encode_compact(self).decode())

    @classmethod
    def from_text(cls, text: str) -> FilmPlan:
        """The plan that was written as JSON when its task was accepted."""
        document = load_json(text)
        sources = tuple(Source(**source) for source in document["sources"])
        return cls(**{**document, "sources": sources})

    def find_first(self, *roles: str) -> Source | None:
        """The first source in the first of the roles that has one."""
        for role in roles:
            for source in self.sources:
                if source.role == role:
                    return source
        return None

    def list_sources(self, role: str) -> list[Source]:
        """The sources of a role, in the order of the request."""
        return [source for source in self.sources if source.role == role]


def name_film(plan_text: str) -> str:
    """File name of the film of a plan, which is given as JSON."""
    return compute_sha256(f"{FILM_VERSION} {plan_text}".encode()) + ".mp4"
