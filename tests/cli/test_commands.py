"""The group of commands: each is loaded by its name, and a slip is told the nearest."""

from __future__ import annotations

import pytest

from reconciler.cli.main import COMMANDS, load_command, run
from reconciler.errors import EXIT_USAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_found_under_its_name(name: str) -> None:
    """A name of the list loads a command of that name."""
    assert load_command(name).name == name


@pytest.mark.parametrize(
    ("slip", "meant"), [("aply", "apply"), ("statsu", "status"), ("imprt", "import")]
)
def test_a_slip_is_told_the_nearest(
    capsys: pytest.CaptureFixture[str], slip: str, meant: str
) -> None:
    """Nothing was loaded by name before, and every name is compared all the same."""
    assert run([slip]) == EXIT_USAGE
    assert f"No such command '{slip}'. Did you mean '{meant}'?" in capsys.readouterr().err
