"""Where the page finds its media: addresses by digest, below the page's own. Pure."""

from __future__ import annotations

from dataclasses import dataclass

POSTER, PREVIEW, FILMSTRIP = "poster.webp", "preview.mp4", "filmstrip.webp"
EXPORTED_VIDEO = "video.mp4"  # its file in an export, beside its stills


@dataclass(frozen=True, slots=True)
class MediaPlaces:
    """Addresses of media. `base` is where the page begins: `/` of a server, empty in a folder.

    In an export each medium is a file, and videos may be left out.
    """

    base: str = "/"
    exported: bool = False
    has_videos: bool = True

    def name_video(self, digest: str) -> str | None:
        """The video with these bytes; None where it is left out."""
        if not self.exported:
            return f"{self.base}media/{digest}"
        return f"{self.base}media/{digest}/{EXPORTED_VIDEO}" if self.has_videos else None

    def name_poster(self, digest: str) -> str:
        """One picture of a video."""
        return f"{self.base}media/{digest}/{POSTER}"

    def name_preview(self, digest: str) -> str:
        """A small copy of a video."""
        return f"{self.base}media/{digest}/{PREVIEW}"

    def name_filmstrip(self, digest: str) -> str:
        """Pictures of a video beside each other."""
        return f"{self.base}media/{digest}/{FILMSTRIP}"

    def name_input(self, digest: str) -> str | None:
        """A medium that goes into a request; None where it is left out."""
        if not self.exported:
            return f"{self.base}inputs/{digest}"
        return f"{self.base}inputs/{digest}/{EXPORTED_VIDEO}" if self.has_videos else None

    def name_input_still(self, digest: str, still: str) -> str:
        """A small one of a medium that goes into a request."""
        return f"{self.base}inputs/{digest}/{still}"
