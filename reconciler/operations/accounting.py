"""What the ledger's books say, put together for whoever asks; and what goes into them with the next
request.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reconciler.config import PROJECT_FILE, Config
from reconciler.formats.names import made_plain, matrix_of
from reconciler.history.spending import Spending, day_of, paid_twice, spending
from reconciler.operations import budget
from reconciler.plan.selection import the_edit
from reconciler.planner import Pass
from reconciler.report.cost import Account, Budget
from reconciler.report.log import Record, log
from reconciler.service.models import Models
from reconciler.state.booked import Entry, Holding, Origin
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Result
from reconciler.system import git, shipped


def origin(config: Config, seen: Pass, approved: bool | str) -> Origin:
    """The commit that is checked out, marked where the manifests are not as it has them; and who
    said yes.
    """
    files = {each.edit.document.file for each in seen.desired.edits.values()}
    commit = git.head(config.root, [PROJECT_FILE, *sorted(files)])
    by = made_plain(approved) if isinstance(approved, str) else config.approver
    if commit is None:
        return Origin(approved_by=by)
    return Origin(f"{commit.id}{'+' if commit.changed else ''}", made_plain(commit.author), by)


def account(config: Config, ledger: Ledger | None, seen: Pass, now: float) -> Account:
    """What was spent, and what became of it; `seen` tells what edits ask for now."""
    entries, holdings = _read(ledger)
    twice = paid_twice(entries, seen.observed.results, _pinned(seen))
    spent = _spending(config, entries, holdings, _in_use(holdings, seen), twice)
    days = tuple(budget.today(config.budget, spent, now))
    return Account(spent, config.name, config.realm, config.account, day_of(now), days)


def days(config: Config, ledger: Ledger | None, now: float) -> tuple[Budget, ...]:
    """Each budget of a day, with what was spent of it on the day of `now` (UTC)."""
    if not any(limit.per == "day" for limit in config.budget):
        return ()
    return tuple(budget.today(config.budget, _spending(config, *_read(ledger)), now))


def records(
    ledger: Ledger | None, name: str | None, edits: Collection[str], by_hand: Sequence[Result] = ()
) -> Sequence[Record]:
    """What happened, the newest first: all of it, or of one edit or matrix, also where it is
    none of `edits` any more. `by_hand` are results that were imported from files.

    Raises UsageError for a name that nothing ever had.
    """
    entries, holdings = _read(ledger)
    if name is None:
        return log(entries, holdings, by_hand=by_hand)
    happened: list[Entry | Holding | Result] = [*entries, *holdings, *by_hand]
    known = sorted({each.edit for each in happened} | set(edits))
    names = [each for each in known if name in (each, matrix_of(each))]
    return log(entries, holdings, names or [the_edit(known, name)], by_hand=by_hand)


def _read(ledger: Ledger | None) -> tuple[Sequence[Entry], Sequence[Holding]]:
    """The books, each read once."""
    return (ledger.books.entries(), ledger.books.holdings()) if ledger is not None else ((), ())


def _spending(
    config: Config,
    entries: Sequence[Entry],
    holdings: Sequence[Holding],
    in_use: Collection[str] = (),
    twice: Collection[str] = (),
) -> Spending:
    """The books added up; `in_use` are the keys that edits ask for, `twice` tasks that were paid
    for what another ledger had paid for.
    """
    return spending(
        entries,
        holdings,
        in_use=in_use,
        twice=twice,
        models=Models.of(shipped.model_documents()),
        price_per_second=config.prices.per_second,
        currency=config.prices.currency,
    )


def _in_use(holdings: Sequence[Holding], seen: Pass) -> set[str]:
    """Keys that edits ask for now, and those whose results they have: here and in other
    environments.
    """
    asked = {each.job.key for each in seen.resolved.values() if each.job is not None}
    last = {(each.edit, each.environment): each.key for each in holdings}
    return asked | {key for (edit, _), key in last.items() if edit in seen.resolved}


def _pinned(seen: Pass) -> dict[str, set[str]]:
    """The digests that the lock file names, by key."""
    pinned: dict[str, set[str]] = {}
    for pin in (*seen.observed.pins.values(), *(pin for _, pin in seen.observed.old_pins.values())):
        pinned.setdefault(pin.key, set()).add(pin.digest)
    return pinned
