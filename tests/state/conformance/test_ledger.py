"""What every ledger promises: no attempt twice, no id lost, no arrow that is not drawn."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import LedgerError
from reconciler.state.booked import Origin
from reconciler.state.ledger import (
    AlreadyOpen,
    KeyTaken,
    LaneBusy,
    Ledger,
    MovedOn,
    Sighting,
)
from reconciler.state.observed import ARROWS, OPEN, TASK_LIFE_S, Attempt, State
from tests.state.ledgers import (
    BOOKING,
    HELD,
    IMPLEMENTATIONS,
    JOB,
    NOW,
    PLACE,
    REACH,
    bring,
    held,
    intend,
    move,
    state_of,
    take_over,
)


@pytest.mark.parametrize("state", list(State))
def test_one_attempt_of_a_key(ledger: Ledger, state: State) -> None:
    """While an attempt of a key may still succeed, or has, there is no second one; after any other
    end there may be.
    """
    bring(ledger, state)
    if state in HELD:
        with pytest.raises(AlreadyOpen):
            intend(ledger, "b", lane="another lane")
        assert [each.id for each in ledger.read_whole_history(now=NOW)["k"].attempts] == ["a"]
    else:
        intend(ledger, "b", lane="another lane")
        assert [each.id for each in ledger.read_whole_history(now=NOW)["k"].attempts] == ["a", "b"]


@pytest.mark.parametrize("state", list(State))
def test_one_intent_in_a_lane(ledger: Ledger, state: State) -> None:
    """While it is not known whether a request arrived, nothing else is sent in its lane."""
    bring(ledger, state)
    if state is State.INTENT:
        with pytest.raises(AlreadyOpen):
            intend(ledger, "b", key="another key")
        intend(ledger, "c", key="another key", lane="another lane")
    else:
        intend(ledger, "b", key="another key")


@pytest.mark.parametrize(("start", "end"), list(itertools.product(State, State)))
def test_arrows(ledger: Ledger, start: State, end: State) -> None:
    """Only the arrows of the contract exist; saying the same again is no change; anything else is
    refused.
    """
    bring(ledger, start)
    if end is start or end in ARROWS.get(start, ()):
        move(ledger, "a", end)
        assert state_of(ledger) is end
    else:
        with pytest.raises(LedgerError):
            move(ledger, "a", end)
        assert state_of(ledger) is start


def test_the_arrows_are_those_of_the_contract() -> None:
    """The states and arrows of reliability, typed once more by hand."""
    drawn = """INTENT SUBMITTED, INTENT NOT_SENT, INTENT REJECTED, INTENT UNDECIDED,
        SUBMITTED SUCCEEDED,
        SUBMITTED FAILED, SUBMITTED CANCELED, SUBMITTED EXPIRED, SUBMITTED UNDECIDED,
        UNDECIDED SUBMITTED,
        UNDECIDED NOT_SENT, UNDECIDED ABANDONED, SUCCEEDED LOST"""
    assert {tuple(each.split()) for each in drawn.split(",")} == {
        (start.value, end.value)
        for start, ends in ARROWS.items()
        for end in ends
        if end is not start
    }


def test_a_task_id_is_never_overwritten(ledger: Ledger) -> None:
    """A second id for an attempt is refused and the first one stays; the same id again is no
    change.
    """
    bring(ledger, State.SUBMITTED)
    with pytest.raises(MovedOn, match="never overwritten"):
        ledger.submitted("a", "another", at=NOW, adopted=True)
    ledger.submitted("a", "task-a", at=NOW + 5)
    attempt = ledger.attempt("a", now=NOW)
    assert (attempt.task_id, attempt.submitted_at) == ("task-a", NOW)
    assert not ledger.knows_task("another")


@pytest.mark.parametrize("known", ["another", "late"])
@pytest.mark.parametrize("state", list(State))
def test_an_answer_is_never_lost(ledger: Ledger, state: State, known: str) -> None:
    """Whatever an attempt has become, with whatever task, the task that the service's answer names
    is its own or a stray of it that asks; and the same answer again changes nothing.
    """
    intend(ledger)
    for each in REACH[state]:
        move(ledger, "a", each, known if each is State.SUBMITTED else None)
    before = ledger.attempt("a", now=NOW)
    takes_it = state in (State.INTENT, State.UNDECIDED) and before.task_id is None
    for _ in range(2):
        try:
            ledger.submitted("a", "late", at=NOW)
        except MovedOn:
            assert not takes_it
            assert state_of(ledger) is state
        else:
            assert takes_it or before.task_id == "late"
    after, strays = ledger.attempt("a", now=NOW), ledger.strays.unanswered()
    if takes_it or before.task_id == "late":
        assert (after.task_id, strays) == ("late", [])
    else:
        assert after.task_id == before.task_id
        assert [(stray.task_id, stray.edit, stray.key) for stray in strays] == [
            ("late", "film", "k")
        ]


@pytest.mark.parametrize(
    "state", [State.SUCCEEDED, State.FAILED, State.CANCELED, State.EXPIRED, State.LOST]
)
def test_a_task_is_known_for_ever(ledger: Ledger, state: State) -> None:
    """However an attempt ends, its task stays known and linked."""
    bring(ledger, state)
    assert ledger.knows_task("task-a")
    assert ledger.attempt("a", now=NOW).task_id == "task-a"


def test_a_task_adopted_wrongly_becomes_a_stray(ledger: Ledger) -> None:
    """Unlinked, it stays known, the attempt waits for a person, and another task can take its
    place.
    """
    intend(ledger)
    ledger.submitted("a", "stray", at=NOW, adopted=True)
    ledger.disown("a", at=NOW, message="another prompt")
    attempt = ledger.attempt("a", now=NOW)
    assert (attempt.state, attempt.task_id, attempt.adopted, attempt.message) == (
        State.UNDECIDED,
        None,
        False,
        "another prompt",
    )
    assert ledger.knows_task("stray")
    ledger.submitted("a", "right", at=NOW, adopted=True)
    assert ledger.attempt("a", now=NOW).task_id == "right"


def test_what_the_service_said_last(ledger: Ledger) -> None:
    """The status of a task is the last one that was seen."""
    bring(ledger, State.SUBMITTED)
    assert ledger.attempt("a", now=NOW).task_status == "PENDING"
    ledger.tasks_seen([Sighting("task-a", "RUNNING", {"task_status": "RUNNING"}, NOW)])
    assert ledger.attempt("a", now=NOW).task_status == "RUNNING"


def test_a_task_can_be_collected_for_a_day(ledger: Ledger) -> None:
    """24 hours after it was submitted the service has forgotten a task; without a task there is
    nothing to collect.
    """
    bring(ledger, State.SUCCEEDED)
    assert [
        ledger.attempt("a", now=NOW + each).collectable
        for each in (0, TASK_LIFE_S - 1, TASK_LIFE_S)
    ] == [
        True,
        True,
        False,
    ]
    bring(ledger, State.UNDECIDED, "b", key="other")
    assert not ledger.attempt("b", now=NOW).collectable


def test_the_attempt_that_counts(ledger: Ledger) -> None:
    """Of several attempts the open one counts, else the newest, whatever the clocks said; failures
    are counted over all of them.
    """
    bring(ledger, State.FAILED, "a")
    bring(ledger, State.FAILED, "b")
    bring(ledger, State.NOT_SENT, "c")
    history = ledger.read_whole_history(now=NOW)["k"]
    assert (history.last.id, history.failures) == ("c", 2)
    bring(ledger, State.FAILED, "later", created_at=NOW - 50)  # the clock was set back
    assert ledger.read_whole_history(now=NOW)["k"].last.id == "later"
    intend(ledger, "d", created_at=NOW - 99)
    assert ledger.read_whole_history(now=NOW)["k"].last.id == "d"


def test_an_adoption_for_what_has_moved_on(ledger: Ledger) -> None:
    """What a list made somebody guess is written nowhere once the attempt is settled."""
    bring(ledger, State.NOT_SENT)
    with pytest.raises(MovedOn):
        ledger.submitted("a", "guessed", at=NOW, adopted=True)
    assert not ledger.knows_task("guessed")


def test_an_answer_knows_better_than_a_list(ledger: Ledger) -> None:
    """A task that was taken for the stray of another request is a stray of the one whose answer
    names it, though a person has let it be.
    """
    bring(ledger, State.NOT_SENT, "b", key="another key")
    bring(ledger, State.NOT_SENT)
    ledger.strays.note("late", "b", "PENDING", at=NOW, open_question=False)
    with pytest.raises(MovedOn):
        ledger.submitted("a", "late", at=NOW)
    assert [(stray.task_id, stray.key) for stray in ledger.strays.unanswered()] == [("late", "k")]


def test_what_is_stored_wins(ledger: Ledger) -> None:
    """A task that was given up has brought its video home after all; without a task nothing has."""
    bring(ledger, State.SUBMITTED)
    ledger.end("a", State.UNDECIDED, at=NOW)
    ledger.end("a", State.SUCCEEDED, at=NOW)
    assert state_of(ledger) is State.SUCCEEDED
    bring(ledger, State.UNDECIDED, "b", key="another key")
    with pytest.raises(MovedOn):
        ledger.end("b", State.SUCCEEDED, at=NOW)


def test_two_that_end_the_same(ledger: Ledger) -> None:
    """Two processes that follow one task tell its end twice: the first stays, and another end than
    that is told.
    """
    bring(ledger, State.FAILED)
    ledger.end("a", State.FAILED, at=NOW + 5, code="later")
    assert (ledger.attempt("a", now=NOW).ended_at, ledger.attempt("a", now=NOW).code) == (NOW, "")
    with pytest.raises(MovedOn):
        ledger.end("a", State.CANCELED, at=NOW)
    bring(ledger, State.SUBMITTED, "b")
    for _ in range(2):
        ledger.disown("b", at=NOW, message="another prompt")
    assert [stray.task_id for stray in ledger.strays.unanswered()] == ["task-b"]


def test_who_was_faster(ledger: Ledger) -> None:
    """Who comes second hears whether the job is somebody else's, or only its lane."""
    intend(ledger)
    with pytest.raises(KeyTaken):
        intend(ledger, "b", lane="another lane")
    with pytest.raises(KeyTaken):
        intend(ledger, "b")
    with pytest.raises(LaneBusy):
        intend(ledger, "b", key="another key")


def test_uploads_expire(ledger: Ledger) -> None:
    """An upload is used again by the same model, account and endpoint, while it lives long
    enough.
    """
    ledger.uploads.keep("sha", PLACE, "oss://1", expires_at=NOW + 100)
    assert ledger.uploads.url("sha", PLACE, now=NOW, margin_s=50) == "oss://1"
    assert ledger.uploads.url("sha", PLACE, now=NOW, margin_s=100) is None
    for other in ("model", "account", "endpoint"):
        elsewhere = replace(PLACE, **{other: "other"})
        assert ledger.uploads.url("sha", elsewhere, now=NOW, margin_s=0) is None
    assert ledger.uploads.url("other", PLACE, now=NOW, margin_s=0) is None
    ledger.uploads.keep("sha", PLACE, "oss://2", expires_at=NOW + 200)
    assert ledger.uploads.url("sha", PLACE, now=NOW, margin_s=100) == "oss://2"
    ledger.uploads.forget("sha", replace(PLACE, model="other"))
    assert ledger.uploads.url("sha", PLACE, now=NOW, margin_s=0) == "oss://2"
    ledger.uploads.forget("sha", PLACE)
    assert ledger.uploads.url("sha", PLACE, now=NOW, margin_s=0) is None


def test_an_unknown_attempt(ledger: Ledger) -> None:
    """An attempt that was never written down cannot be moved, asked for or ended."""
    for ask in (
        lambda: ledger.attempt("x", now=NOW),
        lambda: move(ledger, "x", State.SUBMITTED),
        lambda: move(ledger, "x", State.FAILED),
    ):
        with pytest.raises(LedgerError, match="no attempt x"):
            ask()


@pytest.mark.parametrize("name", sorted(IMPLEMENTATIONS))
@given(
    script=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.sampled_from(list(State))),
        max_size=25,
    )
)
def test_whatever_happens_the_promises_hold(
    tmp_path_factory: pytest.TempPathFactory, name: str, script: list[tuple[str, str, State]]
) -> None:
    """Any order of intents and moves leaves at most one held attempt of a key and one intent of a
    lane.
    """
    ledger = IMPLEMENTATIONS[name](tmp_path_factory.mktemp("ledger"))
    newest: dict[str, str] = {}
    for number, (key, lane, state) in enumerate(script):
        try:
            if state is State.INTENT:
                intend(ledger, str(number), key, lane)
                newest[key] = str(number)
            elif key in newest:
                move(ledger, newest[key], state)
        except LedgerError:
            pass
        attempts = [
            each
            for history in ledger.read_whole_history(now=NOW).values()
            for each in history.attempts
        ]
        held = [each.key for each in attempts if each.state in HELD]
        lanes = [each.lane for each in attempts if each.state is State.INTENT]
        assert len(held) == len(set(held))
        assert len(lanes) == len(set(lanes))
    ledger.close()


def test_a_stray_asks_until_somebody_answers(ledger: Ledger) -> None:
    """A paid task that nobody waits for is shown, with the edit it was made for, until a person has
    seen it.
    """
    bring(ledger, State.NOT_SENT)
    ledger.strays.note("late", "a", "RUNNING", at=NOW, open_question=True)
    ledger.strays.note("late", "a", "RUNNING", at=NOW + 5, open_question=True)
    ledger.strays.note("cancelled in time", "a", "CANCELED", at=NOW, open_question=False)
    assert [
        (each.task_id, each.edit, each.key, each.status) for each in ledger.strays.unanswered()
    ] == [("late", "film", "k", "RUNNING")]
    assert ledger.knows_task("late")
    assert ledger.knows_task("cancelled in time")
    ledger.strays.answer("late")
    assert list(ledger.strays.unanswered()) == []
    assert ledger.knows_task("late")


def test_a_stray_may_become_the_task_of_its_job(ledger: Ledger) -> None:
    """Adopted, it is an attempt of its own, submitted; the first attempt stays what it was."""
    bring(ledger, State.NOT_SENT)
    ledger.strays.note("late", "a", "SUCCEEDED", at=NOW, open_question=True)
    ledger.strays.adopt("late", "b", at=NOW)
    adopted = ledger.attempt("b", now=NOW)
    assert (adopted.state, adopted.task_id, adopted.key, adopted.adopted) == (
        State.SUBMITTED,
        "late",
        "k",
        True,
    )
    assert (state_of(ledger), list(ledger.strays.unanswered())) == (State.NOT_SENT, [])


def test_a_stray_may_be_the_task_of_another_request(ledger: Ledger) -> None:
    """A task that was taken for a late one of another request goes to the undecided one that it is
    of.
    """
    bring(ledger, State.NOT_SENT)
    bring(ledger, State.UNDECIDED, "b", key="other")
    ledger.strays.note("late", "a", "RUNNING", at=NOW, open_question=True)
    assert ledger.owner("late") is None
    ledger.submitted("b", "late", at=NOW, adopted=True)
    assert (ledger.owner("late"), list(ledger.strays.unanswered())) == ("b", [])


def test_a_task_taken_up_again_is_as_old_as_it_was(ledger: Ledger) -> None:
    """An undecided attempt that gets its own task back does not get a new day to collect it;
    another task does.
    """
    bring(ledger, State.SUBMITTED)
    ledger.end("a", State.UNDECIDED, at=NOW + 60, message="the service does not know it")
    ledger.submitted("a", "task-a", at=NOW + 3600, adopted=True)
    assert ledger.attempt("a", now=NOW).submitted_at == NOW
    ledger.disown("a", at=NOW + 3600, message="another prompt")
    ledger.submitted("a", "right", at=NOW + 7200, adopted=True)
    assert ledger.attempt("a", now=NOW).submitted_at == NOW + 7200


def test_a_stray_does_not_push_out_a_task(ledger: Ledger) -> None:
    """A job that has its result, or a task that may still bring it, takes no second task."""
    bring(ledger, State.NOT_SENT)
    ledger.strays.note("late", "a", "SUCCEEDED", at=NOW, open_question=True)
    bring(ledger, State.SUBMITTED, "b")
    with pytest.raises(AlreadyOpen):
        ledger.strays.adopt("late", "c", at=NOW)
    assert [each.task_id for each in ledger.strays.unanswered()] == ["late"]
    assert ledger.attempt("b", now=NOW).task_id == "task-b"


def test_a_second_look(ledger: Ledger) -> None:
    """What was given up is looked at once more when its time has come, and then no more."""
    intend(ledger)
    ledger.end("a", State.NOT_SENT, at=NOW, look_at=NOW + 600)
    assert [list(ledger.looks_due(now=NOW + each)) for each in (0, 599, 600)] == [[], [], ["a"]]
    ledger.looked("a")
    assert list(ledger.looks_due(now=NOW + 9999)) == []


def test_what_is_booked_comes_back(ledger: Ledger) -> None:
    """A booking is read as it was written; a request from before there were books has none, and an
    empty origin.
    """
    attempt = Attempt("a", "k", "l", "film", State.INTENT, "mock", NOW, billable_s=20.0)
    fields = {"request_sha256": "", "prompt": None, "job": JOB, "server_time": None}
    ledger.intend(attempt, booking=BOOKING, **fields)  # type: ignore[arg-type]
    intend(ledger, "b", "other", "lane", created_at=NOW + 1)
    first, second = ledger.books.entries()
    assert (first.edit, first.state, first.planned_s, first.booking) == (
        "film",
        State.INTENT,
        20.0,
        BOOKING,
    )
    assert (second.booking, second.usage) == (None, {})
    assert (ledger.books.origin("a"), ledger.books.origin("b")) == (BOOKING.origin, Origin())
    made_for = [ledger.books.environment(attempt_id) for attempt_id in ("a", "b", "none")]
    assert made_for == [BOOKING.environment, None, None]


def test_a_price_that_nobody_knew(ledger: Ledger) -> None:
    """It is no price, and not nothing."""
    ledger.books.hold(lambda: [held(booking=replace(BOOKING, price_per_s=None))])
    assert ledger.books.holdings()[0].booking.price_per_s is None


def test_nothing_is_booked_for_an_intent_that_is_refused(ledger: Ledger) -> None:
    """Intent and booking are one transaction; the key and the lane that are not free take
    neither.
    """
    bring(ledger, State.SUBMITTED)
    fields = {
        "request_sha256": "",
        "prompt": None,
        "job": JOB,
        "server_time": None,
        "booking": BOOKING,
    }
    with pytest.raises(AlreadyOpen):
        ledger.intend(Attempt("b", "k", "other", "film", State.INTENT, "mock", NOW), **fields)  # type: ignore[arg-type]
    assert ledger.books.origin("b") == Origin()
    assert len(ledger.books.entries()) == 1


def test_what_the_service_said_is_in_the_books(ledger: Ledger) -> None:
    """Usage and status of the last answer, for attempts and for strays."""
    bring(ledger, State.SUBMITTED)
    said = {"usage": {"duration": 10}, "output": {}}
    ledger.tasks_seen([Sighting("task-a", "SUCCEEDED", said, NOW)])
    ledger.strays.note("late", "a", "RUNNING", at=NOW + 1, open_question=True)
    entry, stray = ledger.books.entries()
    assert (entry.task_id, entry.task_status, entry.usage, entry.stray) == (
        "task-a",
        "SUCCEEDED",
        {"duration": 10},
        False,
    )
    assert (stray.task_id, stray.task_status, stray.at, stray.stray) == (
        "late",
        "RUNNING",
        NOW + 1,
        True,
    )
    assert (stray.edit, stray.key, stray.planned_s) == (entry.edit, entry.key, entry.planned_s)


def test_a_disowned_task_is_a_stray_in_the_books(ledger: Ledger) -> None:
    """It is counted once, beside the attempt that nobody can be sure of."""
    bring(ledger, State.SUBMITTED)
    ledger.disown("a", at=NOW + 1, message="another prompt")
    assert [(each.state, each.task_id, each.stray) for each in ledger.books.entries()] == [
        (State.UNDECIDED, None, False),
        (State.UNDECIDED, "task-a", True),
    ]


def test_a_stray_that_is_adopted_takes_the_booking_along(ledger: Ledger) -> None:
    """It is an entry of its own then, for the same environment at the same price, and no stray any
    more.
    """
    attempt = Attempt("a", "k", "l", "film", State.INTENT, "mock", NOW)
    ledger.intend(
        attempt, request_sha256="", prompt=None, job=JOB, server_time=None, booking=BOOKING
    )
    move(ledger, "a", State.NOT_SENT)
    ledger.strays.note("late", "a", "SUCCEEDED", at=NOW, open_question=True)
    ledger.strays.adopt("late", "b", at=NOW + 1)
    assert [(each.task_id, each.stray, each.booking) for each in ledger.books.entries()] == [
        (None, False, BOOKING),
        ("late", False, BOOKING),
    ]


def test_holdings_come_back_in_their_order(ledger: Ledger) -> None:
    """As they were noted, whatever the clocks said then: the last one is what an edit has now."""
    noted = [
        held("b", at=NOW + 1),
        held("a"),
        held("c", reused=True),
        held("a", key="other", at=NOW - 99),  # the clock was set back
    ]
    ledger.books.hold(lambda: noted[:1])
    ledger.books.hold(lambda: noted[1:])
    assert list(ledger.books.holdings()) == noted
    assert list(ledger.books.holdings({"a", "c"})) == noted[1:]
    keys = {"b": noted[0].key, "a": "other", "c": noted[2].key}
    assert ledger.books.find_held_keys(noted[0].booking.environment) == keys
    assert ledger.books.find_held_keys("elsewhere") == {}


def test_entries_of_some_edits(ledger: Ledger) -> None:
    """Attempts and strays of others are left out."""
    bring(ledger, State.SUBMITTED)
    bring(ledger, State.REJECTED, "b", key="other", edit="clip")
    ledger.disown("a", at=NOW + 1, message="another prompt")
    every = ledger.books.entries()
    assert [(each.edit, each.stray) for each in every] == [
        ("film", False),
        ("clip", False),
        ("film", True),
    ]
    for name in ("film", "clip"):
        assert list(ledger.books.entries({name})) == [each for each in every if each.edit == name]
    assert list(ledger.books.entries(())) == []


def test_a_task_made_by_hand(ledger: Ledger) -> None:
    """It is an attempt that was submitted, adopted and booked; its end is like any other's."""
    take_over(ledger)
    attempt = ledger.attempt("by hand", now=NOW)
    assert (attempt.state, attempt.task_id, attempt.adopted, attempt.submitted_at) == (
        State.SUBMITTED,
        "hers",
        True,
        NOW,
    )
    assert (ledger.owner("hers"), ledger.intent("by hand").prompt) == ("by hand", "Make it blue")
    (entry,) = ledger.books.entries()
    assert (entry.booking, entry.planned_s) == (BOOKING, 20.0)
    ledger.end("by hand", State.SUCCEEDED, at=NOW)


@pytest.mark.parametrize("state", list(State))
def test_no_task_is_taken_over_beside_another(ledger: Ledger, state: State) -> None:
    """While an attempt of a key may still succeed, or has, no task is linked to it; and nothing of
    it is left.
    """
    bring(ledger, state)
    if state not in HELD:
        take_over(ledger)
        assert ledger.read_whole_history(now=NOW)["k"].last.task_id == "hers"
        return
    with pytest.raises(AlreadyOpen):
        take_over(ledger)
    assert not ledger.knows_task("hers")
    assert len(ledger.books.entries()) == 1


def test_a_task_is_taken_over_once(ledger: Ledger) -> None:
    """Neither again, nor for another key, nor one that is a stray; whose it was it stays."""
    take_over(ledger)
    bring(ledger, State.NOT_SENT, "a", key="other")
    ledger.strays.note("late", "a", "RUNNING", at=NOW, open_question=True)
    for id_, key, task_id in (
        ("by hand", "k", "hers"),
        ("x", "third", "hers"),
        ("y", "third", "late"),
    ):
        with pytest.raises(AlreadyOpen):
            take_over(ledger, id_, key, task_id)
    assert (ledger.owner("hers"), ledger.owner("late")) == ("by hand", None)
    assert [each.task_id for each in ledger.strays.unanswered()] == ["late"]
    assert "third" not in ledger.read_whole_history(now=NOW)


def test_a_task_taken_over_leaves_the_lane_open(ledger: Ledger) -> None:
    """It was sent already: neither does it wait for a lane, nor does it hold one."""
    intend(ledger, "a", "other")
    take_over(ledger)
    move(ledger, "a", State.NOT_SENT)
    intend(ledger, "b", "third")


def test_history_of_some_keys(ledger: Ledger) -> None:
    """Only the attempts of the keys that are asked for are in the answer, all of them."""
    bring(ledger, State.FAILED, "a", lane="one")
    bring(ledger, State.FAILED, "b", lane="two")
    bring(ledger, State.SUBMITTED, "c", key="another", lane="three")
    history = ledger.find_history(["k", "never"], now=NOW)
    assert [attempt.id for attempt in history["k"].attempts] == ["a", "b"]
    assert history.keys() == {"k"}
    assert ledger.find_history([], now=NOW) == {}


@pytest.mark.parametrize("state", list(State))
def test_open_attempts(ledger: Ledger, state: State) -> None:
    """What is not over is found without a key; what is over is not."""
    bring(ledger, state)
    ids = [attempt.id for attempt in ledger.find_open_attempts(now=NOW)]
    assert ids == (["a"] if state in OPEN else [])


def test_newest_moment(ledger: Ledger) -> None:
    """The newest of all times that attempts tell; 0 for a ledger that has none."""
    assert ledger.find_newest_moment() == 0
    intend(ledger)
    assert ledger.find_newest_moment() == NOW
    ledger.submitted("a", "task-a", at=NOW + 5)
    assert ledger.find_newest_moment() == NOW + 5
    ledger.end("a", State.SUCCEEDED, at=NOW + 9)
    assert ledger.find_newest_moment() == NOW + 9


def test_attempts_at_an_endpoint(ledger: Ledger) -> None:
    """Attempts are counted by the endpoint that they were made at."""
    bring(ledger, State.FAILED)
    bring(ledger, State.FAILED, "b", key="another", endpoint="elsewhere")
    assert ledger.count_attempts_at(["mock"]) == 1
    assert ledger.count_attempts_at(["mock", "elsewhere"]) == 2
    assert ledger.count_attempts_at([]) == 0


def test_jobs_of_some_edits(ledger: Ledger) -> None:
    """The job that an edit stood for last time is found by its name; other edits are left out."""
    bring(ledger, State.FAILED)
    bring(ledger, State.FAILED, "b", key="another", edit="other")
    assert ledger.find_jobs(["film", "never"]) == {"film": JOB}


def test_requests_of_some_keys(ledger: Ledger) -> None:
    """What an earlier rule of keys may have made is found by its key."""
    job = {"model": "m", "take": 1, "v": 1}
    for id_, key in [("a", "k"), ("b", "another")]:
        attempt = Attempt(id_, key, id_, "film", State.INTENT, "mock", NOW)
        ledger.intend(attempt, request_sha256="", prompt=None, job=job, server_time=None)
    assert ledger.find_requests(["k"]) == [("k", "film", None)]
    assert len(ledger.read_all_requests()) == 2


def test_sightings_of_several_tasks_are_one_note(ledger: Ledger) -> None:
    """In the order in which they were seen: the last of each task counts."""
    bring(ledger, State.SUBMITTED)
    seen = ("PENDING", "RUNNING", "SUCCEEDED")
    ledger.tasks_seen([Sighting("task-a", status, {}, NOW) for status in seen])
    assert ledger.attempt("a", now=NOW).task_status == "SUCCEEDED"
    ledger.tasks_seen([])
    ledger.tasks_seen([Sighting("of nobody", "RUNNING", {}, NOW)])
    assert not ledger.knows_task("of nobody")


def test_an_end_is_not_forgotten(ledger: Ledger) -> None:
    """Of two processes that look at one task the slower one writes down later what it saw
    before.
    """
    bring(ledger, State.SUBMITTED)
    ledger.tasks_seen([Sighting("task-a", "SUCCEEDED", {"usage": {"duration": 5}}, NOW + 9)])
    ledger.tasks_seen([Sighting("task-a", "RUNNING", {}, NOW + 8)])
    (entry,) = ledger.books.entries()
    assert (entry.task_status, entry.usage) == ("SUCCEEDED", {"duration": 5})


def test_how_the_tasks_of_a_lane_have_ended(ledger: Ledger) -> None:
    """The newest first, and none that goes on or of which the service told no end."""
    for number, status in enumerate(("SUCCEEDED", "RUNNING", "FAILED", "CANCELED", "SUCCEEDED")):
        lane = "other" if number == 4 else "lane"
        attempt = Attempt(f"a{number}", f"k{number}", lane, "film", State.INTENT, "mock", NOW)
        ledger.intend(attempt, request_sha256="", prompt=None, job=JOB, server_time=None)
        ledger.submitted(attempt.id, f"task-{number}", at=NOW)
        ledger.tasks_seen([Sighting(f"task-{number}", status, {"nth": number}, NOW)])
    assert [each.answer["nth"] for each in ledger.find_endings("lane", most=9)] == [2, 0]
    assert [each.answer["nth"] for each in ledger.find_endings("lane", most=1)] == [2]
    assert ledger.find_endings("lane", most=9)[0].job == JOB
    assert ledger.find_endings("nobody's", most=9) == []
