"""What a `kind: Sync` document asks of the controller: which repository is rendered where, and with
which limits.

It lies on the disk of whoever runs the controller and never in the repository: what stands in it
cannot be changed by a commit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reconciler.config.settings import Prices
from reconciler.errors import Place
from reconciler.formats.document import Document
from reconciler.service.endpoints import Realm

ApplyMode = Literal["auto", "approve", "never"]
NotifiedEvent = Literal["applied", "failed", "needsPerson", "planned"]


@dataclass(frozen=True, slots=True)
class Repository:
    """The project that is rendered: `path` in the repository at `url`, at the tip of `ref`."""

    url: str
    ref: str = "main"  # a branch, or the full name of a ref
    path: str = "."  # of the folder of cutlist.yaml, with / and without a last one
    depth: int = 1  # commits of the ref that are fetched
    token_from: str = ""  # name of the variable with the token for https; empty: git's own helpers


@dataclass(frozen=True, slots=True)
class SpendLimits:
    """What may be spent at most, in the currency of the document's prices; None: no limit."""

    per_pass: float | None = None
    per_day: float | None = None  # a day of UTC


@dataclass(frozen=True, slots=True)
class Verification:
    """Which signature a commit needs before anything of it is believed."""

    mode: Literal["none", "ssh", "gpg"] = "none"
    # on the controller's disk: ssh's file of allowed signers, or gpg's keyring
    signers: Path | None = None


@dataclass(frozen=True, slots=True)
class ProviderAddress:
    """Where the pull requests of a repository are."""

    kind: Literal["github", "gitlab", "gitea"]
    repo: str  # owner/name; at GitLab with all groups above it
    api_url: str = ""  # empty: the provider's public one
    token_from: str = ""  # name of the environment variable with the token


@dataclass(frozen=True, slots=True)
class PullRequestRules:
    """What pull requests get from the controller."""

    comment: bool = True
    status: bool = True
    forks: bool = False  # whether the manifests of forks are read at all


@dataclass(frozen=True, slots=True)
class WriteBack:
    """Whether cutlist.lock is committed and pushed after an apply, and as whom."""

    lock: bool = False
    author: str = "cutlist <cutlist@localhost>"


@dataclass(frozen=True, slots=True)
class Notification:
    """Somebody who is told of what happens."""

    kind: Literal["slack", "webhook"]
    url_from: str  # name of the environment variable with the address, which is a secret
    on: tuple[NotifiedEvent, ...] = ("applied", "failed", "needsPerson")
    secret_from: str = ""  # name of the environment variable with the key that signs (webhook)


@dataclass(frozen=True, slots=True)
class Sync:
    """One `kind: Sync` document, checked."""

    name: str
    repository: Repository
    environment: str | None = None  # None: the project as it stands
    interval_s: float = 60.0
    retry_interval_s: float = 20.0  # after a failure; grows up to the interval
    timeout_s: float = 7200.0  # of one pass
    suspend: bool = False
    endpoint: str = "mock"  # as service.endpoints.find_endpoint takes it
    realm: Realm | None = None  # of an endpoint that is a URL; None: as its host tells
    account: str = "default"
    workspace: str = ""  # the vendor's, where the account has several
    project: str = ""  # its name in what several machines share; empty: the Sync's name
    # addresses of what several machines share, without a secret; empty: as the environment says
    ledger: str = ""
    store: str = ""
    # of the document its `policy` alone: rules that every edit keeps besides the project's own
    policy: Document | None = None
    outputs: Path | None = None  # absolute; None: results stay in the store
    mode: ApplyMode = "auto"
    budget: SpendLimits = field(default_factory=SpendLimits)
    prices: Prices = field(default_factory=Prices)
    self_heal: bool = True
    verification: Verification = field(default_factory=Verification)
    provider: ProviderAddress | None = None
    pull_requests: PullRequestRules = field(default_factory=PullRequestRules)
    write_back: WriteBack = field(default_factory=WriteBack)
    notifications: tuple[Notification, ...] = ()
    webhook_secret_from: str = ""  # name of the environment variable; empty: no webhooks
    place: Place = field(default_factory=lambda: Place("command line"))  # for errors
