"""What a pull request is told, kept as golden texts; and that no stranger's word in it does
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.controller.providers.base import make_marker
from reconciler.errors import Fault, Place
from reconciler.plan.diff import Comparison
from reconciler.report.markdown import MOST_CHARACTERS
from reconciler.report.pull_request import (
    BilledEdit,
    FailedEdit,
    MergeBill,
    describe_fault_status,
    describe_merge_status,
    describe_price_status,
    write_faults_comment,
    write_merge_comment,
    write_price_comment,
)
from tests.making import make_desired
from tests.plan.test_diff import RAIN, SNOW, compared, everything, prompted
from tests.report.test_plan import EVIL

GOLDEN = Path(__file__).parents[1] / "golden"
ROOMS = [
    "budget.per_apply of cutlist.yaml: at most 20.00 USD at once",
    "budget.per_day of cutlist.yaml: 87.70 of 100.00 USD are left today (UTC)",
]
REFUSAL = "the plan may cost 1.40 USD; budget.per_apply of cutlist.yaml allows 1.00."
FAULTS = [
    Fault(Place("specs/rain.yaml", 3, 5), "the prompt is empty; legal is some text"),
    Fault(Place("specs/rain.yaml", 9, 1), "resolution 8K is unknown; legal are 720P and 1080P"),
    Fault(Place("cutlist.yaml", 2, 1), "the store is not named", "warning"),
]
BILL = MergeBill(
    "91aa03c" + "0" * 33,
    "USD",
    (
        BilledEdit("clothes-swap", "renders/clothes-swap.mp4", 4.0, 0.4),
        BilledEdit("pixel", "renders/pixel.mp4", 4.1, 0.62),
    ),
    (FailedEdit("poster", "InvalidParameter: the picture is too small"),),
    free=3,
)
NOTHING = compared(make_desired(RAIN), make_desired(RAIN))

TEXTS: dict[str, Callable[[], str]] = {
    "pull-request.md": lambda: write_price_comment(everything(), rooms=ROOMS),
    "pull-request-refused.md": lambda: write_price_comment(
        add("one"), rooms=ROOMS, refusals=[REFUSAL]
    ),
    "pull-request-nothing.md": lambda: write_price_comment(NOTHING),
    "pull-request-faults.md": lambda: write_faults_comment(FAULTS),
    "pull-request-merged.md": lambda: write_merge_comment(BILL, 1.3),
}


@pytest.mark.parametrize("name", TEXTS)
def test_golden(name: str, golden: Callable[[Path, str], None]) -> None:
    """What people read, word for word."""
    golden(GOLDEN / name, TEXTS[name]())


# ------------------------------------------------------------------ one line


def add(*prompts: str, realm: str = "live", prices: bool = True) -> Comparison:
    """What adding one edit for each prompt brings; each costs 0.40 USD."""
    edits = [prompted(f"e{number}", text) for number, text in enumerate(prompts)]
    made = compared(make_desired(RAIN), make_desired(RAIN, *edits), prices=prices)
    return replace(made, plan=replace(made.plan, realm=realm))


def priced_in_part() -> Comparison:
    """Two edits are to be rendered, and one of them has no price."""
    made = add("one", "two")
    steps = list(made.plan.steps)
    last = max(number for number, step in enumerate(steps) if step.cost.billable_s)
    steps[last] = replace(steps[last], cost=replace(steps[last].cost, price=None, why="none"))
    return replace(made, plan=replace(made.plan, steps=tuple(steps)))


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        (NOTHING, "No edit changes: nothing to pay"),
        (everything(), "1.40 USD for 3 edits, 12 s billable"),
        (add("one"), "0.40 USD for 1 edit, 4 s billable"),
        (add("same", "same"), "0.40 USD for 1 edit, 4 s billable"),
        (add(*"abcdefghijklmnopqrstuvwxyzabcdefghijABCDEFGHIJKL"), "15.20 USD for 38 edits, 3 min"),
        (add("one", prices=False), "Price not known here for 1 edit, 4 s billable"),
        (
            priced_in_part(),
            "0.40 USD for what has a price; the rest is not known here (2 edits, 8 s billable)",
        ),
        (add("one", realm="mock"), "0.40 USD for 1 edit, 4 s billable; the mock spends nothing"),
        (
            compared(make_desired(RAIN, SNOW), make_desired(RAIN)),
            "Nothing to pay for 1 change",
        ),
    ],
)
def test_the_status_of_a_price(comparison: Comparison, words: str) -> None:
    """Money first, then for how much; what is paid once is counted once."""
    line = describe_price_status(comparison)
    assert line.words.startswith(words) and line.state == "success"
    assert len(line.words) <= 140


def test_the_status_of_what_is_refused() -> None:
    """Over a limit, and broken, are failures; so is a merge of which something failed."""
    assert describe_price_status(everything(), refused=True).state == "failure"
    assert describe_fault_status(FAULTS).words == "2 faults: nothing can be rendered"
    assert describe_merge_status(BILL).words == "Rendered 2 edits: 1.02 USD; 1 edit failed"
    assert describe_merge_status(replace(BILL, failed=())).state == "success"
    assert describe_merge_status(MergeBill("a", "USD")).words == "Nothing had to be rendered"


def test_a_bill_with_an_unknown_price_tells_seconds() -> None:
    """A sum of which a part is missing is no sum."""
    bill = replace(BILL, rendered=(*BILL.rendered, BilledEdit("x", "x.mp4", 2.0, None)), failed=())
    assert describe_merge_status(bill).words == "Rendered 3 edits: 10.1 billable seconds"


# ------------------------------------------------------------------ strangers' words


def make_evil(text: str) -> Comparison:
    """Everything that a stranger can write, at each of its places."""
    made = everything()
    changes = tuple(
        replace(
            change,
            name=text,
            output=text,
            reason=text,
            details=(text, f"x {text}"),
            place=Place(text),
            paid=text,
        )
        for change in made.changes
    )
    before, after = (replace(side, name=text) for side in (made.before, made.after))
    return replace(made, before=before, after=after, changes=changes)


class Reader(HTMLParser):
    """What a page shows outside of code, and with which tags."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[object] = []
        self.comments: list[str] = []
        self.loose: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self._depth += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag in ("code", "pre")

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if not self._depth:
            self.loose.append(data)


OWN_TAGS = {
    "h3", "p", "strong", "code", "pre", "ul", "li", "details", "summary",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
PIECES = [
    "@team", "#1", "GH-1", "a/b#2", "!12", "[x](https://evil.example)", "![i](x.png)",
    "<b>", "</code>", "</pre>", "</details>", "<!-- cutlist sync films -->", "-->", "`", "```\n",
    "\n\n", "\n/close", "/merge", "| a |", "https://evil.example", "www.evil.example", "\\",
    "&#60;", "*", "_", "~~", "\u202e", "\x1b[2J", "\t", "<script>", "mail@evil.example",
    ":smile:", "$x$",
    EVIL, "0123456789abcdef0123456789abcdef01234567", "<img src=x onerror=y>", "\r\n- [ ] task",
]  # fmt: skip
WORDS = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8).map("".join)


def write_all(text: str) -> Iterator[str]:
    """Every comment, with `text` wherever it may come from somebody else."""
    yield write_price_comment(make_evil(text), rooms=[text], refusals=[text])
    yield write_faults_comment([Fault(Place(text), text), Fault(Place("a.yaml"), text, "warning")])
    bill = MergeBill(text, "USD", (BilledEdit(text, text, 1.0, 0.1),), (FailedEdit(text, text),))
    yield write_merge_comment(bill, 1.0)


@given(text=WORDS)
def test_nothing_that_a_stranger_writes_does_anything(text: str) -> None:
    """No mention, reference, link, picture, markup, command or marker: only letters in code."""
    marker = make_marker("films")
    render = MarkdownIt("commonmark", {"html": True}).enable("table").render
    for body in write_all(text):
        reader = Reader()
        reader.feed(render(body))
        assert reader.tags <= OWN_TAGS
        assert reader.attributes == [] and reader.comments == []
        loose = " ".join(reader.loose)
        assert not set("@#[]<>`|~&\\") & set(loose)
        assert "://" not in loose and "www" not in loose and "evil" not in loose
        assert marker not in body and "<!--" not in body
        assert not any(line.lstrip().startswith("/") for line in body.splitlines())


@pytest.mark.parametrize(("count", "size"), [(1, 1), (1, 9000), (60, 103), (400, 40), (300, 3000)])
def test_never_too_long(count: int, size: int) -> None:
    """However much a stranger writes, a comment keeps its length, and its blocks are closed."""
    made = make_evil("@" * size)
    changes = tuple(
        replace(made.changes[0], name=f"{made.changes[0].name}{number}") for number in range(count)
    )
    edits = tuple(BilledEdit("@" * size, "@" * size, 1.0, 0.1) for _ in range(count))
    failed = tuple(FailedEdit("@" * size, "@" * size) for _ in range(count))
    for body in (
        write_price_comment(replace(made, changes=changes), rooms=ROOMS),
        write_faults_comment([Fault(Place("a.yaml"), "@" * size)] * count),
        write_merge_comment(MergeBill("a" * 40, "USD", edits, failed), 1.0),
    ):
        assert body.count("<pre>") == body.count("</pre>")
        assert body.count("<details>") == body.count("</details>")
        assert len(body) <= MOST_CHARACTERS - 200  # a marker stands before it
