"""From the folder of a project to its Config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.config.ledger_url import describe_url_fault
from reconciler.config.project_file import find_overlay, list_manifests, read_project_file
from reconciler.config.settings import (
    MOCK_KEY,
    PROJECT_FILE,
    STATE_DIR,
    CommittedFolder,
    Config,
    Limit,
    Prices,
)
from reconciler.config.variables import Variables, find_user_name
from reconciler.errors import CutlistError, Fault, InvalidInput, ProjectNotFound, UsageError
from reconciler.formats.bucket_address import (
    BucketAddress,
    names_bucket,
    parse_bucket_address,
)
from reconciler.formats.document import Document
from reconciler.formats.names import NO_ENVIRONMENT, make_plain
from reconciler.formats.secret import Secret
from reconciler.formats.signed_urls import Signatures
from reconciler.formats.sizes import parse_size
from reconciler.service.endpoints import Endpoint, find_endpoint
from reconciler.system import shipped
from reconciler.system.cache import Cache, open_cache
from reconciler.system.files import EscapesRoot, resolve_inside

_SETTLE_S = 120.0  # how long after a lost answer the service is asked, where nobody says otherwise
_SETTLE_LOOPBACK_S = 2.0  # the same for a server on this machine
_SETTLE_SHARED_S = 5.0  # at least, where others may have sent what is asked for
_PRUNE_MOST = 10
_MOST_COPIED = "20GiB"


def find_root(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds cutlist.yaml. Raises ProjectNotFound."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise ProjectNotFound(
        f"no {PROJECT_FILE} in {start} or any folder above it.",
        hint="Run `cutlist init` to start a project here, or name its folder: `cutlist -C DIR …`.",
    )


def load_config(
    start: Path,
    *,
    endpoint: str | None = None,
    environment: str | None = None,
    variables: Variables | None = None,
) -> Config:
    """The Config of the project around `start`. `endpoint` and `environment` are of the command
    line, which wins over the process environment (`variables`) and the file.

    Raises ProjectNotFound, InvalidInput (with all faults of the project file), UsageError.
    """
    variables = Variables.read() if variables is None else variables
    root = find_root(start)
    try:
        raw = (root / PROJECT_FILE).read_bytes()
    except OSError as error:
        raise CutlistError(f"{PROJECT_FILE} cannot be read: {error.strerror}.") from error
    document = read_project_file(raw, open_cache(root / STATE_DIR / "cache"))
    spec: Mapping[str, Any] = document.data.get("spec") or {}
    target = _choose_endpoint(document, spec, endpoint, variables)
    chosen = environment or variables.environment or NO_ENVIRONMENT
    overlay = find_overlay(spec, chosen, "--env" if environment else "CUTLIST_ENV")
    bucket = _find_bucket(spec, variables, document)
    store_dir = root / STATE_DIR if bucket else _find_store(root, spec, variables, document)
    config = _build_config(document, root, store_dir, target, chosen, overlay, variables, bucket)
    ledger = variables.ledger or Secret(spec.get("ledger", ""))
    require_ledger_address(variables)
    shared = _share_ledger(config, ledger)
    if shared.shares_ledger:
        _require_name(shared)
    return shared


def build_committed_config(
    document: Document,
    folder: CommittedFolder,
    *,
    endpoint: Endpoint,
    environment: str,
    outputs: Path,
    home: Path,
    lock_dir: Path,
    variables: Variables,
    name: str,
    ledger: Secret | None = None,
    bucket: BucketAddress | None = None,
) -> Config:
    """The Config of a project that is read from a commit and rendered by a program of its own.

    Its project file says what is asked for. Where outputs go (`outputs`), where state lies
    (`home`, `ledger`, `bucket`), what it is called there (`name`), and who renders it (`endpoint`),
    it cannot say. Raises UsageError where it does not name the environment.

    Nor can it say that a request is taken for lost, and sent again, sooner than usual.
    """
    spec: Mapping[str, Any] = document.data.get("spec") or {}
    overlay = find_overlay(spec, environment, "the environment", f"{PROJECT_FILE} of the commit")
    config = _build_config(
        document, outputs, home, endpoint, environment, overlay, variables, bucket
    )
    shared = _share_ledger(replace(config, name=name), ledger or Secret(""))
    return replace(
        shared,
        home=home,
        lock_dir=lock_dir,
        state_dir=home / endpoint.realm,
        committed=folder,
        workers=False,
        settle_s=max(shared.settle_s, _choose_settle_s(endpoint)),
    )


def _build_config(
    document: Document,
    root: Path,
    store_dir: Path,
    target: Endpoint,
    environment: str,
    overlay: Mapping[str, Any],
    variables: Variables,
    bucket: BucketAddress | None = None,
) -> Config:
    spec: Mapping[str, Any] = document.data.get("spec") or {}
    limits, prices, prune = (spec.get(name, {}) for name in ("limits", "prices", "prune"))
    return Config(
        root=root,
        name=(document.data.get("metadata") or {}).get("name", root.name),
        document=document,
        manifests=list_manifests(spec),
        endpoint=target,
        account=spec.get("account", "default"),
        workspace=spec.get("workspace", ""),
        api_key=_choose_key(target, variables),
        shared_store=spec.get("shared_store", False),
        store_dir=store_dir / target.realm,
        bucket=bucket.join(target.realm) if bucket is not None else None,
        most_copied_bytes=parse_size(spec.get("cache", _MOST_COPIED)),
        state_dir=root / STATE_DIR / target.realm,
        defaults=spec.get("defaults", {}),
        environment=environment,
        overlay=overlay,
        prices=Prices(prices.get("currency", ""), prices.get("models", {})),
        budget=tuple(_list_limits(spec, overlay, environment)),
        approver=make_plain(variables.approver or find_user_name()),
        running_tasks=limits.get("running_tasks"),
        poll_interval_s=limits.get("poll_interval_s"),
        settle_s=limits.get("settle_s", _choose_settle_s(target)),
        prune=prune.get("enabled", False),
        prune_most=prune.get("most", _PRUNE_MOST),
        result_hosts=tuple(spec.get("result_hosts", ())),
        routes=variables.routes,
        signatures=Signatures.of(
            shipped.read_signatures(), spec.get("identity", {}).get("ignore_query", ())
        ),
        home=root / STATE_DIR,
        lock_dir=root,
        workers=spec.get("workers", False),
    )


def require_ledger_address(variables: Variables) -> None:
    """Raises UsageError where CUTLIST_LEDGER is no address, in words that do not show it."""
    fault = describe_url_fault(variables.ledger.reveal()) if variables.ledger else ""
    if fault:
        raise UsageError(f"CUTLIST_LEDGER is no address of a shared ledger: {fault}.")


def _share_ledger(config: Config, ledger: Secret) -> Config:
    """The same with a ledger that several machines share, where one is named."""
    shared = replace(config, ledger=ledger)
    if not shared.shares_ledger:
        return shared
    return replace(shared, settle_s=max(config.settle_s, _SETTLE_SHARED_S))


def _require_name(config: Config) -> None:
    """Raises UsageError where nothing tells the project from others in a shared ledger: two
    repositories may have theirs at the same path.
    """
    if "name" not in (config.document.data.get("metadata") or {}):
        raise UsageError(
            f"a shared ledger keeps projects apart by their names, and {PROJECT_FILE} says none.",
            hint="Say `metadata: {name: …}`: the folder may be called otherwise on each machine.",
        )


def replace_project_file(config: Config, raw: bytes, revision: str, cache: Cache) -> Config:
    """`config` with what the cutlist.yaml of a revision (`raw`) asks for: manifests, defaults and
    environments. Where and how it is rendered stays.

    Raises InvalidInput, UsageError.
    """
    document = read_project_file(raw, cache)
    spec: Mapping[str, Any] = document.data.get("spec") or {}
    overlay = find_overlay(
        spec, config.environment, "the environment", f"{PROJECT_FILE} of {revision}"
    )
    return replace(
        config,
        document=document,
        manifests=list_manifests(spec),
        defaults=spec.get("defaults", {}),
        overlay=overlay,
    )


def list_other_environments(config: Config) -> Iterator[Config]:
    """The same project in each of its other environments, and without one."""
    spec: Mapping[str, Any] = config.document.data.get("spec") or {}
    for name in (NO_ENVIRONMENT, *spec.get("environments", {})):
        if name != config.environment:
            overlay = find_overlay(spec, name, "environments")
            limits = tuple(_list_limits(spec, overlay, name))
            yield replace(config, environment=name, overlay=overlay, budget=limits)


def _choose_endpoint(
    document: Document, spec: Mapping[str, Any], endpoint: str | None, variables: Variables
) -> Endpoint:
    """The endpoint of the command line, else of the environment, else of the project file."""
    if endpoint:
        return find_endpoint(endpoint, spec, "--endpoint", None)
    if variables.endpoint:
        return find_endpoint(variables.endpoint, spec, "CUTLIST_ENDPOINT", None)
    place = document.place("/spec/endpoint")
    return find_endpoint(spec.get("endpoint", "mock"), spec, "endpoint", place)


def _choose_settle_s(endpoint: Endpoint) -> float:
    return _SETTLE_LOOPBACK_S if endpoint.loopback else _SETTLE_S


def _choose_key(endpoint: Endpoint, variables: Variables) -> Secret:
    """The bundled server never sees a real key; a loopback server without one configured gets the
    mock's.
    """
    if endpoint.bundled or (endpoint.loopback and not variables.api_key):
        return Secret(MOCK_KEY)
    return variables.api_key


def _find_bucket(
    spec: Mapping[str, Any], variables: Variables, document: Document
) -> BucketAddress | None:
    """The bucket of the store; None where the store is a folder. Raises UsageError, InvalidInput;
    neither repeats an address, which may have a key in it.
    """
    if variables.store:
        return read_named_bucket(variables)
    name = spec.get("store", "")
    if not names_bucket(name):
        return None
    try:
        return parse_bucket_address(name)
    except ValueError as error:
        fault = Fault(document.place("/spec/store"), f"store: {error}")
        raise InvalidInput([fault], files=1) from None


def read_named_bucket(variables: Variables) -> BucketAddress | None:
    """The bucket that CUTLIST_STORE names; None where it names none. Raises UsageError, in words
    that repeat no address.
    """
    if not names_bucket(variables.store):
        return None
    try:
        return parse_bucket_address(variables.store)
    except ValueError as error:
        raise UsageError(f"CUTLIST_STORE is no store: {error}.") from None


def _find_store(
    root: Path, spec: Mapping[str, Any], variables: Variables, document: Document
) -> Path:
    """The folder of the store. Raises InvalidInput where the project file names one outside the
    project.
    """
    if variables.store:
        return root / Path(variables.store).expanduser()
    if "store" not in spec:
        return root / STATE_DIR
    try:
        return resolve_inside(root, spec["store"])
    except EscapesRoot as error:
        way = (
            "A store outside the project is named by CUTLIST_STORE, not by a file that a pull"
            " request can change."
        )
        fault = Fault(document.place("/spec/store"), f"{error}. {way}")
        raise InvalidInput([fault], files=1) from error


def _list_limits(
    spec: Mapping[str, Any], overlay: Mapping[str, Any], environment: str
) -> Iterator[Limit]:
    """The limits that hold: an apply has one, the environment's own if it has any; a day has the
    project's besides.
    """
    own, common = overlay.get("budget", {}), spec.get("budget", {})
    where = f"environments.{environment}.budget"
    if "per_apply" in own:
        yield Limit(f"{where}.per_apply", "apply", own["per_apply"], environment)
    elif "per_apply" in common:
        yield Limit("budget.per_apply", "apply", common["per_apply"])
    if "per_day" in own:
        yield Limit(f"{where}.per_day", "day", own["per_day"], environment)
    if "per_day" in common:
        yield Limit("budget.per_day", "day", common["per_day"])
