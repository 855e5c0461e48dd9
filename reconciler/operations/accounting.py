"""What the ledger's books say, put together for whoever asks; and what goes into them with the
next request.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reconciler.config import PROJECT_FILE, Config
from reconciler.formats.names import get_matrix_name, make_plain
from reconciler.history.cost import Budget, CostReport
from reconciler.history.log import LogRecord, build_log
from reconciler.history.spending import (
    Spending,
    Sum,
    add_up,
    add_up_spending,
    find_paid_twice,
    get_day,
)
from reconciler.operations.budget import measure_days
from reconciler.plan.selection import find_edit
from reconciler.planner import Pass
from reconciler.service.models import Models
from reconciler.state.booked import DAY_S, Entry, Holding, Origin
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Result
from reconciler.state.store import Store


def find_origin(config: Config, current: Pass, approved: bool | str) -> Origin:
    """Where a request comes from: the commit that is read or checked out, and who said yes.

    A `+` behind the commit says that the manifests are not as it has them.
    """
    from reconciler.system.git.committed import read_commit, read_head  # lazy: start-up time

    if config.committed is not None:
        commit = read_commit(config.committed.repository, config.committed.commit)
    else:
        files = {wanted.edit.file for wanted in current.desired.edits.values()}
        commit = read_head(config.root, [PROJECT_FILE, *sorted(files)])
    approver = make_plain(approved) if isinstance(approved, str) else config.approver
    if commit is None:
        return Origin(approved_by=approver)
    name = f"{commit.id}+" if commit.changed else commit.id
    return Origin(name, make_plain(commit.author), approver)


def build_cost_report(
    config: Config, store: Store, ledger: Ledger | None, current: Pass, now: float
) -> CostReport:
    """What was spent, and what became of it; `seen` tells what edits ask for now. Days are those of
    the ledger's clock; `now` is by this machine's.
    """
    entries: Sequence[Entry] = ()
    holdings: Sequence[Holding] = ()
    if ledger is not None:
        entries, holdings = ledger.books.entries_begun(), ledger.books.holdings()
        now = ledger.tell_time(now)
    results = store.find_results({entry.key for entry in entries}).results
    twice = find_paid_twice(entries, results, _find_pinned_digests(current))
    in_use = _find_keys_in_use(holdings, current)
    spent = _add_up(config, entries, holdings, in_use, twice)
    days = tuple(measure_days(config.budget, spent, now))
    return CostReport(spent, config.name, config.realm, config.account, get_day(now), days)


def add_up_days(config: Config, ledger: Ledger | None, now: float) -> tuple[Budget, ...]:
    """Each budget of a day, with what was spent of it today (UTC) by the clock of the ledger; `now`
    is by this machine's.
    """
    if not any(limit.per == "day" for limit in config.budget):
        return ()
    entries: Sequence[Entry] = ()
    if ledger is not None:
        now = ledger.tell_time(now)
        entries = ledger.books.entries_begun(since=now - now % DAY_S)
    return tuple(measure_days(config.budget, _add_up(config, entries, ()), now))


def add_up_since(config: Config, ledger: Ledger | None, moment: float) -> Sum:
    """What was spent since a moment (seconds since 1970)."""
    spent = _add_up(config, *_read_books(ledger))
    return add_up(line for line in spent.paid if line.at >= moment)


def read_log(
    store: Store, ledger: Ledger | None, models: Models, name: str | None, edits: Collection[str]
) -> Sequence[LogRecord]:
    """What happened, the newest first: all of it, or of one edit or matrix, also where it is
    none of `edits` any more.

    Raises UsageError for a name that nothing ever had.
    """
    stored = store.read_all_results().results.values()
    by_hand = [result for results in stored for result in results if result.by_hand]
    entries, holdings = _read_books(ledger)
    if name is None:
        return build_log(entries, holdings, models, by_hand=by_hand)
    happened: list[Entry | Holding | Result] = [*entries, *holdings, *by_hand]
    known = sorted({record.edit for record in happened} | set(edits))
    names = [edit for edit in known if name in (edit, get_matrix_name(edit))]
    chosen = names or [find_edit(known, name)]
    return build_log(entries, holdings, models, chosen, by_hand=by_hand)


def _read_books(ledger: Ledger | None) -> tuple[Sequence[Entry], Sequence[Holding]]:
    """The books, each read once; empty where there is no ledger yet."""
    if ledger is None:
        return (), ()
    return ledger.books.entries(), ledger.books.holdings()


def _add_up(
    config: Config,
    entries: Sequence[Entry],
    holdings: Sequence[Holding],
    in_use: Collection[str] = (),
    twice: Collection[str] = (),
) -> Spending:
    """The books added up; `in_use` are the keys that edits ask for, `twice` tasks that were paid
    for what another ledger had paid for.
    """
    return add_up_spending(
        entries,
        holdings,
        in_use=in_use,
        twice=twice,
        models=config.models,
        price_per_second=config.prices.per_second,
        currency=config.prices.currency,
    )


def _find_keys_in_use(holdings: Sequence[Holding], current: Pass) -> set[str]:
    """Keys that edits ask for now, and those whose results they have: here and in other
    environments.
    """
    keys = {edit.job.key for edit in current.resolved.values() if edit.job is not None}
    last = {(holding.edit, holding.environment): holding.key for holding in holdings}
    return keys | {key for (edit, _), key in last.items() if edit in current.resolved}


def _find_pinned_digests(current: Pass) -> dict[str, set[str]]:
    """The digests that the lock file names, by key."""
    digests: dict[str, set[str]] = {}
    old_pins = [pin for _, pin in current.observed.old_pins.values()]
    for pin in (*current.observed.pins.values(), *old_pins):
        digests.setdefault(pin.stored_under, set()).add(pin.digest)
    return digests
