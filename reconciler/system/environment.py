"""Reads what the environment says about the screen and the user's own folders. The settings of a
project are in config/variables.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from reconciler.formats.values import value


@value(frozen=True, slots=True)
class ScreenWishes:
    """What people and their systems ask of every program: no-color.org, force-color.org, TERM, CI,
    COLUMNS.
    """

    columns: int | None = None  # the width, whatever the terminal says
    colour: bool | None = None  # None: where there is a terminal that can
    moving: bool = True  # whether lines may be drawn again in place

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> ScreenWishes:
        """NO_COLOR wins over FORCE_COLOR, as an empty one of either says nothing."""
        env = os.environ if environ is None else environ
        dumb = env.get("TERM", "") in ("dumb", "unknown")
        colour = False if env.get("NO_COLOR") else True if env.get("FORCE_COLOR") else None
        given = env.get("COLUMNS", "")
        return cls(
            columns=int(given) if given.isascii() and given.isdigit() and int(given) else None,
            colour=False if colour is None and dumb else colour,
            moving=not dumb and env.get("CI", "").lower() in ("", "0", "false"),
        )


def read_variables() -> Mapping[str, str]:
    """All of it: for whoever has to take it out of a text, and what a shell says of a line that is
    to be completed.
    """
    return dict(os.environ)


def find_state_folder(environ: Mapping[str, str] | None = None) -> Path | None:
    """Where we keep what is the user's own and of this machine: `cutlist` in XDG_STATE_HOME, else
    in ~/.local/state. None where the environment names neither by an absolute path.
    """
    env = os.environ if environ is None else environ
    home = env.get("HOME", "")
    for folder in (env.get("XDG_STATE_HOME", ""), f"{home}/.local/state" if home else ""):
        if folder.startswith("/"):
            return Path(folder) / "cutlist"
    return None
