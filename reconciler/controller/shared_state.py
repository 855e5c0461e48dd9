"""Where the state of a Sync lies that several machines share: its ledger and its bucket.

Both are named by the operator, in the document or in the controller's environment, and never by a
commit: whoever could move the ledger could have everything paid for again.
"""

from __future__ import annotations

from reconciler.config.loading import read_named_bucket, require_ledger_address
from reconciler.config.variables import Variables
from reconciler.controller.documents import Sync
from reconciler.formats.bucket_address import BucketAddress, parse_bucket_address
from reconciler.formats.secret import Secret
from reconciler.service.endpoints import Endpoint, find_endpoint
from reconciler.state.ledger.address import LedgerAddress


def name_project(sync: Sync) -> str:
    """What the project of a Sync is called in a ledger and a store that are shared. A commit that
    could choose the name could begin its budgets anew.
    """
    return sync.project or sync.name


def choose_ledger(sync: Sync, variables: Variables) -> Secret:
    """The address of the shared ledger; empty where the ledger is a file. Raises UsageError where
    the environment names something else.
    """
    require_ledger_address(variables)
    return Secret(sync.ledger) if sync.ledger else variables.ledger


def choose_bucket(sync: Sync, variables: Variables) -> BucketAddress | None:
    """The bucket for results; None where they lie in the state folder. Raises UsageError where the
    environment names an address that is none.
    """
    return parse_bucket_address(sync.store) if sync.store else read_named_bucket(variables)


def find_sync_endpoint(sync: Sync) -> Endpoint:
    """Who renders for a Sync, as its document says. Raises InvalidInput."""
    said = {"endpoint": sync.endpoint, "workspace": sync.workspace}
    if sync.realm is not None:
        said["realm"] = sync.realm
    return find_endpoint(sync.endpoint, said, "endpoint", sync.place)


def find_shared_ledger(sync: Sync, variables: Variables) -> LedgerAddress | None:
    """The shared ledger of a Sync; None where it has a file, as it always has at the bundled
    server. Raises UsageError, InvalidInput.
    """
    ledger, endpoint = choose_ledger(sync, variables), find_sync_endpoint(sync)
    if not ledger or endpoint.bundled:
        return None
    return LedgerAddress(ledger.reveal(), endpoint.realm, sync.account)
