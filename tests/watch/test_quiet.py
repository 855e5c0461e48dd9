"""When it is looked, as a table of moments: nothing here waits."""

from __future__ import annotations

from reconciler.watch.quiet import MOST_S, QUIET_S, WHOLE_S, Quiet


def make_quiet(*saved_at: float) -> Quiet:
    """A watch that has looked at 0, and heard saves since."""
    quiet = Quiet()
    quiet.note_look(0.0)
    for moment in saved_at:
        quiet.note(moment, named=True)
    return quiet


def test_a_save_is_looked_at_soon() -> None:
    """After the last event of it; without any, as a matter of routine."""
    assert make_quiet().find_due(often=False) == 30.0
    assert make_quiet().find_due(often=True) == 0.5
    assert make_quiet(10.0, 10.01).find_due(often=False) == 10.01 + 2 * QUIET_S


def test_a_storm_is_looked_at_all_the_same() -> None:
    """Saves without end do not put the look off for ever."""
    moments = [10.0 + number * 0.01 for number in range(200)]
    assert make_quiet(*moments).find_due(often=False) == 10.0 + MOST_S


def test_many_saves_are_waited_for_longer() -> None:
    """One save is over soon; after many in a row, the next one is expected a little longer."""
    moments = [10.0 + number * 0.01 for number in range(20)]
    assert make_quiet(*moments).find_due(often=False) == moments[-1] + 8 * QUIET_S


def test_what_is_not_whole_is_waited_for() -> None:
    """For a moment, counted from the last save; then the fault is shown."""
    quiet = make_quiet(10.0)
    assert quiet.wait_until_whole(10.0 + QUIET_S)
    assert quiet.find_due(often=False) == 10.0 + WHOLE_S
    assert not quiet.wait_until_whole(10.0 + WHOLE_S)
    storm = make_quiet(10.0, 10.0 + MOST_S)
    assert storm.wait_until_whole(10.0 + MOST_S)  # once more, and no longer than that
    assert not storm.wait_until_whole(10.0 + MOST_S + WHOLE_S)
    assert not make_quiet().wait_until_whole(1.0)  # nobody is saving


def test_one_more_look_follows() -> None:
    """A second after a look for which there was a reason, and not after that one."""
    quiet = make_quiet(10.0)
    quiet.note_look(10.1)
    assert quiet.find_due(often=False) == 11.1
    quiet.note_look(11.1)
    assert quiet.find_due(often=False) == 41.1


def test_what_nobody_names_is_looked_at_seldom() -> None:
    """Another program that writes and writes costs four looks a second, and holds up no save."""
    quiet = make_quiet()
    quiet.note_look(10.0)
    quiet.note(10.01, named=False)
    quiet.note(10.02, named=False)
    assert quiet.find_due(often=False) == 10.25
    quiet.note(10.05, named=True)
    assert quiet.find_due(often=False) == 10.05 + QUIET_S
    assert not quiet.is_over


def test_who_saves_on_and_on_is_waited_for_longer() -> None:
    """Each pass that a save ends makes the next one wait twice as long, until one goes through."""
    quiet = make_quiet()
    for _ in range(10):
        quiet.note_superseded()
    quiet.note(10.0, named=True)
    assert quiet.find_due(often=False) == 10.0 + 16 * QUIET_S
    quiet.note_end()
    quiet.note_look(10.0)
    quiet.note(10.1, named=True)
    assert quiet.find_due(often=False) == 10.1 + QUIET_S
