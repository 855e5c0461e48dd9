"""The controller's log: what a line looks like, and that nothing breaks it."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.controller.logs import Log, LogForm, LogStream
from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret
from tests.clock import FakeClock

GOLDEN = Path(__file__).parents[1] / "golden"
SECRETS = {
    "SLACK_URL": Secret("https://hooks.example/T0/s3cret?x=s3cret"),
    "MY_TOKEN": Secret("abc"),
}


def write_lines(form: LogForm) -> str:
    """Some lines about several things, friendly and not."""
    text, clock = io.StringIO(), FakeClock()
    log = Log(LogStream(text), clock, form=form, secrets=SECRETS)
    log.info("listening", host="127.0.0.1", port=8790)
    spring = log.about(sync="spring")
    clock.advance(1.25)
    spring.about(revision="0123456789abcdef0123").info("a pass begins", reason="a push")
    spring.about(revision="0123456789abcdef0123", edit="intro[clip=beach]").warning(
        "the task failed", code="InternalError.Algo", price=None, seconds=2.5, paid=False
    )
    spring.debug("not shown")
    spring.error("over\x1b[2J\nand \u202eover", told="a b=c", odd=float("nan"), empty="")
    spring.info(
        "sent to https://hooks.example/T0/s3cret?x=s3cret with abc, token=xyz Bearer abcd1234"
    )
    spring.tell(CutlistError("the budget is used up", hint="Raise budget.per_day."))
    spring.tell(ValueError("https://user:pw@host/x?sig=1"))
    return text.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_lines(form: LogForm, golden: Callable[[Path, str], None]) -> None:
    """One line each, plain, without secrets."""
    lines = write_lines(form)
    for secret in ("s3cret", "canary", "pw@", "\x1b", "\u202e", "not shown"):
        assert secret not in lines
    golden(GOLDEN / f"log-{form}.txt", lines)


def test_each_line_is_an_object() -> None:
    """Time, level and message always; the rest where there is something to say."""
    records = [json.loads(line) for line in write_lines("json").splitlines()]
    assert all({"time", "level", "message"} <= record.keys() for record in records)
    assert {name for record in records for name in record} == {
        "time", "level", "sync", "revision", "edit", "message", "fields",
    }  # fmt: skip
    assert records[0]["time"] == "2027-01-15T08:00:00.000Z"
    assert records[1]["time"] == "2027-01-15T08:00:01.250Z"


class Broken(io.StringIO):
    """A stream that fails as `error` says."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError(errno.EPIPE, "broken"), OSError(errno.ENOSPC, "full"), ValueError("closed")],
)
def test_a_stream_that_fails_costs_lines_only(error: Exception) -> None:
    """To log never raises."""
    Log(LogStream(Broken(error)), FakeClock()).error("x")


def test_a_real_pipe_that_nobody_reads() -> None:
    """The same with a pipe of the system, and after it was closed."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    log = Log(LogStream(stream), FakeClock())
    log.info("x")
    log.info("y")
    with pytest.raises(BrokenPipeError):
        stream.close()
    log.info("z")


def test_a_screen_that_knows_few_letters() -> None:
    """What it cannot show is written as escapes."""
    raw = io.BytesIO()
    log = Log(LogStream(io.TextIOWrapper(raw, encoding="ascii")), FakeClock())
    log.info("über")
    assert b"\\xfcber" in raw.getvalue()


@pytest.mark.parametrize("now", [1e30, float("nan"), float("inf")])
def test_a_clock_that_is_wrong(now: float) -> None:
    """A line without a time of this world is better than none."""
    text = io.StringIO()
    Log(LogStream(text), FakeClock(now)).info("x")
    assert text.getvalue().endswith("info    x\n")


def test_levels_and_long_texts() -> None:
    """What is below the least level is not written; a text is cut, and a secret never in half."""
    text = io.StringIO()
    log = Log(LogStream(text), FakeClock(), least="warning", secrets={"T": Secret("s3cret" * 9)})
    log.info("x")
    assert text.getvalue() == ""
    log.warning("y" * 1990 + "s3cret" * 9 + "z" * 9_000_000)
    assert len(text.getvalue()) < 2100
    assert "s3c" not in text.getvalue()
