"""Clips in the open. A scene is a function `scene(pen, t)` that draws one frame; t runs from 0 to 1
over the clip.
"""

from __future__ import annotations

import array
import math

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
    STEEL,
    TAN,
    TEAL,
    WHITE,
    WIDTH,
    Pen,
    mix,
    wave,
)
from drawing.things import bust, cloud, fir, hills, person, stride, tree

AUDIO_RATE_HZ = 24_000


def meadow(pen: Pen, t: float) -> None:
    pen.glow(520, 80, 110, "#fff3b0", 0.9)
    pen.oval(520, 80, 34, 34, "#ffe08a")
    cloud(pen, 150 + 14 * t, 80, 30, WHITE)
    cloud(pen, 360 + 8 * t, 50, 20, WHITE)
    hills(pen, 270, 70, 90, 0, "#a9d18e")
    hills(pen, 300, 40, 60, 120, LEAF)
    for x, size in ((60, 90), (120, 70), (585, 100)):
        tree(pen, x, 285, size)
    pen.box(0, 290, WIDTH, 80, MOSS)
    for x in range(20, WIDTH, 46):
        y = 304 + (x * 7) % 44
        pen.oval(x, y, 3.5, 3.5, (CREAM, CORAL, MUSTARD)[x % 3])


def bounce(t: float) -> float:
    """How high the ball is: 0 on the grass, 1 at the top. It starts in the air, where its mask is
    round.
    """
    k = (3 * t + 0.3) % 1
    return 4 * k * (1 - k)


def ball_shape(pen: Pen, t: float) -> None:
    up = bounce(t)
    squash = max(0.0, 1 - up * 7) * 0.28
    x, ry = 90 + 460 * t, 34 * (1 - squash)
    y, rx = 310 - 34 * (1 - squash) - 180 * up, 34 * (1 + squash * 0.8)
    pen.oval(x, y, rx, ry, CORAL)
    turn = 720 * t
    for spot in range(3):
        a = math.radians(turn + 120 * spot)
        pen.oval(
            x + rx * 0.55 * math.cos(a), y + ry * 0.55 * math.sin(a), rx * 0.22, ry * 0.22, CREAM
        )


def ball(pen: Pen, t: float) -> None:
    meadow(pen, t)
    wide = 1 - 0.55 * bounce(t)
    pen.oval(90 + 460 * t, 314, 38 * wide, 7 * wide, mix(MOSS, BLACK, 0.35))
    ball_shape(pen, t)


def walk(pen: Pen, t: float) -> None:
    for k, (x, y) in enumerate(((90, 60), (300, 40), (520, 76))):
        cloud(pen, x, y, 34 + 6 * (k % 2), "#dfe3e8")
    hills(pen, 250, 60, 110, 0, "#9fb3a5")
    for k in range(6):  # 4 and 6 px a frame: whole steps loop and stay small
        tree(pen, (k * 120 - 240 * t) % 720 - 80, 272, (130, 165)[k % 2], (MOSS, "#6b8f4e")[k % 2])
    pen.box(0, 268, WIDTH, 92, "#8aa66f")
    pen.box(0, 296, WIDTH, 42, "#d6c3a1")
    for k in range(8):
        pen.oval((k * 90 - 360 * t) % 720 - 40, 330 - 20 * (k % 2), 14, 3, "#c2ab85")
    pen.oval(300, 326, 46, 6, "#b59f7b")
    arms, legs, lift = stride(t * 2)
    person(pen, 300, 322 - lift, 190, arms, legs, shirt=MUSTARD, trousers=NAVY)


def car_shape(pen: Pen, t: float) -> None:
    x, y = -115 + 900 * t, 292 + 1.5 * wave(t, 9)
    pen.poly([(x - 52, y - 38), (x - 30, y - 72), (x + 28, y - 72), (x + 56, y - 38)], CORAL)
    pen.box(x - 92, y - 42, 184, 36, CORAL, 14)
    pen.poly([(x - 40, y - 40), (x - 24, y - 65), (x - 3, y - 65), (x - 3, y - 40)], "#cfeaf5")
    pen.poly([(x + 4, y - 40), (x + 4, y - 65), (x + 24, y - 65), (x + 42, y - 40)], "#cfeaf5")
    pen.box(x - 92, y - 20, 184, 5, CREAM)
    pen.oval(x + 86, y - 28, 6, 7, "#ffe9a8")
    for wheel in (-52, 52):
        pen.oval(x + wheel, y - 4, 21, 21, INK)
        pen.oval(x + wheel, y - 4, 11, 11, STEEL)
        for spoke in range(3):
            a = 900 * t / 21 + math.radians(60 * spoke)
            dx, dy = 10 * math.cos(a), 10 * math.sin(a)
            pen.line([(x + wheel - dx, y - 4 - dy), (x + wheel + dx, y - 4 + dy)], 2.5, INK)


def car(pen: Pen, t: float) -> None:
    pen.glow(150, 120, 130, "#fff0c9", 0.9)
    pen.oval(150, 120, 38, 38, "#ffd27a")
    hills(pen, 230, 90, 100, 30 * t, "#c78a8a")
    hills(pen, 262, 60, 70, 60 + 70 * t, "#9a6b7c")
    pen.box(0, 262, WIDTH, 98, "#6d6875")
    for k in range(9):
        pen.box(k * 90 - 40, 326, 46, 6, CREAM, 3)
    for k in range(5):
        pen.box(k * 160 + 20, 240, 6, 26, "#5a4a57")
    pen.box(0, 244, WIDTH, 5, "#5a4a57")
    pen.oval(-115 + 900 * t, 312, 96, 6, "#55505c")
    car_shape(pen, t)


def sea(pen: Pen, t: float, deep: str, light: str) -> None:
    pen.box(0, 226, WIDTH, 140, deep)
    for row in range(6):
        y = 240 + row * 21
        for k in range(-1, 6):
            x = k * 130 + 65 * (row % 2) + 14 * wave(t, 1, row / 6)
            pen.line([(x, y), (x + 18 + 5 * row, y)], 2 + row * 0.5, mix(deep, light, 0.45))


def lighthouse(pen: Pen, t: float, night: float = 0.6) -> None:
    sun_y = 150 + 90 * night
    pen.glow(170, sun_y, 170, "#ffd6a5", 1 - 0.7 * night)
    pen.oval(170, sun_y, 30, 30, mix("#fff3b0", "#ff9f6b", night))
    for k in range(12):
        if night > 0.8:
            pen.oval((k * 97) % 620 + 10, (k * 53) % 150 + 12, 1.6, 1.6, CREAM)
    sea(pen, t, mix("#3d8fb0", "#16324f", night), mix(WHITE, "#f4a259", night))
    turn = wave(t, 1, 0.1)
    if night > 0.3:
        reach = math.copysign(700, turn)
        pen.veil([(470, 92), (470 + reach, 32), (470 + reach, 152)], "#fff3c4", 0.45 * abs(turn))
    pen.poly(
        [(350, 300), (392, 248), (450, 232), (520, 240), (575, 275), (610, 312)],
        mix("#6b705c", INK, night * 0.6),
    )
    for k in range(5):
        low, half, colour = 240 - 26 * k, 34 - 3.2 * k, (CORAL, CREAM)[k % 2]
        band = [
            (470 - half, low),
            (470 + half, low),
            (467 + half, low - 26),
            (473 - half, low - 26),
        ]
        pen.poly(band, mix(colour, NAVY, night * 0.35))
    pen.box(446, 104, 48, 7, INK)
    pen.box(456, 80, 28, 24, mix("#cfeaf5", "#fff3c4", night))
    pen.slice(470, 80, 19, 18, 180, 360, CORAL)
    if night > 0.3:
        pen.glow(470, 92, 40, "#fff6d8", 0.9)


def train_shape(pen: Pen, t: float) -> None:
    x0 = 1050 * t - 60
    for wagon, colour in ((1, CORAL), (2, MUSTARD), (3, CORAL)):
        x = x0 - 132 * wagon + 20
        pen.line([(x + 116, 200), (x + 140, 200)], 4, INK)
        pen.box(x, 148, 118, 54, colour, 8)
        pen.box(x - 3, 144, 124, 9, INK, 4)
        for k in range(4):
            pen.box(x + 11 + 26 * k, 160, 18, 18, CREAM, 3)
        for wheel in (22, 96):
            pen.oval(x + wheel, 206, 11, 11, INK)
    pen.box(x0 - 90, 138, 44, 62, NAVY, 6)
    pen.box(x0 - 82, 148, 26, 22, CREAM, 3)
    pen.box(x0 - 60, 162, 92, 38, NAVY, 16)
    pen.box(x0, 134, 16, 32, NAVY, 3)
    pen.box(x0 - 4, 130, 24, 8, CORAL, 3)
    for wheel in (-72, -36, -4, 24):
        pen.oval(x0 + wheel, 204, 13, 13, INK)
        pen.oval(x0 + wheel, 204, 5, 5, STEEL)


def train(pen: Pen, t: float) -> None:
    cloud(pen, 120, 60, 26, WHITE)
    cloud(pen, 470, 86, 32, WHITE)
    hills(pen, 270, 110, 120, 80, "#b8cfae")
    x0 = 1050 * t - 60
    for k in range(6):
        grow = 8 + 7 * k
        pen.oval(
            x0 + 8 - 34 * k,
            118 - 9 * k + 2 * wave(t, 4, k / 6),
            grow,
            grow * 0.8,
            mix(WHITE, "#dcefe9", k / 8),
        )
    train_shape(pen, t)
    pen.box(0, 214, WIDTH, 22, EARTH)
    pen.box(0, 214, WIDTH, 5, mix(EARTH, WHITE, 0.3))
    for k in range(6):
        x = k * 128 - 40
        pen.box(x, 230, 32, 130, EARTH)
        pen.poly([(x + 32, 236), (x + 128, 236), (x + 128, 270), (x + 32, 270)], EARTH)
        pen.oval(x + 80, 290, 48, 50, "#a9c79b")
        pen.box(x + 32, 288, 96, 80, "#a9c79b")
    hills(pen, 346, 26, 50, 0, LEAF)


def river(pen: Pen, t: float) -> None:
    pen.oval(470, 70, 28, 28, "#fff0b8")
    pen.poly([(-20, 210), (110, 70), (210, 160), (300, 90), (420, 200)], "#8fb4c7")
    pen.poly([(280, 210), (450, 100), (560, 170), (660, 110), (680, 210)], "#a4c3d2")
    pen.poly([(110, 70), (84, 98), (112, 106), (138, 96)], WHITE)
    pen.poly([(300, 90), (277, 109), (302, 114), (324, 107)], WHITE)
    pen.box(0, 196, WIDTH, 170, LEAF)
    left = [(120, 362), (220, 300), (250, 262), (310, 232), (300, 196)]
    right = [(345, 196), (372, 232), (340, 262), (410, 300), (560, 362)]
    pen.poly(left + right, "#4ea5c9")
    for k in range(14):
        z = (k / 14 + t) % 1
        y, half = 200 + 156 * z * z, 4 + 34 * z * z
        x = 330 + 18 * math.sin(9 * z) - 10 * z + 60 * z * z * math.sin(k * 2.4)
        pen.line([(x - half, y), (x + half, y)], 1 + 3 * z, "#b9e2ef")
    for k, x in enumerate((40, 110, 165, 225, 420, 480, 560, 615)):
        size = (90, 68, 82, 56, 60, 86, 100, 78)[k]
        fir(pen, x, 194 + size * 0.34, size, (MOSS, "#3c6e47")[k % 2])
    for x, y, size in ((70, 320, 150), (590, 330, 160)):
        fir(pen, x + 2 * wave(t, 1, x / 600), y, size, "#2f5d3a")


def dash(pen: Pen, t: float) -> None:
    """A camera that races along a street and a red carpet; 16 and 24 px a frame."""
    pen.glow(320, 190, 260, "#ffe5b4", 0.6)
    for k in range(-1, 6):
        place = k + 6 * t
        x, kind = 160 * (k - (6 * t) % 1), math.floor(place) % 3
        high, colour = (210, 250, 180)[kind], (NAVY, "#6a4c93", "#457b9d")[kind]
        pen.box(x + 6, 268 - high, 148, high, colour, 3)
        for row in range(high // 50):
            for column in range(3):
                pen.box(x + 26 + 40 * column, 284 - high + 50 * row, 26, 28, "#ffe9a8", 2)
    pen.box(0, 264, WIDTH, 100, "#5c5470")
    pen.box(0, 264, WIDTH, 5, "#8d85a3")
    pen.box(0, 292, WIDTH, 44, CORAL)
    pen.box(0, 292, WIDTH, 5, MUSTARD)
    pen.box(0, 331, WIDTH, 5, MUSTARD)
    for k in range(-1, 4):
        x = 240 * (k - (6 * t) % 1) + 120
        pen.box(x - 4, 110, 8, 190, INK, 4)
        pen.oval(x, 104, 17, 17, "#fff3c4")


def loudness(t: float, voice: int) -> float:
    """How loud one of the two voices is at t: 0 to 1. The mouths and the sound of `talk` both
    follow it.
    """
    first, last = ((0.04, 0.46), (0.54, 0.96))[voice]
    if not first < t < last:
        return 0.0
    return abs(math.sin(math.pi * 6 * (t - first) / (last - first))) ** 0.7


def talk(pen: Pen, t: float) -> None:
    pen.box(0, 300, WIDTH, 60, "#cdb4db")
    hills(pen, 310, 30, 40, 0, "#b8d8ba")
    for x in (40, 320, 600):
        tree(pen, x, 306, 150, "#8cb369")
    left = {"long": "yes", "shirt": MUSTARD, "hair": "#7f4f24"}
    right = {"long": "yes", "shirt": TEAL, "hair": INK, "skin": TAN}
    bust(pen, 190, 170 + 2 * wave(t, 2), 72, loudness(t, 0), 0.7 < t < 0.75, **left)
    bust(pen, 450, 176 + 2 * wave(t, 2, 0.5), 68, loudness(t, 1), 0.2 < t < 0.25, **right)


def babble() -> array.array[int]:
    """The sound of `talk`: two voices that hum in turn."""
    total = 3 * AUDIO_RATE_HZ
    samples, phase = array.array("h", bytes(2 * total)), 0.0
    for i in range(total):
        t = i / total
        voice = 0 if t < 0.5 else 1
        pitch_hz = (330, 262)[voice] * (1 + 0.12 * wave(t, 5) + 0.05 * wave(t, 17))
        phase += math.tau * pitch_hz / AUDIO_RATE_HZ
        tone = math.sin(phase) + 0.45 * math.sin(2 * phase) + 0.2 * math.sin(3 * phase)
        samples[i] = round(7000 * loudness(t, voice) * tone)
    return samples
