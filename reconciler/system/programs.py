"""Runs what a person wants to run when a video is there: their command, the system's opener, a
notification. Never through a shell.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

_PLACE = "{}"
_STANDARD_ERROR = 2


def place_path(command: Sequence[str], path: Path) -> list[str]:
    """The arguments of `command` with `path` in place of each `{}`, or at the end."""
    if any(_PLACE in argument for argument in command):
        return [argument.replace(_PLACE, str(path)) for argument in command]
    return [*command, str(path)]


def find_opener() -> list[str] | None:
    """The command that opens a file as a double click does; None where there is none."""
    name = "open" if sys.platform == "darwin" else "xdg-open"
    return [name] if shutil.which(name) else None


def build_notification(title: str, text: str) -> list[str] | None:
    """The command that shows a notification on this desktop; None where there is none."""
    if shutil.which("notify-send"):
        return ["notify-send", "--app-name=cutlist", "--", title, text]
    if shutil.which("osascript"):
        # the words are arguments of the script and no part of it
        script = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\n"
        return ["osascript", "-e", f"{script}end run", title, text]
    return None


async def run_program(arguments: Sequence[str], *, quiet: bool = False) -> str:
    """Run a program to its end, without input; what went wrong in words, or nothing.

    `quiet`: it is not to be seen. Otherwise what it writes goes to standard error.
    """
    output = asyncio.subprocess.DEVNULL if quiet else _STANDARD_ERROR
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
    except (OSError, ValueError) as error:
        return f"cannot be started: {getattr(error, 'strerror', None) or error}"
    code = await process.wait()
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}" if code else ""
