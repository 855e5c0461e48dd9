"""Things that appear in more than one scene: hills, clouds, trees, people."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from drawing.pen import (
    BLACK,
    CORAL,
    HAIR,
    INK,
    MOSS,
    NAVY,
    SKIN,
    TEAL,
    WHITE,
    WOOD,
    Pen,
    Point,
    mix,
    wave,
)


def hills(pen: Pen, base: float, height: float, length: float, shift: float, colour: str) -> None:
    w, h = pen.size
    ridge = [
        (x, base - height * (1 + math.sin((x + shift) / length)) / 2)
        for x in range(-10, w + 20, 10)
    ]
    pen.poly([*ridge, (w + 10, h), (-10, h)], colour)


def cloud(pen: Pen, x: float, y: float, size: float, colour: str) -> None:
    for dx, dy, r in (
        (-1.1, 0.15, 0.55),
        (-0.35, -0.2, 0.8),
        (0.5, -0.05, 0.65),
        (1.15, 0.2, 0.45),
    ):
        pen.oval(x + dx * size, y + dy * size, r * size, r * size * 0.8, colour)
    pen.box(x - 1.5 * size, y + 0.2 * size, 3 * size, 0.45 * size, colour, 0.22 * size)


def tree(pen: Pen, x: float, y: float, size: float, colour: str = MOSS) -> None:
    pen.box(x - size * 0.06, y - size * 0.5, size * 0.12, size * 0.5, WOOD)
    for dx, dy, r in ((-0.2, 0.55, 0.22), (0.2, 0.57, 0.21), (0, 0.78, 0.26)):
        pen.oval(x + dx * size, y - dy * size, r * size, r * size, colour)
    pen.oval(x - size * 0.06, y - size * 0.82, size * 0.13, size * 0.12, mix(colour, WHITE, 0.15))


def fir(pen: Pen, x: float, y: float, size: float, colour: str) -> None:
    pen.box(x - size * 0.04, y - size * 0.2, size * 0.08, size * 0.2, WOOD)
    for low, half in ((0.15, 0.26), (0.42, 0.2), (0.66, 0.14)):
        pen.poly(
            [
                (x - half * size, y - low * size),
                (x + half * size, y - low * size),
                (x, y - (low + 0.38) * size),
            ],
            colour,
        )


def steam(pen: Pen, x: float, y: float, t: float, colour: str) -> None:
    for k in (-1, 0, 1):
        points = [(x + 16 * k + 6 * wave(t, 1, i / 9 + k / 3), y - 6 * i) for i in range(15)]
        for i, (a, b) in enumerate(itertools.pairwise(points)):
            pen.line([a, b], 6 * math.sin(math.pi * (i + 1) / 16), colour)


def limb(
    pen: Pen, start: Point, angles: Sequence[float], length: float, width: float, colour: str
) -> Point:
    """Two bones hanging from `start`; angles in degrees from straight down, positive to
    the right.
    """
    points = [start]
    for angle in angles:
        x, y = points[-1]
        points.append(
            (x + length * math.sin(math.radians(angle)), y + length * math.cos(math.radians(angle)))
        )
    pen.line(points, width, colour)
    return points[-1]


def person(
    pen: Pen,
    x: float,
    y: float,
    size: float,
    arms: Sequence[float],
    legs: Sequence[float],
    **look: str,
) -> None:
    """A figure of `size` px whose feet stand near (x, y). arms and legs: four angles each, the far
    limb first.
    """
    shirt, trousers = look.get("shirt", CORAL), look.get("trousers", NAVY)
    skin, hair = look.get("skin", SKIN), look.get("hair", HAIR)
    u = size / 8
    hip, neck = (x, y - 3.7 * u), (x, y - 6.3 * u)
    far, near = mix(trousers, BLACK, 0.2), trousers
    for colour, angles in ((far, legs[:2]), (near, legs[2:])):
        fx, fy = limb(pen, hip, angles, 1.75 * u, 0.85 * u, colour)
        pen.box(fx - 0.45 * u, fy - 0.1 * u, 1.2 * u, 0.5 * u, INK, 0.25 * u)
    far_hand = limb(pen, neck, arms[:2], 1.3 * u, 0.6 * u, mix(shirt, BLACK, 0.2))
    pen.oval(*far_hand, 0.38 * u, 0.38 * u, skin)
    pen.line([neck, (x, y - 4.1 * u)], 1.7 * u, shirt)
    if "dress" in look:
        pen.poly(
            [
                (x - 0.8 * u, y - 4.6 * u),
                (x + 0.8 * u, y - 4.6 * u),
                (x + 1.7 * u, y - 2.4 * u),
                (x - 1.7 * u, y - 2.4 * u),
            ],
            shirt,
        )
    near_hand = limb(
        pen, (x, neck[1] + 0.1 * u), arms[2:], 1.3 * u, 0.6 * u, mix(shirt, WHITE, 0.12)
    )
    pen.oval(*near_hand, 0.38 * u, 0.38 * u, skin)
    pen.oval(x - 0.15 * u, y - 7.55 * u, 0.95 * u, 0.95 * u, hair)
    if "dress" in look:
        pen.box(x - 1.05 * u, y - 7.5 * u, 0.9 * u, 1.9 * u, hair, 0.4 * u)
    pen.oval(x + 0.1 * u, y - 7.35 * u, 0.8 * u, 0.82 * u, skin)
    pen.slice(x + 0.05 * u, y - 7.55 * u, 0.92 * u, 0.85 * u, 180, 350, hair)
    for eye in (0.2, 0.62):
        pen.oval(x + eye * u, y - 7.3 * u, 0.09 * u, 0.13 * u, INK)


def stride(t: float) -> tuple[list[float], list[float], float]:
    """Arms, legs and the height of the hip in the cycle of a walk."""
    arms, legs = [], []
    for half in (0.5, 0.0):
        swing = wave(t, 1, half)
        legs += [30 * swing, 30 * swing - 8 - 48 * max(0.0, math.cos(math.tau * (t + half)))]
        arms += [-32 * swing, -32 * swing + 28]
    return arms, legs, 5 * abs(wave(t, 1, 0.25))


def bust(
    pen: Pen, x: float, y: float, size: float, mouth: float = 0, shut: bool = False, **look: str
) -> None:
    """Head and shoulders around (x, y), the middle of the face; mouth 0 smiles, up to 1 is open."""
    s, skin, hair = size, look.get("skin", SKIN), look.get("hair", HAIR)
    if "long" in look:
        pen.box(x - 0.82 * s, y - 0.7 * s, 1.64 * s, 2.2 * s, hair, 0.6 * s)
    pen.box(x - 1.35 * s, y + 1.2 * s, 2.7 * s, 2 * s, look.get("shirt", TEAL), 0.7 * s)
    pen.box(x - 0.26 * s, y + 0.6 * s, 0.52 * s, 0.85 * s, mix(skin, WOOD, 0.25), 0.25 * s)
    pen.oval(x, y - 0.18 * s, 0.8 * s, 0.95 * s, hair)
    pen.oval(x, y, 0.68 * s, 0.86 * s, skin)
    pen.slice(x, y - 0.12 * s, 0.76 * s, 0.86 * s, 188, 352, hair)
    for side in (-1, 1):
        pen.oval(x + side * 0.42 * s, y + 0.28 * s, 0.13 * s, 0.08 * s, mix(skin, CORAL, 0.35))
        ex, ey = x + side * 0.28 * s, y + 0.04 * s
        if shut:
            pen.line([(ex - 0.1 * s, ey), (ex, ey + 0.04 * s), (ex + 0.1 * s, ey)], 0.05 * s, INK)
        else:
            pen.oval(ex, ey, 0.085 * s, 0.12 * s, INK)
            pen.oval(ex + 0.03 * s, ey - 0.04 * s, 0.03 * s, 0.035 * s, WHITE)
    if mouth > 0.08:
        pen.oval(x, y + 0.48 * s, 0.17 * s, 0.03 * s + 0.15 * s * mouth, "#9d3b3b")
    else:
        pen.slice(x, y + 0.4 * s, 0.2 * s, 0.16 * s, 10, 170, "#b5483f")
    if "moustache" in look:
        pen.line(
            [(x - 0.3 * s, y + 0.4 * s), (x, y + 0.3 * s), (x + 0.3 * s, y + 0.4 * s)],
            0.13 * s,
            hair,
        )
