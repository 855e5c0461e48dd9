"""A pen on a frame: boxes, ovals, lines, glows.

Coordinates are pixels of a frame of 640 × 360; everything is drawn SHARP times as large and then
reduced, which is what smooths the edges.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageOps

WIDTH, HEIGHT, SHARP = 640, 360, 3

INK, CREAM, WHITE, BLACK = "#2b2d42", "#fff1d6", "#ffffff", "#000000"
CORAL, MUSTARD, TEAL, NAVY = "#e8604c", "#f2b544", "#2a9d8f", "#1d3557"
LEAF, MOSS, EARTH, WOOD = "#7fb069", "#4c8046", "#b08968", "#9c6644"
SKIN, TAN, HAIR, STEEL = "#f4c7a1", "#c98f66", "#4a2c2a", "#8d99ae"

Point = tuple[float, float]


@functools.cache
def gradient(top: str, bottom: str, size: tuple[int, int]) -> Image.Image:
    return ImageOps.colorize(Image.linear_gradient("L").resize(size), top, bottom)


@functools.cache
def halo(radius: int) -> Image.Image:
    """A soft round spot: white in the middle, black at the rim."""
    return (
        ImageChops.invert(Image.radial_gradient("L"))
        .point(lambda v: max(0, v - 75))
        .resize((radius * 2, radius * 2))
    )


def mix(a: str, b: str, share: float) -> str:
    """The colour on the way from a to b."""
    pairs = zip(ImageColor.getrgb(a), ImageColor.getrgb(b), strict=True)
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in pairs)


def wave(t: float, times: float = 1, shift: float = 0) -> float:
    """A sine that closes after t = 1, so that clips loop."""
    return math.sin(math.tau * (times * t + shift))


class Pen:
    """Draws on one frame. With `tint` every colour becomes that one: this is how a shape turns into
    its own mask.
    """

    def __init__(
        self,
        top: str,
        bottom: str,
        size: tuple[int, int] = (WIDTH, HEIGHT),
        tint: str | None = None,
    ) -> None:
        self.size, self.tint = size, tint
        self.canvas = gradient(top, bottom, (size[0] * SHARP, size[1] * SHARP)).copy()
        self.draw = ImageDraw.Draw(self.canvas)

    def picture(self) -> Image.Image:
        return self.canvas.reduce(SHARP)

    def box(self, x: float, y: float, w: float, h: float, colour: str, round_by: float = 0) -> None:
        corners = [x * SHARP, y * SHARP, (x + w) * SHARP, (y + h) * SHARP]
        self.draw.rounded_rectangle(corners, round_by * SHARP, self.tint or colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: str) -> None:
        corners = [(x - rx) * SHARP, (y - ry) * SHARP, (x + rx) * SHARP, (y + ry) * SHARP]
        self.draw.ellipse(corners, self.tint or colour)

    def slice(
        self, x: float, y: float, rx: float, ry: float, start: float, end: float, colour: str
    ) -> None:
        corners = [(x - rx) * SHARP, (y - ry) * SHARP, (x + rx) * SHARP, (y + ry) * SHARP]
        self.draw.chord(corners, start, end, self.tint or colour)

    def poly(self, points: Sequence[Point], colour: str) -> None:
        self.draw.polygon([(x * SHARP, y * SHARP) for x, y in points], self.tint or colour)

    def line(self, points: Sequence[Point], width: float, colour: str) -> None:
        """A line with round ends and joints."""
        scaled = [(x * SHARP, y * SHARP) for x, y in points]
        self.draw.line(scaled, self.tint or colour, round(width * SHARP))
        for x, y in points:
            self.oval(x, y, width / 2, width / 2, colour)

    def glow(self, x: float, y: float, radius: float, colour: str, strength: float = 1.0) -> None:
        r = round(radius * SHARP)
        spot = halo(r).point(lambda v: round(v * strength))
        self.canvas.paste(self.tint or colour, (round(x * SHARP) - r, round(y * SHARP) - r), spot)

    def veil(self, points: Sequence[Point], colour: str, strength: float) -> None:
        """A polygon one can see through."""
        mask = Image.new("L", self.canvas.size)
        ImageDraw.Draw(mask).polygon(
            [(x * SHARP, y * SHARP) for x, y in points], round(255 * strength)
        )
        self.canvas.paste(self.tint or colour, (0, 0), mask)
