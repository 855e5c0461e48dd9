"""Where the page finds its media: addresses by digest, below the page's own. Pure."""

from __future__ import annotations

from dataclasses import dataclass

POSTER, PREVIEW, FILMSTRIP = "poster.webp", "preview.mp4", "filmstrip.webp"


@dataclass(frozen=True, slots=True)
class MediaPlaces:
    """Addresses of media. `base` is where the page begins: `/` of a server, empty in a folder."""

    base: str = "/"

    def name_video(self, digest: str) -> str:
        """The video with these bytes."""
        return f"{self.base}media/{digest}"

    def name_poster(self, digest: str) -> str:
        """One picture of a video."""
        return f"{self.base}media/{digest}/{POSTER}"

    def name_preview(self, digest: str) -> str:
        """A small copy of a video."""
        return f"{self.base}media/{digest}/{PREVIEW}"

    def name_filmstrip(self, digest: str) -> str:
        """Pictures of a video beside each other."""
        return f"{self.base}media/{digest}/{FILMSTRIP}"

    def name_input(self, digest: str, kind: str = "") -> str:
        """A medium that went into a request, as it is or as one of the small ones."""
        return f"{self.base}inputs/{digest}" + (f"/{kind}" if kind else "")
