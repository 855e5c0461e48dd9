"""Project file + environment → one frozen Config. The only reader of the environment."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from reconciler.errors import CutlistError, Fault, InvalidInput, Place, ProjectNotFound, UsageError
from reconciler.formats import schema
from reconciler.formats.digest import sha256_hex
from reconciler.formats.document import Document, parse
from reconciler.formats.names import NO_ENVIRONMENT, did_you_mean, made_plain
from reconciler.formats.secret import Secret
from reconciler.formats.signed_urls import Signatures
from reconciler.service.endpoints import Endpoint, Realm, endpoint_of, realm_of
from reconciler.service.routes import Routes
from reconciler.system import shipped
from reconciler.system.cache import Cache
from reconciler.system.files import EscapesRoot, inside

PROJECT_FILE = "cutlist.yaml"
STATE_DIR = ".cutlist"
MOCK_KEY = "sk-mock"


@dataclass(frozen=True, slots=True)
class Environment:
    """What the process environment says: DASHSCOPE_API_KEY, CUTLIST_ with ENDPOINT, STORE, ENV
    and APPROVER, and the usual variables for proxies and certificates (routes.VARIABLES).
    """

    api_key: Secret = field(default_factory=lambda: Secret(""))
    endpoint: str = ""
    store: str = ""
    environment: str = ""
    approver: str = ""
    routes: Routes = field(default_factory=Routes)

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Environment:
        env = os.environ if environ is None else environ

        def own(name: str) -> str:
            return env.get(f"CUTLIST_{name}", "").strip()

        return cls(
            Secret(env.get("DASHSCOPE_API_KEY", "").strip()),
            endpoint=own("ENDPOINT"),
            store=own("STORE"),
            environment=own("ENV"),
            approver=own("APPROVER"),
            routes=Routes.of(env),
        )


@dataclass(frozen=True, slots=True)
class Prices:
    """What a billable second costs, by model and tier; empty when the project file names no prices."""

    currency: str = ""
    models: Mapping[str, float | Mapping[str, float]] = field(default_factory=dict)

    def per_second(self, model: str, tier: str | None) -> float | None:
        """The price of one billable second, or None when it is not configured."""
        price = self.models.get(model)
        if isinstance(price, Mapping):
            return price.get(tier) if tier is not None else None
        return price


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be spent in one apply, or in one day (UTC), in the currency of the prices."""

    name: str  # where it stands in cutlist.yaml
    per: Literal["apply", "day"]
    amount: float
    # a day's limit counts what this environment spends; None: what all do
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the project file, the environment and the command line decide."""

    root: Path
    name: str
    document: Document
    manifests: tuple[str, ...]
    endpoint: Endpoint
    account: str
    workspace: str
    api_key: Secret
    shared_store: bool  # whether the store may have other ledgers than this one
    store_dir: Path  # blobs and results; per realm
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

    @property
    def realm(self) -> Realm:
        return self.endpoint.realm

    @property
    def cache_dir(self) -> Path:
        return self.root / STATE_DIR / "cache"

    @property
    def outputs_file(self) -> Path:
        """Which outputs we wrote, in either realm."""
        return self.root / STATE_DIR / "outputs.json"


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


def load(
    start: Path,
    *,
    endpoint: str | None = None,
    env: Environment | None = None,
    environment: str | None = None,
) -> Config:
    """The Config of the project around `start`. The command line wins over the process
    environment and the file.

    Raises ProjectNotFound, InvalidInput (with all faults of the project file), UsageError.
    """
    env = Environment.read() if env is None else env
    root = find_root(start)
    try:
        raw = (root / PROJECT_FILE).read_bytes()
    except OSError as error:
        raise CutlistError(f"{PROJECT_FILE} cannot be read: {error.strerror}.") from error
    document = _project_document(raw, Cache(root / STATE_DIR / "cache"))
    spec: Mapping[str, Any] = document.data.get("spec") or {}
    chosen = endpoint or env.endpoint or spec.get("endpoint", "mock")
    if endpoint or env.endpoint:
        where = "--endpoint" if endpoint else "CUTLIST_ENDPOINT"
        place = None
    else:
        where, place = "endpoint", document.place("/spec/endpoint")
    target = endpoint_of(chosen, spec, where, place)
    state_dir = root / STATE_DIR / target.realm
    limits = spec.get("limits", {})
    prices = spec.get("prices", {})
    prune = spec.get("prune", {})
    chosen_environment = environment or env.environment or NO_ENVIRONMENT
    overlay = _overlay(spec, chosen_environment, "--env" if environment else "CUTLIST_ENV")
    return Config(
        root=root,
        name=(document.data.get("metadata") or {}).get("name", root.name),
        document=document,
        manifests=_manifests(spec),
        endpoint=target,
        account=spec.get("account", "default"),
        workspace=spec.get("workspace", ""),
        api_key=_api_key(target, env),
        shared_store=spec.get("shared_store", False),
        store_dir=_store_dir(root, spec, env, document) / target.realm,
        state_dir=state_dir,
        defaults=spec.get("defaults", {}),
        environment=chosen_environment,
        overlay=overlay,
        prices=Prices(prices.get("currency", ""), prices.get("models", {})),
        budget=tuple(_limits(spec, overlay, chosen_environment)),
        approver=made_plain(env.approver or _user()),
        running_tasks=limits.get("running_tasks"),
        poll_interval_s=limits.get("poll_interval_s"),
        settle_s=limits.get("settle_s", 2.0 if target.loopback else 120.0),
        prune=prune.get("enabled", False),
        prune_most=prune.get("most", 10),
        result_hosts=tuple(spec.get("result_hosts", ())),
        routes=env.routes,
        signatures=Signatures.of(
            shipped.signatures(), spec.get("identity", {}).get("ignore_query", ())
        ),
    )


def _limits(
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


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container without a list of users
        return f"user {os.getuid()}"


def desired_by(config: Config, raw: bytes, revision: str, cache: Cache) -> Config:
    """`config` with what the cutlist.yaml of a revision (`raw`) asks for: manifests, defaults
    and environments.

    Where and how it is rendered stays. Raises InvalidInput, UsageError.
    """
    document = _project_document(raw, cache)
    spec: Mapping[str, Any] = document.data.get("spec") or {}
    return replace(
        config,
        document=document,
        manifests=_manifests(spec),
        defaults=spec.get("defaults", {}),
        overlay=_overlay(
            spec, config.environment, "the environment", f"{PROJECT_FILE} of {revision}"
        ),
    )


def _manifests(spec: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(spec.get("manifests", ["specs/"]))


def _overlay(
    spec: Mapping[str, Any], name: str, where: str, file: str = PROJECT_FILE
) -> Mapping[str, Any]:
    """What cutlist.yaml says of an environment. Raises UsageError for one that it does not name."""
    there: Mapping[str, Mapping[str, Any]] = spec.get("environments", {})
    if name not in (*there, NO_ENVIRONMENT):
        named = (
            f"{file} names {', '.join(there)}" if there else f"{file} names none (`environments`)"
        )
        raise UsageError(f'{where} is "{made_plain(name)}"; {named}.{did_you_mean(name, there)}')
    return there.get(name, {})


def _project_document(raw: bytes, cache: Cache) -> Document:
    documents, faults = parse(raw, PROJECT_FILE)
    if faults:
        raise InvalidInput(faults, files=1)
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        found = (
            "no document"
            if not documents
            else f"{len(documents)} documents"
            if len(documents) > 1
            else "no mapping"
        )
        raise InvalidInput(
            [Fault(Place(PROJECT_FILE), f"{found}; it must be one document with kind: Project")],
            files=1,
        )
    document = documents[0]
    spec = document.data.get("spec")
    known = f"{sha256_hex(raw)}:{shipped.fingerprint()}"
    if cache.get("project", known) is None:
        faults = list(schema.check(document, shipped.schema("project")))
        if isinstance(spec, dict):
            faults += _semantic_faults(document, spec)
        if faults:
            raise InvalidInput(faults, files=1)
        cache.put("project", known, True)
        cache.save()
    return document


def _semantic_faults(document: Document, spec: Mapping[str, Any]) -> list[Fault]:
    """What the schema cannot say: names of models and parameters stand in schemas/models."""
    models = {name: each for each in shipped.model_documents() for name in each["names"]}
    parameters = {
        name
        for each in models.values()
        for variant in each["variants"]
        for name in variant["parameters"]["properties"]
    }
    faults = []
    layers = {"defaults": _mapping(spec.get("defaults"))}
    layers |= {
        f"environments/{name}": _mapping(each)
        for name, each in _mapping(spec.get("environments")).items()
    }
    for at, layer in layers.items():
        if isinstance(layer.get("model"), str) and layer["model"] not in models:
            message = (
                f'{at.replace("/", ".")}.model is "{layer["model"]}"; legal are'
                f" {', '.join(sorted(models))}.{did_you_mean(layer['model'], models)}"
            )
            faults.append(Fault(document.place(f"/spec/{at}/model"), message))
        for name in _mapping(layer.get("parameters")):
            if name not in parameters:
                place = document.place(f"/spec/{at}/parameters/{name}", key=True)
                message = (
                    f'no model has the parameter "{name}"; legal are'
                    f" {', '.join(sorted(parameters))}.{did_you_mean(name, parameters)}"
                )
                faults.append(Fault(place, message))
    for name in _mapping(_mapping(spec.get("prices")).get("models")):
        if name not in models:
            place = document.place(f"/spec/prices/models/{name}", key=True)
            faults.append(
                Fault(
                    place,
                    f'prices.models names "{name}"; legal are {", ".join(sorted(models))}.'
                    f"{did_you_mean(name, models)}",
                )
            )
    if wrong := _realm_fault(spec):
        faults.append(Fault(document.place("/spec/realm", key=True), wrong))
    for at, layer in {
        "": spec,
        **{f"/{at}": layer for at, layer in layers.items() if at != "defaults"},
    }.items():
        if "budget" in layer and "prices" not in spec:
            place = document.place(f"/spec{at}/budget", key=True)
            faults.append(
                Fault(place, "a budget needs prices: say what a second costs in `prices`")
            )
    return faults


def _realm_fault(spec: Mapping[str, Any]) -> str | None:
    """What is wrong with `realm`, beside an endpoint whose realm is not for the file to say."""
    endpoint, realm = spec.get("endpoint", "mock"), spec.get("realm")
    if realm not in ("live", "mock") or not isinstance(endpoint, str):
        return None  # absent, or the schema has said so
    try:
        if "://" in endpoint and realm_of(endpoint, spec) == realm:
            return None
    except ValueError:
        return None  # told where the endpoint is understood
    why = "" if "://" not in endpoint else ": it is a host of the vendor, and live"
    return (
        f"the realm of {endpoint} is fixed{why}; `realm` is for an endpoint that is a URL of"
        " your own"
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    """`value` where it is a mapping; otherwise the schema has said so, and nothing more can be."""
    return value if isinstance(value, Mapping) else {}


def _store_dir(root: Path, spec: Mapping[str, Any], env: Environment, document: Document) -> Path:
    if env.store:
        return root / Path(env.store).expanduser()
    if "store" not in spec:
        return root / STATE_DIR
    try:
        return inside(root, spec["store"])
    except EscapesRoot as error:
        way = (
            "A store outside the project is named by CUTLIST_STORE, not by a file that a pull"
            " request can change."
        )
        message = f"{error}. {way}"
        raise InvalidInput([Fault(document.place("/spec/store"), message)], files=1) from error


def _api_key(endpoint: Endpoint, env: Environment) -> Secret:
    """The bundled server never sees a real key; a loopback server without one configured gets the
    mock's.
    """
    if endpoint.bundled or (endpoint.loopback and not env.api_key):
        return Secret(MOCK_KEY)
    return env.api_key
