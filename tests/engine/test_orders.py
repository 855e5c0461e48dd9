"""What an order may say: it is read as a stranger's, since it lies in a database."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.apply.context import NeedsPerson, TaskFailed
from reconciler.apply.work import Source, Work
from reconciler.config import Limit, Prices
from reconciler.desired.job import Job
from reconciler.engine.endings import is_ending, read_error, write_error
from reconciler.engine.orders import MOST_BYTES, Order, OrderRefused, read_order
from reconciler.errors import LedgerError, Rejected
from reconciler.formats.digest import digest_json
from reconciler.service.model_files import load_models
from reconciler.state.booked import Booking, Origin

MODEL = "wan2.7-videoedit"
CANONICAL = {"model": MODEL, "v": 2, "input": {"prompt": "a ball"}}
ORDER = Order(
    project="film",
    work=Work(
        job=Job(digest_json(CANONICAL), CANONICAL),
        edit="ball[size=2]",
        model=MODEL,
        request={"model": MODEL, "input": {"prompt": "a ball", "media": [{"url": "a.mp4"}]}},
        sources=(Source("/input/media/0/url", "input", "ab" * 32, ".mp4"),),
        billable_s=5.0,
        booking=Booking(
            "default", {"who": "me"}, MODEL, 0.1, "USD", Origin("abc", "me", "--auto-approve")
        ),
        after="attempt-1",
    ),
    limits=(Limit("budget.per_day", "day", 5.0), Limit("x", "day", 1.0, "prod")),
    prices=Prices("USD", {MODEL: {"720P": 0.1}}),
)


def test_an_order_comes_back_as_it_was() -> None:
    """Whatever an apply orders, a worker reads."""
    assert read_order(ORDER.encode(), load_models()) == ORDER


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(order: dict[str, Any]) -> None:
        place: Any = order
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return change


SOURCE = ("work", "sources", 0)
STRANGE = [
    (put("form", value=2), "its form is not 1"),
    (put("project", value="a\nb"), "project is no name"),
    (put("project", value="x" * 500), "project is no short text"),
    (put("work", "edit", value="\x1b[2J"), "edit is no name"),
    (put("work", "more", value=1), "its work has other fields"),
    (put("work", "model", value="none"), "its model is none"),
    (put("work", "job", "key", value="0" * 64), "its key is not its job's"),
    (put("work", "job", "key", value="../../x"), "its key is not its job's"),
    (put("work", "job", "canonical", "input", value={}), "its key is not its job's"),
    (put("work", "billable_s", value=float("inf")), "billable_s is no number of seconds"),
    (put("work", "billable_s", value=-1), "billable_s is no number of seconds"),
    (put("work", "request", "model", value="other"), "its request is for another model"),
    (put("work", "attempt_id", value="../x"), "attempt_id is no id of an attempt"),
    (put("work", "loses", value=5), "loses is no id of an attempt"),
    (put(*SOURCE, "digest", value="../../escape"), "a source's digest is none"),
    (put(*SOURCE, "suffix", value="/../../x"), "a source's suffix is none"),
    (put(*SOURCE, "at", value="/model"), "a source stands nowhere in the request"),
    (put(*SOURCE, "origin", value="file"), "a source is neither an input nor a result"),
    (put(*SOURCE, "origin", value="data"), "a source is neither an input nor a result"),
    (put(*SOURCE, "reference", value="/etc/passwd"), "a source names a file"),
    (put("work", "sources", value={}), "a list is none, or too long"),
    (put("work", "booking", "price_per_s", value="1"), "its price is none"),
    (put("work", "booking", "labels", "who", value=[]), "a label is no text"),
    (put("limits", 0, "amount", value=float("nan")), "a limit is none"),
    (put("limits", 0, "per", value="year"), "a limit is none"),
    (put("prices", "models", MODEL, value={"720P": None}), "a price is none"),
    (lambda order: order.pop("prices"), "prices is no object"),
    (lambda order: order["work"].pop("job"), "its work has other fields"),
]


@pytest.mark.parametrize(("change", "words"), STRANGE, ids=[words for _, words in STRANGE])
def test_an_order_of_a_stranger(change: Callable[[dict[str, Any]], None], words: str) -> None:
    """Each field that could make a worker do otherwise is refused, with words."""
    order = json.loads(ORDER.encode())
    change(order)
    with pytest.raises(OrderRefused) as met:
        read_order(json.dumps(order).encode(), load_models())
    assert words in met.value.message
    assert "Nothing was sent" in met.value.message


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"\xff", b"[" * 9000, b" " * (MOST_BYTES + 1)]
)
def test_what_is_no_order(raw: bytes) -> None:
    """Other bytes are refused, and no fault of the program."""
    with pytest.raises(OrderRefused):
        read_order(raw, load_models())


@pytest.mark.parametrize(
    "error",
    [
        NeedsPerson("nobody can tell.", hint="cutlist resolve"),
        TaskFailed("it broke", code="InternalError", request_id="r-1"),
        Rejected("no", code="DataInspectionFailed"),
        OrderRefused("not so."),
    ],
)
def test_how_an_order_ended(error: Any) -> None:
    """The apply that waits tells the error that a worker met, as its own."""
    assert is_ending(error)
    again = read_error(write_error(error))
    assert (type(again), str(again), again.hint) == (type(error), str(error), error.hint)


def test_words_of_a_stranger() -> None:
    """What the database says moves no cursor, and is no other class than these."""
    told = read_error({"kind": "SystemExit", "message": "\x1b[2Jhello\n"})
    assert type(told).__name__ == "CutlistError"
    assert "\x1b" not in told.message
    assert not is_ending(LedgerError("away"))
