"""What a ledger in PostgreSQL holds: the six transactions of a task, over and over, by one process
and by eight at once.

The server is one of this machine that does not wait for its disk: what counts is the work of the
ledger, and how its one lock is handed on.
"""

from __future__ import annotations

import multiprocessing
import time
from functools import partial
from multiprocessing.synchronize import Barrier

from frame import tell_value

from reconciler.state.booked import Holding
from reconciler.state.ledger import Sighting
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.observed import State
from tests.postgres import find_server, make_address, open_ledger
from tests.state.ledgers import NOW, held, intend

TRANSACTIONS, TASKS, ROUNDS = 6, 480, 3
ASKED_PER_S = {1: None, 8: 1_000.0}  # by how many write at once; of one it is only told


def write(address: LedgerAddress, number: int, tasks: int, start: Barrier) -> None:
    """Carry tasks through the ledger, as a process does that renders them."""
    ledger = open_ledger(address, id_=str(number))
    start.wait()
    for each in range(tasks):
        name = f"{number}-{each}"
        ledger.take_turn(name, 1_000.0)
        intend(ledger, name, name, name, most_running=tasks)
        ledger.submitted(name, f"task {name}", at=NOW)
        ledger.tasks_seen([Sighting(f"task {name}", "SUCCEEDED", {}, NOW)])
        ledger.end(name, State.SUCCEEDED, at=NOW)
        ledger.books.hold(partial(_list_held, name))
    start.wait()
    ledger.close()


def _list_held(name: str) -> list[Holding]:
    return [held(name, name)]


def measure_per_s(writers: int) -> float:
    """Transactions a second of so many processes together."""
    address, start = make_address(), multiprocessing.Barrier(writers + 1)
    open_ledger(address).close()
    processes = [
        multiprocessing.Process(target=write, args=(address, each, TASKS // writers, start))
        for each in range(writers)
    ]
    for process in processes:
        process.start()
    start.wait()
    begun = time.perf_counter()
    start.wait()
    took_s = time.perf_counter() - begun
    for process in processes:
        process.join()
    return TASKS * TRANSACTIONS / took_s


def main() -> None:
    find_server()
    for writers, allowed in ASKED_PER_S.items():
        values = [measure_per_s(writers) for _ in range(ROUNDS)]
        tell_value(
            f"transactions of a shared ledger, {writers} writing at once",
            values,
            allowed=allowed,
            unit="a second",
            at_least=True,
        )


if __name__ == "__main__":
    main()
