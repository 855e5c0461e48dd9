"""Contact sheets: before above after, at the same moments; what cannot be shown is told in its
place, and nothing is fetched or sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageFont

from reconciler.errors import UsageError
from reconciler.operations import sheet
from reconciler.system import contact_sheet
from reconciler.system.contact_sheet import TILE, TILES, SheetPanel, SheetStrip, draw_sheet
from reconciler.system.probe.client import SmallFrame
from tests.e2e.bench import Bench, write_video

CLIP = [{"type": "video", "url": "./clip.mp4"}]


@pytest.fixture
async def film(bench: Bench) -> Bench:
    """An edit of a clip of one colour, rendered."""
    bench.edit("film", input={"prompt": "make it rain", "media": CLIP})
    write_video(bench.root / "specs/clip.mp4", 2.0, 640, 360, colour=0xC02020)
    await bench.apply()
    return bench


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch) -> list[SheetPanel]:
    """What is drawn, instead of a picture of it."""
    drawn: list[SheetPanel] = []

    def note(panels: Sequence[SheetPanel]) -> bytes:
        drawn[:] = panels
        return b"png"

    monkeypatch.setattr(sheet, "draw_sheet", note)
    return drawn


async def test_before_above_after(film: Bench, tmp_path: Path) -> None:
    """The picture has the frames of the clip in its first strip, and those of the result in its
    second; it is written whole, and not over another file unasked.
    """
    out = tmp_path / "sheet.png"
    made = film.project().sheet(["film"], out)
    assert (made.edits, made.without, made.size_bytes) == (["film"], [], out.stat().st_size)
    with Image.open(out) as picture:
        width, height = picture.size
        assert width > TILES * TILE[0]
        before = [
            picture.getpixel((width * (2 * n + 1) // (2 * TILES), 24 + 90)) for n in range(TILES)
        ]
        after = picture.getpixel((24 + TILE[0] // 2, 24 + TILE[1] + 6 + 90))
    assert height > 2 * TILE[1]
    for seen in before:
        assert seen == pytest.approx((0xC0, 0x20, 0x20), abs=12)
    assert after != pytest.approx((0xC0, 0x20, 0x20), abs=12)
    for refused in (out, tmp_path):
        with pytest.raises(UsageError):
            film.project().sheet(["film"], refused)
    with pytest.raises(UsageError, match="is no name of a PNG"):
        film.project().sheet(["film"], tmp_path / "sheet.jpg")
    film.project().sheet(["film"], out, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project", "sheet.png"]


async def test_what_stands_in_the_place_of_frames(film: Bench, panels: list[SheetPanel]) -> None:
    """A link is named without its signature and not fetched; what is missing, damaged or not
    rendered says so; a sheet is drawn all the same.
    """
    film.edit("link", "use a link", "https://clips.example/b.mp4?Signature=hush")
    film.edit("chain", input={
        "prompt": "more", "media": [{"type": "video", "url": "edit://film"}]
    })  # fmt: skip
    film.edit("late", input={
        "prompt": "more of the link", "media": [{"type": "video", "url": "edit://link"}]
    })  # fmt: skip
    requests = len(film.network.requests)
    made = film.project().sheet(["late", "film", "link", "chain"], film.root / "x.png")
    assert made.without == ["late", "link", "chain"]
    late, whole, link, chain = panels
    assert [strip.words for strip in late.strips] == ["waits for link", "no result yet"]
    assert [len(strip.frames) for strip in whole.strips] == [TILES, TILES]
    assert link.strips[0].words == "not fetched: https://clips.example/b.mp4?…"
    assert chain.strips[0].frames == whole.strips[1].frames
    (blob,) = (film.root / ".cutlist/mock/blobs").glob("*/*")
    blob.chmod(0o644)
    blob.write_bytes(b"x" * blob.stat().st_size)
    (film.root / "specs/clip.mp4").write_bytes(b"no film any more")
    with pytest.raises(Exception, match="clip"):
        film.project().sheet(["film"], film.root / "y.png")
    write_video(film.root / "specs/clip.mp4", 2.0, 640, 360, colour=0xC02020)
    film.project().sheet(["film"], film.root / "y.png")
    assert "missing" in panels[0].strips[1].words
    assert len(film.network.requests) == requests


async def test_which_edits_a_sheet_has(film: Bench, panels: list[SheetPanel]) -> None:
    """Those that are named, in that order, each once; a matrix stands for all that it makes."""
    film.edit("street", "make it ${{ matrix.look }}", matrix={"look": ["snow", "fog"]})
    made = film.project().sheet(["street", "film", "street[look=fog]"], film.root / "x.png")
    assert made.edits == ["street[look=fog]", "street[look=snow]", "film"]
    with pytest.raises(UsageError, match="no edit is named"):
        film.project().sheet(["flim"], film.root / "y.png")
    film.edit("many", "make it ${{ matrix.n }}", matrix={"n": list(range(101))})
    with pytest.raises(UsageError, match="a sheet has 1 to 100 edits, and these are 101"):
        film.project().sheet(["many"], film.root / "y.png")
    assert not (film.root / "y.png").exists()


def test_words_below_a_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """They fit: broken between words or within a long one, and cut after a few lines; also with the
    one font that is always there.
    """
    frame = SmallFrame(2, 2, bytes(12))
    long = "x" * 5000
    texts = ("", "short", "word " * 2000, long, "把整个场景变成水彩画" * 200, "\u202e\x1b[2J")
    panels = [
        SheetPanel(long, [SheetStrip("before", [frame]), SheetStrip("after", words=text)], text)
        for text in texts
    ]
    assert draw_sheet(panels) == draw_sheet(panels)

    monkeypatch.setattr(contact_sheet, "_FONTS", ("no such font.ttf",))
    assert draw_sheet(panels[-1:]).startswith(b"\x89PNG")
    font = ImageFont.load_default(15)
    for text in texts:
        lines = contact_sheet._wrap(text, font, 400)
        assert len(lines) <= 3
        assert all(font.getlength(line) <= 420 for line in lines)
