"""Draws a contact sheet: for each panel strips of frames above each other, and words below them.

Pillow draws here and decodes nothing: frames come as pixels from the process in which media of
strangers are opened.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.system.probe.client import SmallFrame

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

TILE = (320, 180)  # pixels that a frame may take
TILES = 4  # frames in a strip
_MARGIN, _GAP = 24, 6
_NAME_PX, _TEXT_PX, _LINE_PX = 20, 15, 21
_MOST_LINES = 3  # of the words below a panel
_GROUND, _EMPTY = (18, 18, 20), (34, 34, 38)
_INK, _FAINT = (236, 236, 238), (160, 160, 168)
# the first that the system has is taken, with Chinese, Japanese and Korean if any has
_FONTS = (
    "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf", "SourceHanSans.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "STHeiti Light.ttc",
    "DejaVuSans.ttf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SheetStrip:
    """Frames side by side, or, where there are none, words in their place."""

    label: str
    frames: Sequence[SmallFrame] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class SheetPanel:
    """One edit of a sheet."""

    name: str
    strips: Sequence[SheetStrip]
    text: str


def draw_sheet(panels: Sequence[SheetPanel]) -> bytes:
    """The sheet as PNG: panels below each other."""
    from PIL import Image, ImageDraw  # lazy: start-up time

    name_font, text_font = (_find_font(size) for size in (_NAME_PX, _TEXT_PX))
    inner = TILES * TILE[0] + (TILES - 1) * _GAP
    texts = [_wrap(panel.text, text_font, inner) for panel in panels]
    heights = [
        len(panel.strips) * (TILE[1] + _GAP) + _NAME_PX + 2 * _GAP + len(lines) * _LINE_PX
        for panel, lines in zip(panels, texts, strict=True)
    ]
    size = (inner + 2 * _MARGIN, sum(heights) + (len(panels) + 1) * _MARGIN)
    image = Image.new("RGB", size, _GROUND)
    draw = ImageDraw.Draw(image)
    top = _MARGIN
    for panel, lines, height in zip(panels, texts, heights, strict=True):
        y = top
        for strip in panel.strips:
            for x, frame in _place(strip.frames, y):
                picture = Image.frombytes("RGB", (frame.width, frame.height), frame.rgb)
                image.paste(picture, x)
            if not strip.frames:
                draw.rectangle((_MARGIN, y, _MARGIN + inner - 1, y + TILE[1] - 1), _EMPTY)
                middle = (_MARGIN + inner / 2, y + TILE[1] / 2)
                (words,) = _wrap(strip.words, text_font, inner - 2 * _GAP, most=1) or [""]
                draw.text(middle, words, _FAINT, text_font, anchor="mm")
            _draw_label(draw, strip.label, y, text_font)
            y += TILE[1] + _GAP
        (name,) = _wrap(panel.name, name_font, inner, most=1) or [""]
        draw.text((_MARGIN, y), name, _INK, name_font)
        y += _NAME_PX + 2 * _GAP
        for line in lines:
            draw.text((_MARGIN, y), line, _FAINT, text_font)
            y += _LINE_PX
        top += height + _MARGIN
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _place(frames: Sequence[SmallFrame], top: int) -> Iterator[tuple[tuple[int, int], SmallFrame]]:
    """Where each frame of a strip goes: in the middle of its tile."""
    for number, frame in enumerate(frames[:TILES]):
        left = _MARGIN + number * (TILE[0] + _GAP)
        yield (left + (TILE[0] - frame.width) // 2, top + (TILE[1] - frame.height) // 2), frame


def _draw_label(draw: ImageDraw, label: str, top: int, font: Font) -> None:
    place = (_MARGIN + _GAP, top + _GAP)
    box = draw.textbbox(place, label, font)
    draw.rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), _GROUND)
    draw.text(place, label, _INK, font)


def _find_font(size_px: int) -> Font:
    from PIL import ImageFont

    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size_px, layout_engine=ImageFont.Layout.BASIC)
        except OSError:
            continue
    return ImageFont.load_default(size_px)


def _wrap(text: str, font: Font, width: int, *, most: int = _MOST_LINES) -> list[str]:
    """Lines that fit, broken between words where there are any; what is too much is cut off."""
    lines: list[str] = []
    rest = " ".join(text.split())
    while rest and len(lines) < most:
        end = _measure_fit(rest, font, width)
        if end < len(rest):
            space = rest.rfind(" ", 0, end + 1)
            end = space if space > end // 2 else end
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    if rest and lines:
        lines[-1] = f"{lines[-1][:-1].rstrip()}…"
    return lines


def _measure_fit(text: str, font: Font, width: int) -> int:
    """How many characters of a text fit into so many pixels, at least one."""
    low, high = 1, min(len(text), width)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low
