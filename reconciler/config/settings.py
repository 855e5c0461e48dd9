"""The settings of one project, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from reconciler.formats.bucket_address import BucketAddress
from reconciler.formats.document import Document
from reconciler.formats.secret import Secret
from reconciler.formats.signed_urls import Signatures
from reconciler.formats.values import value
from reconciler.service.endpoints import Endpoint, Realm
from reconciler.service.model_files import load_models
from reconciler.service.models import Models
from reconciler.service.routes import Routes

PROJECT_FILE = "cutlist.yaml"
STATE_DIR = ".cutlist"
MOCK_KEY = "sk-mock"


@value(frozen=True, slots=True)
class Prices:
    """What a billable second costs, by model and tier; empty when the project file names
    no prices.
    """

    currency: str = ""
    models: Mapping[str, float | Mapping[str, float]] = field(default_factory=dict)

    def per_second(self, model: str, tier: str | None) -> float | None:
        """The price of one billable second, or None when it is not configured."""
        price = self.models.get(model)
        if isinstance(price, Mapping):
            return price.get(tier) if tier is not None else None
        return price


@value(frozen=True, slots=True)
class Limit:
    """What may be spent in one apply, or in one day (UTC), in the currency of the prices."""

    name: str  # where it stands in its file
    per: Literal["apply", "day"]
    amount: float
    # a day's limit counts what this environment spends; None: what all of them spend
    environment: str | None = None
    file: str = PROJECT_FILE


@value(frozen=True, slots=True)
class CommittedFolder:
    """The folder of a project in a commit, which is read from the repository."""

    repository: Path  # where git is asked: a work tree, a folder of one, or a bare repository
    commit: str  # its whole id
    path: str = ""  # where the folder lies, from `repository` on; empty: just there


@value(frozen=True, slots=True)
class Config:
    """Everything that the project file, the environment and the command line decide."""

    root: Path  # where outputs are written, and manifests are read unless `committed` says where
    name: str
    document: Document
    manifests: tuple[str, ...]
    endpoint: Endpoint
    account: str
    workspace: str
    api_key: Secret
    shared_store: bool  # whether the store may have other ledgers than this one
    store_dir: Path  # blobs and results, unless they lie in a bucket; per realm
    bucket: BucketAddress | None  # where they lie instead; per realm
    most_copied_bytes: int  # of what this machine keeps of a bucket
    state_dir: Path  # ledger and lock; per realm, on a local disk
    defaults: Mapping[str, Any]
    environment: str  # chosen with --env; "default": none
    overlay: Mapping[str, Any]  # what the environment lays over every edit
    prices: Prices
    budget: tuple[Limit, ...]
    approver: str  # who answers for what is spent
    running_tasks: int | None
    poll_interval_s: float | None
    settle_s: float
    prune: bool  # whether outputs that no manifest asks for any more are removed
    prune_most: int  # and how many of them at once, at most
    result_hosts: tuple[str, ...]
    routes: Routes  # proxies and certificates
    signatures: Signatures  # what of a link is no part of a key
    home: Path  # what is ours beside outputs: the cache, and notes of what was written
    lock_dir: Path  # where cutlist.lock lies
    committed: CommittedFolder | None = None  # None: manifests and media are files below `root`
    # a document whose `spec.policy` holds besides the project's, which cannot waive it; of a
    # controller, whose project file anybody can change who commits
    policy_floor: Document | None = None

    # the address of a ledger that several machines share; empty: a file in `state_dir`
    ledger: Secret = field(default_factory=lambda: Secret(""))

    workers: bool = False  # whether an apply leaves the work to workers
    # the shipped ones, and those of the project's own (desired.source.own_models)
    models: Models = field(default_factory=load_models)

    @property
    def leaves_work(self) -> bool:
        """Whether others carry out what an apply here orders. What the bundled server renders is of
        this machine alone.
        """
        return self.workers and not self.endpoint.bundled

    @property
    def shares_ledger(self) -> bool:
        """Whether the ledger is one that several machines share. The bundled server's tasks are of
        this machine alone, and so is their ledger.
        """
        return bool(self.ledger) and not self.endpoint.bundled

    @property
    def realm(self) -> Realm:
        """Whether money is spent here."""
        return self.endpoint.realm

    @property
    def cache_dir(self) -> Path:
        """What can be made anew at any time."""
        return self.home / "cache"

    @property
    def ledger_file(self) -> Path:
        """The ledger of this clone; where it shares one, what it had before."""
        return self.state_dir / "ledger.db"

    @property
    def outputs_file(self) -> Path:
        """Which outputs we wrote, in either realm."""
        return self.home / "outputs.json"
