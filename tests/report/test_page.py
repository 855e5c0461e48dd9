"""Lines of a page: nothing is lost, nothing is wider than the page, wide characters count two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.report.page import (
    Page,
    Paragraph,
    Span,
    Style,
    measure_columns,
    shorten,
    wrap,
    write_blocks,
)
from reconciler.report.table import Column, Fit, Row, Table

TEXTS = st.text(alphabet="ab 水彩🎬é…-/", max_size=80)


@given(TEXTS, st.integers(1, 40))
def test_shortened_fits(text: str, width: int) -> None:
    """Both ends stay, and no more columns are taken than there are."""
    short = shorten(text, width)
    assert measure_columns(short) <= width
    assert short == text or measure_columns(text) > width


def test_shortened_in_the_middle() -> None:
    """What tells names apart is at their ends; in ASCII the mark is three dots."""
    assert shorten("renders/clothes-swap.mp4", 15) == "renders…wap.mp4"
    assert shorten("renders/clothes-swap.mp4", 15, Page(encoding="ascii")) == "render...ap.mp4"
    assert shorten("水彩画电影", 7) == "水…电影" or measure_columns(shorten("水彩画电影", 7)) <= 7


@given(TEXTS, st.integers(4, 40))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    """Every word is in the lines, in its order; only a word that is longer than a line is wider."""
    lines = [text[start:end] for start, end in wrap(text, width, width)]
    assert "".join("".join(lines).split()) == "".join(text.split())
    for line in lines:
        assert measure_columns(line) <= width or " " not in line.strip()


def test_a_number_stays_with_its_unit() -> None:
    """`6.4 s` is never broken."""
    assert write_blocks([Paragraph("it took 6.4 s.")], Page(11)) == "it took\n6.4 s.\n"


def test_colours_are_around_words() -> None:
    """Only with colour, and never around what pads a line."""
    block = Paragraph([Span("new", Style.GOOD), " rest  "])
    assert write_blocks([block], Page(colour=True)) == "\x1b[32mnew\x1b[0m rest\n"
    assert write_blocks([block]) == "new rest\n"


def table(page: Page) -> str:
    rows = [
        Row(["a" * 30, "Healthy", "renders/" + "b" * 30], note="short"),
        Row(["水彩", "Missing", "renders/c.mp4"], note="a long note that has to stand below"),
    ]
    columns_ = [Column("NAME", Fit.MIDDLE), Column("HEALTH"), Column("OUTPUT", Fit.MIDDLE, drop=1)]
    return write_blocks([Table(columns_, rows, note_title="NOTE")], page)


def test_a_table_fits_every_page() -> None:
    """Names are shortened, columns go, notes stand below; on a whole page nothing is shortened."""
    for width in range(30, 120):
        assert max(map(measure_columns, table(Page(width)).splitlines())) <= width
    assert "OUTPUT" not in table(Page(30))
    assert "a" * 30 in table(Page(40, whole=True))
    assert "\n水彩                            Missing" in table(Page(120))
