"""What those who share a ledger know of the account's list of tasks in flight: values and protocol.
Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from reconciler.formats.values import value

READ_WITHIN_S = 10.0  # of the last sign of a reader: after that another one may read in its place


@value(frozen=True, slots=True)
class KnownList:
    """What is known of the account's list of tasks in flight, as one process has read it for all
    who share the ledger.
    """

    shown: Mapping[str, str]  # by task: the status of those asked about that are in flight
    age_s: float  # since the newest whole reading was begun; infinity where there is none
    pages: int  # that it had
    is_read_by_another: bool  # and that one reads on


@value(frozen=True, slots=True)
class ListReading:
    """A reading of the list that was begun, for all."""

    begun_at: float  # by the clock of the ledger, in seconds since 1970
    tasks: int  # that the ledger has at the service, of everybody together


class TaskList(Protocol):
    """The account's list of tasks in flight at an endpoint, which one of those who share a ledger
    reads for all, and writes down page by page. What a late reading says never replaces what a
    later one has shown.
    """

    def find(self, endpoint: str, task_ids: Collection[str], *, trust_s: float) -> KnownList:
        """What the newest whole reading, or one that was begun after it, has shown of some tasks;
        of what was read more than `trust_s` ago nothing.
        """

    def begin(self, endpoint: str) -> ListReading | None:
        """Begin a reading for all; None while another process that lives is at it. Whoever reads on
        is the next one as well, and gives way once it has noted nothing for `READ_WITHIN_S`.
        """

    def note(self, endpoint: str, statuses: Mapping[str, str], reading: ListReading) -> bool:
        """Write down what a page has shown, by task. Whether this process is to read on."""

    def finish(self, endpoint: str, reading: ListReading, *, pages: int) -> None:
        """A reading was whole: what it lacks, and was there before, is in flight no more."""
