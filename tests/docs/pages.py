"""The pages of the documentation, and the parts of a page that tests look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "specs" / "README.md",
    ROOT / "schemas" / "key.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) +(.*?) *$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Fence:
    """A fenced block: its info string (`yaml`, `console run`, …), its text, and where the text
    begins in the page.
    """

    info: str
    body: str
    start: int


def name(page: Path) -> str:
    """The page as people call it: its path in the repository."""
    return page.relative_to(ROOT).as_posix()


def text(page: str) -> str:
    """The text of a page, by its path in the repository."""
    return (ROOT / page).read_text(encoding="utf-8")


def fences(page_text: str) -> Iterator[Fence]:
    """Every fenced block of a page."""
    for match in _FENCE.finditer(page_text):
        yield Fence(match["info"].strip(), match["body"], match.start("body"))


def without_fences(page_text: str) -> str:
    """A page's prose and tables."""
    return _FENCE.sub("", page_text)


def links(page_text: str) -> Iterator[str]:
    """Every link target in a page's prose."""
    for match in _LINK.finditer(without_fences(page_text)):
        yield match[1]


def section(page_text: str, heading: str) -> str:
    """The text below a heading, up to the next one of its level or above; empty when there is no
    such heading.
    """
    code = [range(*match.span()) for match in _FENCE.finditer(page_text)]
    headings = [
        (match.start(), len(match[1]), match[2])
        for match in _HEADING.finditer(page_text)
        if not any(match.start() in span for span in code)
    ]
    for index, (start, level, title) in enumerate(headings):
        if title == heading:
            ends = [at for at, other, _ in headings[index + 1 :] if other <= level]
            return page_text[start : ends[0] if ends else len(page_text)]
    return ""


def anchors(page_text: str) -> set[str]:
    """The anchors that a page's headings get when it is shown on the web."""
    titles = [match[2] for match in _HEADING.finditer(without_fences(page_text))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def shown_commands(fence: Fence) -> list[str]:
    """The commands of a console block, continuation lines joined."""
    joined = fence.body.replace("\\\n", " ")
    return [line[2:].strip() for line in joined.splitlines() if line.startswith("$ ")]
