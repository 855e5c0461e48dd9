"""Films with a third of their frames, of their full size and length: what a bundled server renders
in tests that are not about its films.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mockserver.media.film_renderer import FilmRenderer
from mockserver.media.plan import FilmPlan
from mockserver.media.renderer import MediumPath

FPS = 10
render_fine = FilmRenderer.render


def render_coarse(renderer: FilmRenderer, plan: FilmPlan, medium: MediumPath, target: Path) -> None:
    """Write the film of a plan, with fewer frames."""
    frames = max(1, round(plan.frames / plan.fps * FPS))
    render_fine(renderer, replace(plan, fps=FPS, frames=frames), medium, target)


def make_films_coarse() -> None:
    """From here on the servers of this process render so."""
    FilmRenderer.render = render_coarse  # type: ignore[method-assign]
