"""Clips under a roof, on a stage, or in the dark."""

from __future__ import annotations

import math
import random

from drawing.pen import (
    BLACK,
    CORAL,
    CREAM,
    EARTH,
    INK,
    LEAF,
    MOSS,
    MUSTARD,
    NAVY,
    SKIN,
    STEEL,
    TAN,
    TEAL,
    WHITE,
    WIDTH,
    WOOD,
    Pen,
    mix,
    wave,
)
from drawing.things import bust, cloud, person, steam


def candle(pen: Pen, t: float) -> None:
    pen.box(60, 50, 170, 160, WOOD, 4)
    pen.box(70, 60, 150, 140, "#274690")
    pen.oval(180, 95, 20, 20, "#fdf3c8")
    pen.oval(171, 90, 18, 18, "#274690")
    for x, y in ((95, 85), (120, 140), (200, 160), (135, 75), (88, 175)):
        pen.oval(x, y, 1.8, 1.8, CREAM)
    pen.box(142, 60, 6, 140, WOOD)
    pen.box(70, 127, 150, 6, WOOD)
    flicker = 0.5 * wave(t, 3) + 0.3 * wave(t, 7, 0.2) + 0.2 * wave(t, 11, 0.6)
    pen.glow(420, 150, 230 + 8 * flicker, "#f4a259", 0.62)
    pen.box(0, 290, WIDTH, 70, "#6b3e2e")
    pen.box(0, 290, WIDTH, 6, "#8a543d")
    pen.oval(420, 296, 74, 12, STEEL)
    pen.box(392, 190, 56, 104, CREAM, 10)
    pen.box(398, 190, 12, 50, "#ffe2b0", 6)
    pen.line([(420, 192), (420, 180)], 3, INK)
    lean, tall = 5 * flicker, 58 + 7 * flicker
    for size, colour in ((1.0, "#f58f29"), (0.68, "#ffc857"), (0.38, "#fff6d8")):
        w, h = 15 * size, tall * size
        pen.oval(420, 176, w, 15 * size + 2, colour)
        pen.poly([(420 - w, 174), (420 + lean * size, 186 - h - 4), (420 + w, 174)], colour)


def pane_shape(pen: Pen, _: float) -> None:
    pen.box(70, 50, 180, 130, "#bfe3ea")


def cup(pen: Pen, t: float) -> None:
    pen.box(60, 40, 200, 150, "#f7e3c0", 6)
    pane_shape(pen, t)
    pen.box(0, 250, WIDTH, 110, WOOD)
    pen.box(0, 250, WIDTH, 8, EARTH)
    pen.oval(360, 308, 130, 20, mix(WOOD, BLACK, 0.25))
    pen.oval(360, 300, 120, 20, CREAM)
    pen.oval(360, 296, 84, 12, "#e6d3b0")
    pen.oval(462, 232, 36, 36, TEAL)
    pen.oval(462, 232, 20, 22, WOOD)
    pen.box(270, 190, 180, 60, TEAL, 6)
    pen.slice(360, 228, 90, 72, 0, 180, TEAL)
    pen.box(270, 200, 180, 30, TEAL)
    pen.oval(360, 190, 90, 18, mix(TEAL, WHITE, 0.25))
    pen.oval(360, 192, 80, 14, "#5b3a29")
    steam(pen, 360, 178, t, "#f6ead5")


def reel(pen: Pen, t: float) -> None:
    pen.box(0, 270, WIDTH, 90, WOOD)
    pen.box(0, 270, WIDTH, 8, EARTH)
    pen.oval(320, 300, 130, 14, mix(WOOD, BLACK, 0.3))
    strip = [(440 + 9 * i, 300 - 8 * math.sin(i / 3 + math.tau * t)) for i in range(24)]
    pen.line([(320, 296), *strip], 20, INK)
    for x, y in strip[::2]:
        pen.box(x - 4, y - 4, 8, 8, CREAM, 2)
    pen.oval(320, 180, 122, 122, INK)
    pen.oval(320, 180, 112, 112, STEEL)
    for k in range(5):
        a = math.radians(72 * k + 72 * t)
        pen.oval(320 + 66 * math.cos(a), 180 + 66 * math.sin(a), 30, 30, INK)
        pen.oval(320 + 66 * math.cos(a), 180 + 66 * math.sin(a), 26, 26, "#d9b48f")
    pen.oval(320, 180, 18, 18, INK)
    pen.oval(320, 180, 7, 7, STEEL)


def cat(pen: Pen, t: float) -> None:
    pen.box(120, 30, 400, 250, CREAM, 6)
    pen.box(134, 44, 372, 226, "#a8d8ea")
    cloud(pen, 220 + 20 * t, 100, 26, WHITE)
    cloud(pen, 440 + 12 * t, 150, 20, WHITE)
    pen.box(316, 44, 8, 226, CREAM)
    pen.box(90, 276, 460, 22, CREAM, 6)
    fur, dark = "#f2a65a", "#c8742f"
    tail = [(388 + 5 * i, 268 - 6.5 * i + (2.2 * i) * wave(t, 1, i / 26)) for i in range(13)]
    pen.line([(360, 266), *tail], 17, fur)
    pen.line(tail[-3:], 17, dark)
    pen.oval(325, 226, 60, 56, fur)
    for k in range(3):
        pen.line([(372 - 4 * k, 196 + 22 * k), (352 - 4 * k, 200 + 22 * k)], 7, dark)
    pen.oval(325, 240, 34, 38, CREAM)
    for paw in (-24, 24):
        pen.oval(325 + paw, 276, 20, 10, fur)
    y = 138 + 2.5 * wave(t)
    for side in (-1, 1):
        tip = 6 * max(0.0, wave(t, 2, 0.3)) if side > 0 else 0
        pen.poly(
            [
                (325 + side * 50, y - 10),
                (325 + side * (46 + tip), y - 62),
                (325 + side * 12, y - 38),
            ],
            fur,
        )
        pen.poly(
            [
                (325 + side * 43, y - 20),
                (325 + side * (41 + tip), y - 48),
                (325 + side * 22, y - 36),
            ],
            "#f7c9b6",
        )
    pen.oval(325, y, 56, 46, fur)
    for k in (-1, 0, 1):
        pen.line([(325 + 12 * k, y - 42), (325 + 10 * k, y - 28)], 6, dark)
    pen.oval(325, y + 18, 28, 19, CREAM)
    for side in (-1, 1):
        if 0.45 < t < 0.55:
            pen.line([(325 + side * 24 - 9, y - 4), (325 + side * 24 + 9, y - 4)], 3, INK)
        else:
            pen.oval(325 + side * 24, y - 4, 9, 11, "#cbe86b")
            pen.oval(325 + side * 24, y - 4, 4, 10, INK)
        for k in (-1, 0, 1):
            pen.line(
                [(325 + side * 22, y + 16 + 4 * k), (325 + side * 66, y + 12 + 10 * k)], 1.3, WHITE
            )
    pen.poly([(318, y + 9), (332, y + 9), (325, y + 17)], CORAL)


def portrait(pen: Pen, t: float) -> None:
    pen.glow(320, 170, 260, WHITE, 0.55)
    for x, y, r in ((80, 90, 46), (560, 120, 60), (120, 270, 34), (520, 290, 40)):
        pen.oval(x, y + 5 * wave(t, 1, x / 640), r, r, "#b7c9d6")
    bust(
        pen,
        320 + 5 * wave(t),
        165 + 2 * wave(t, 2),
        92,
        shut=0.42 < t < 0.5,
        long="yes",
        shirt=CORAL,
    )


def soup(pen: Pen, t: float) -> None:
    pen.box(70, 40, 110, 130, "#c9ada7", 4)
    pen.box(80, 50, 90, 110, "#f2e9e4")
    pen.oval(125, 105, 26, 26, MUSTARD)
    bust(
        pen,
        340,
        120 + 2 * wave(t),
        70,
        shut=0.6 < t < 0.68,
        skin=TAN,
        hair=INK,
        moustache="yes",
        shirt=MOSS,
    )
    pen.box(0, 280, WIDTH, 80, "#7f5539")
    pen.box(0, 280, WIDTH, 7, EARTH)
    spoon = 4 * wave(t, 1, 0.25)
    pen.line([(490, 262 + spoon), (424, 210 + spoon)], 7, STEEL)
    pen.oval(502, 268 + spoon, 20, 17, TAN)
    pen.line([(520, 280), (560, 330)], 34, MOSS)
    pen.slice(330, 262, 96, 66, 0, 180, CREAM)
    pen.oval(330, 262, 96, 17, "#fffaf0")
    pen.oval(330, 263, 84, 13, "#e07a3f")
    for x, y in ((300, 262), (345, 266), (372, 260)):
        pen.oval(x, y, 6, 3, LEAF)
    steam(pen, 330, 250, t, "#efdcc9")


def jumping_jack(t: float) -> tuple[list[float], list[float], float]:
    open_by = (1 - math.cos(math.tau * t)) / 2
    arm, leg = 14 + 136 * open_by, 4 + 24 * open_by
    return (
        [-arm, -arm - 14, arm, arm + 14],
        [-leg, -leg, leg, leg],
        16 * abs(wave(t, 1)) + 6 * open_by,
    )


def dance(pen: Pen, t: float) -> None:
    pen.box(80, 50, 130, 120, CREAM, 4)
    pen.box(90, 60, 110, 100, "#a8d8ea")
    pen.box(142, 60, 6, 100, CREAM)
    pen.box(0, 276, WIDTH, 84, "#d8b48a")
    pen.box(0, 270, WIDTH, 7, CREAM)
    pen.oval(320, 322, 170, 24, TEAL)
    pen.oval(320, 322, 140, 18, mix(TEAL, WHITE, 0.2))
    pen.box(520, 220, 50, 60, CORAL, 6)
    for k in range(5):
        a = math.radians(-150 + 30 * k)
        pen.line([(545, 222), (545 + 62 * math.cos(a), 222 + 84 * math.sin(a))], 13, MOSS)
    arms, legs, lift = jumping_jack(t * 2)
    pen.oval(320, 324, 46 - lift, 6, mix(TEAL, BLACK, 0.2))
    person(pen, 320, 318 - lift, 220, arms, legs, shirt=CORAL, trousers=INK, dress="yes")


def band(pen: Pen, t: float) -> None:
    for k, colour in enumerate((CORAL, MUSTARD, TEAL, MUSTARD, CORAL)):
        x = 80 + 120 * k
        pen.veil([(x, 0), (x - 56, 320), (x + 56, 320)], colour, 0.28)
    pen.box(0, 286, WIDTH, 74, "#3d2c5a")
    pen.box(0, 286, WIDTH, 6, "#6a4c93")
    shirts = (MUSTARD, CREAM, CORAL, CREAM, MUSTARD)
    for k in (0, 4, 1, 3, 2):
        lead = 22 if k == 2 else 0
        sway = wave(t, 2, 0.03 * abs(k - 2))
        arms = [-60 - 70 * sway, -100 - 70 * sway, 60 - 70 * sway, 100 - 70 * sway]
        legs = [-14 - 6 * sway, -14, 14 - 6 * sway, 14]
        y = 316 + lead * 0.8 - 6 * abs(sway)
        pen.oval(80 + 120 * k, 320 + lead * 0.8, 34, 5, "#2a1d42")
        look = {"shirt": shirts[k], "trousers": STEEL, "skin": (SKIN, TAN)[k % 2], "hair": INK}
        person(pen, 80 + 120 * k + 8 * sway, y, 150 + lead, arms, legs, **look)


def sparks(pen: Pen, t: float) -> None:
    pen.glow(320, 190, 210, "#7b2cbf", 0.85)
    pen.glow(320, 190, 126, "#ff9e6d", 0.6)
    pen.box(0, 312, WIDTH, 48, "#140f2d")
    dice = random.Random(7)
    for _ in range(26):
        x, speed, start, size = (
            dice.uniform(30, 610),
            dice.choice((1, 2)),
            dice.random(),
            dice.uniform(1.5, 3.5),
        )
        rise = (start + speed * t) % 1
        size *= 1 - rise * 0.6
        pen.oval(x + 12 * wave(rise), 330 - 330 * rise, size, size, mix(MUSTARD, WHITE, start))
    turn = [(k / 20 + t) % 1 for k in range(20)]
    for behind in (True, False):
        for k in turn:
            x, y = 320 + 130 * math.cos(math.tau * k), 210 + 38 * math.sin(math.tau * k)
            if (math.sin(math.tau * k) < 0) == behind:
                size = 6 + 3 * math.sin(math.tau * k)
                pen.poly(
                    [
                        (x, y - 2 * size),
                        (x + size * 0.5, y),
                        (x, y + 2 * size),
                        (x - size * 0.5, y),
                    ],
                    "#ffe9a8",
                )
                pen.poly(
                    [
                        (x - 2 * size, y),
                        (x, y - size * 0.5),
                        (x + 2 * size, y),
                        (x, y + size * 0.5),
                    ],
                    "#ffe9a8",
                )
        if behind:
            a = 100 + 14 * wave(t)
            person(
                pen,
                320,
                322,
                200,
                [-a, -a - 20, a, a + 20],
                [-8, -8, 8, 8],
                shirt=NAVY,
                trousers=INK,
                dress="yes",
            )
