"""What a commit cannot change: who renders, for whose money, and how much of it.

The project file of a commit says what is asked for. Endpoint, account, prices and ceilings are
those of the `kind: Sync` document; the repository may only be stricter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.config import CommittedFolder, Config, Limit, Variables, build_committed_config
from reconciler.controller.documents import Sync
from reconciler.controller.places import SyncPlaces
from reconciler.controller.shared_state import (
    choose_bucket,
    choose_ledger,
    find_sync_endpoint,
    name_project,
)
from reconciler.formats.document import Document
from reconciler.formats.names import NO_ENVIRONMENT, make_plain

_SYNC_FILE = "the Sync document"
_LEAST_POLL_S = 5.0
_MOST_RUNNING_TASKS = 100
_MOST_COPIED_BYTES = 20 << 30  # of a bucket, on the controller's disk


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a commit asks for, within what its Sync allows; and in words what it asked for beyond
    that.
    """

    config: Config
    refusals: tuple[str, ...] = ()


def guard_config(
    sync: Sync,
    places: SyncPlaces,
    document: Document,
    folder: CommittedFolder,
    lock_dir: Path,
    variables: Variables,
) -> Guarded:
    """The Config of a commit whose project file is `document`; its lock file lies in `lock_dir`.

    Raises InvalidInput, UsageError where the project file has faults of its own.
    """
    endpoint = find_sync_endpoint(sync)
    asked = build_committed_config(
        document,
        folder,
        endpoint=endpoint,
        environment=sync.environment or NO_ENVIRONMENT,
        outputs=places.outputs,
        home=places.home,
        lock_dir=lock_dir,
        variables=variables,
        name=name_project(sync),
        ledger=choose_ledger(sync, variables),
        bucket=choose_bucket(sync, variables),
    )
    prices = sync.prices if sync.prices.models else asked.prices
    config = replace(
        asked,
        account=sync.account,
        workspace=sync.workspace,
        prices=prices,
        budget=(*asked.budget, *_list_ceilings(sync)),
        shared_store=False,
        most_copied_bytes=min(asked.most_copied_bytes, _MOST_COPIED_BYTES),
        policy_floor=sync.policy,
        result_hosts=asked.result_hosts if endpoint.loopback else (),
        approver=f"cutlist sync {sync.name}",
    )
    if not endpoint.loopback and config.poll_interval_s is not None:
        # all Syncs of an account are counted together by the service
        config = replace(config, poll_interval_s=max(config.poll_interval_s, _LEAST_POLL_S))
    if not endpoint.loopback and config.running_tasks is not None:
        # what a commit has sent cannot be called back by the next one
        config = replace(config, running_tasks=min(config.running_tasks, _MOST_RUNNING_TASKS))
    return Guarded(config, tuple(_find_refusals(sync, document)))


def _list_ceilings(sync: Sync) -> Iterator[Limit]:
    """The limits of the Sync, which hold beside the project's."""
    if sync.budget.per_pass is not None:
        yield Limit("budget.per_pass", "apply", sync.budget.per_pass, file=_SYNC_FILE)
    if sync.budget.per_day is not None:
        yield Limit("budget.per_day", "day", sync.budget.per_day, file=_SYNC_FILE)


def _find_refusals(sync: Sync, document: Document) -> Iterator[str]:
    """What the project file asks for and does not get, each in a sentence with its place."""
    spec = document.data.get("spec") or {}
    guarded = {
        "endpoint": sync.endpoint,
        "account": sync.account,
        "workspace": sync.workspace,
    }
    for field, held in guarded.items():
        asked = spec.get(field, held)
        if asked != held:
            words = f"{field} {make_plain(str(asked))} is not taken from a commit"
            yield f"{document.place(f'/spec/{field}')}: {words}{_say_held(field, held)}"
    for field, held in {"ledger": sync.ledger, "store": sync.store}.items():
        if spec.get(field, held) != held:  # an address may have a secret in it: it is not shown
            yield f"{document.place(f'/spec/{field}')}: {field} is not taken from a commit"
    if "prices" in spec and sync.prices.models and _differs(spec["prices"], sync):
        words = "prices are those of the Sync document, not of a commit"
        yield f"{document.place('/spec/prices', key=True)}: {words}"


def _say_held(field: str, held: str) -> str:
    return f"; the Sync says {held}" if held else f"; a Sync has no {field}"


def _differs(prices: object, sync: Sync) -> bool:
    own = {"currency": sync.prices.currency, "models": dict(sync.prices.models)}
    return prices != own
