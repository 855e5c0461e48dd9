"""What long runs over seeds print: broken promises as they come, then how often each thing
happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NoReturn

import click


class Tally:
    """Adds up what batches of seeds report."""

    def __init__(self) -> None:
        self.happened: Counter[str] = Counter()
        self._failures = 0

    def add(self, happened: Counter[str], broken: Iterable[str]) -> None:
        """One batch: its counters, and a line for each seed that broke a promise."""
        self.happened += happened
        for words in broken:
            self._failures += 1
            click.echo(words)

    def close(self, measured: str) -> NoReturn:
        """Print everything; exit 1 when a promise was broken."""
        for name, count in sorted(self.happened.items()):
            click.echo(f"{name:32} {count}")
        click.echo(f"{measured}; {self._failures} seeds broke a promise")
        raise SystemExit(bool(self._failures))
