"""`python -m tests.crash.clocked SECONDS ARGUMENTS…`: the real command on a machine whose clock is
so many seconds ahead (below 0: behind).

The clock is put in the place of the machine's own by test code; the product has no switch for it,
and the machine's clock stays as it is.
"""

from __future__ import annotations

import sys

from reconciler.cli import main as run_command
from reconciler.project import base
from reconciler.system.clock import SystemClock

CLOCKED_MAIN = "tests.crash.clocked:main"


class WrongClock(SystemClock):
    """The machine's time, wrong by `error_s`; what only grows, and chance, are its own."""

    def __init__(self, error_s: float) -> None:
        super().__init__()
        self._error_s = error_s

    def now(self) -> float:
        return super().now() + self._error_s


def set_clock(error_s: float) -> None:
    """From here on every project that is opened has that clock."""
    base.SystemClock = lambda: WrongClock(error_s)  # type: ignore[assignment,misc]


def main() -> None:
    """Set the clock wrong by the first argument, and run the command of the others."""
    set_clock(float(sys.argv[1]))
    run_command(sys.argv[2:])


if __name__ == "__main__":
    main()
