"""Opens media and makes films with FFmpeg's libraries, which are only loaded for the first film."""

from __future__ import annotations

from pathlib import Path

from mockserver.media.plan import FilmPlan
from mockserver.media.probe.client import probe_file
from mockserver.media.renderer import MediumPath, Probe


class FilmRenderer:
    """Real films with FFmpeg's libraries, in process."""

    def probe(self, path: Path, kind: str) -> Probe:
        """What a stored medium is. Raises MediaError."""
        return probe_file(path, kind)

    def render(self, plan: FilmPlan, medium: MediumPath, target: Path) -> None:
        """Write the film of a plan to a file.

        Raises MediaError for a medium whose end cannot be decoded.
        """
        from mockserver.media.film_writer import write_film  # lazy for start-up time

        write_film(plan, medium, target)
