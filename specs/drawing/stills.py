"""The reference images, most on a plain ground, as the guide of VACE advises for subjects."""

from __future__ import annotations

import math

from drawing.outdoors import lighthouse
from drawing.pen import BLACK, CORAL, CREAM, INK, MUSTARD, NAVY, STEEL, TEAL, WHITE, WOOD, Pen, mix
from drawing.things import person


def hat(pen: Pen, _: float) -> None:
    pen.oval(160, 232, 128, 24, "#d9c8a5")
    pen.oval(160, 212, 130, 34, "#e9c46a")
    pen.oval(160, 206, 122, 28, "#f4d58d")
    pen.box(92, 120, 136, 92, "#e9c46a", 40)
    pen.oval(160, 208, 69, 16, CORAL)
    pen.box(91, 178, 138, 30, CORAL)
    for k in range(5):
        pen.line([(104 + 28 * k, 134 + 8 * abs(k - 2)), (104 + 28 * k, 172)], 2, "#d4a94e")


def scarf(pen: Pen, _: float) -> None:
    pen.box(66, 74, 188, 78, TEAL, 34)
    pen.poly([(150, 130), (222, 130), (240, 280), (172, 280)], TEAL)
    for k in range(4):
        x, y = 154 + 5 * k, 166 + 28 * k
        pen.poly([(x, y), (x + 73, y), (x + 75, y + 12), (x + 2, y + 12)], MUSTARD)
    for k in range(3):
        pen.poly(
            [(84 + 26 * k, 74), (96 + 26 * k, 74), (100 + 24 * k, 152), (90 + 24 * k, 152)], MUSTARD
        )
    for k in range(5):
        pen.line([(180 + 13 * k, 280), (181 + 13 * k, 296)], 5, TEAL)
    pen.box(148, 70, 80, 88, mix(TEAL, BLACK, 0.18), 26)


def glasses(pen: Pen, _: float) -> None:
    pen.line([(60, 130), (110, 150)], 9, INK)
    pen.line([(260, 130), (210, 150)], 9, INK)
    for x in (106, 214):
        pen.oval(x, 176, 52, 44, INK)
        pen.oval(x, 176, 43, 35, "#3d405b")
        pen.veil([(x - 30, 186), (x - 4, 146), (x + 8, 146), (x - 18, 196)], WHITE, 0.35)
    pen.line([(150, 168), (160, 162), (170, 168)], 9, INK)


def bag(pen: Pen, _: float) -> None:
    pen.line([(112, 150), (116, 92), (160, 66), (204, 92), (208, 150)], 10, WOOD)
    pen.box(70, 136, 180, 140, CORAL, 18)
    pen.box(70, 136, 180, 66, mix(CORAL, BLACK, 0.15), 18)
    pen.box(146, 186, 28, 34, MUSTARD, 6)


def plate(pen: Pen, _: float) -> None:
    pen.oval(164, 172, 124, 122, "#cdb892")
    pen.oval(160, 164, 124, 122, WHITE)
    pen.oval(160, 164, 112, 110, "#457b9d")
    pen.oval(160, 164, 104, 102, WHITE)
    pen.oval(160, 164, 76, 74, "#eef3f7")
    for k in range(12):
        a = math.tau * k / 12
        pen.oval(160 + 90 * math.cos(a), 164 + 88 * math.sin(a), 6, 6, CORAL)


def robot(pen: Pen, _: float) -> None:
    pen.line([(160, 40), (160, 70)], 5, INK)
    pen.oval(160, 36, 9, 9, CORAL)
    for side in (-1, 1):
        pen.line(
            [(160 + side * 58, 160), (160 + side * 92, 196), (160 + side * 84, 240)], 20, STEEL
        )
        pen.oval(160 + side * 84, 248, 15, 15, INK)
        pen.line([(160 + side * 28, 250), (160 + side * 30, 318)], 24, STEEL)
        pen.box(160 + side * 34 - 27, 312, 54, 24, INK, 10)
    pen.box(100, 142, 120, 118, "#7fb7be", 18)
    pen.box(124, 172, 72, 44, CREAM, 8)
    for k, colour in enumerate((CORAL, MUSTARD, TEAL)):
        pen.oval(140 + 20 * k, 194, 7, 7, colour)
    pen.box(104, 64, 112, 80, "#a5ced3", 22)
    for x in (136, 184):
        pen.oval(x, 100, 14, 14, WHITE)
        pen.oval(x + 2, 101, 7, 7, INK)
    pen.line([(140, 126), (160, 131), (180, 126)], 5, INK)


def woman(pen: Pen, _: float) -> None:
    pen.oval(160, 366, 66, 9, "#d9d2c4")
    person(
        pen,
        152,
        362,
        315,
        [-16, -6, 120, 158],
        [-6, -4, 6, 4],
        shirt="#b5179e",
        trousers=INK,
        dress="yes",
    )


def beach_ball(pen: Pen, _: float) -> None:
    pen.oval(160, 286, 86, 12, "#d9d2c4")
    pen.oval(160, 176, 110, 110, CREAM)
    for start, colour in (
        (200, TEAL),
        (260, MUSTARD),
        (320, NAVY),
        (20, TEAL),
        (80, MUSTARD),
        (140, NAVY),
    ):
        a, b = math.radians(start), math.radians(start + 30)
        rim = [
            (160 + 110 * math.cos(a + (b - a) * i / 8), 176 + 110 * math.sin(a + (b - a) * i / 8))
            for i in range(9)
        ]
        pen.poly([(160, 150), *rim], colour)
    pen.oval(160, 150, 16, 14, CREAM)


def bay_day(pen: Pen, _: float) -> None:
    lighthouse(pen, 0, night=0)


def bay_night(pen: Pen, _: float) -> None:
    lighthouse(pen, 0.25, night=1)
