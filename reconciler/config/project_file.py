"""cutlist.yaml, read and checked: against its schema, and for what a schema cannot say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from reconciler.config.ledger_url import describe_written_fault
from reconciler.config.settings import PROJECT_FILE
from reconciler.errors import Fault, InvalidInput, Place, UsageError
from reconciler.formats import schema
from reconciler.formats.digest import hash_bytes
from reconciler.formats.document import Document, join_pointer
from reconciler.formats.names import NO_ENVIRONMENT, make_plain, suggest_name
from reconciler.service.endpoints import find_realm
from reconciler.system import shipped
from reconciler.system.cache import Cache

_TABLE = "project file"


def read_project_file(raw: bytes, cache: Cache) -> Document:
    """The one document of a project file. Raises InvalidInput with all its faults.

    `cache` remembers contents that were valid, and what they say.
    """
    key = f"{hash_bytes(raw)}:{shipped.compute_fingerprint()}"
    known = cache.get(_TABLE, key)
    if known is None:
        document = _parse_project_file(raw)
        cut_at = {at: place.to_json() for at, place in document.cut_at.items()}
        cache.put(_TABLE, key, [document.data, dict(document.marks), cut_at])
        cache.save()
        return document
    data, marks, cut_at = known
    places = {at: Place(*place) for at, place in cut_at.items()}
    return Document(PROJECT_FILE, data, marks, cut_at=places)


def _parse_project_file(raw: bytes) -> Document:
    from reconciler.formats.parsing import parse_documents  # lazy: YAML, of what is new

    documents, faults = parse_documents(raw, PROJECT_FILE)
    if faults:
        raise InvalidInput(faults, files=1)
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise InvalidInput([_find_wrong_number(documents)], files=1)
    document = documents[0]
    faults = list(schema.validate_document(document, shipped.read_schema("project")))
    spec = document.data.get("spec")
    if isinstance(spec, dict):
        faults += _find_semantic_faults(document, spec)
    if faults:
        raise InvalidInput(faults, files=1)
    return document


def list_manifests(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the project's manifests lie."""
    return tuple(spec.get("manifests", ["specs/"]))


def find_overlay(
    spec: Mapping[str, Any], name: str, where: str, file: str = PROJECT_FILE
) -> Mapping[str, Any]:
    """What a project file says of an environment; `where` tells where its name was given.

    Raises UsageError for one that the file does not name.
    """
    environments: Mapping[str, Mapping[str, Any]] = spec.get("environments", {})
    if name not in (*environments, NO_ENVIRONMENT):
        named = f"{file} names none (`environments`)"
        if environments:
            named = f"{file} names {', '.join(environments)}"
        suggestion = suggest_name(name, environments)
        raise UsageError(f'{where} is "{make_plain(name)}"; {named}.{suggestion}')
    return environments.get(name, {})


def find_unknown_models(
    document: Document, spec: Mapping[str, Any], models: Mapping[str, Any]
) -> Iterator[Fault]:
    """What a project file says of models and parameters that do not exist; `models` are the
    documents of those that do, by name.
    """
    for at, layer in _list_layers(spec).items():
        yield from _find_unknown_names(document, at, layer, models)
    yield from find_unknown_prices(document, spec, models)


def find_unknown_prices(
    document: Document,
    spec: Mapping[str, Any],
    models: Collection[str],
    *,
    others_may_exist: bool = False,
) -> Iterator[Fault]:
    """Models that `prices` of a document names and that do not exist; where others may, only names
    that are like those of `models`.
    """
    for name in _mapping(_mapping(spec.get("prices")).get("models")):
        suggestion = suggest_name(name, models)
        if name not in models and (suggestion or not others_may_exist):
            place = document.place(join_pointer("/spec/prices/models", name), key=True)
            legal = f"legal are {', '.join(sorted(models))}.{suggestion}"
            yield Fault(place, f'prices.models names "{name}"; {legal}')


def describe_realm_fault(spec: Mapping[str, Any]) -> str:
    """What is wrong with `realm`, beside an endpoint whose realm is not for the file to say."""
    endpoint, realm = spec.get("endpoint", "mock"), spec.get("realm")
    if realm not in ("live", "mock") or not isinstance(endpoint, str):
        return ""  # absent, or the schema has said so
    is_url = "://" in endpoint
    try:
        if is_url and find_realm(endpoint, spec) == realm:
            return ""
    except ValueError:
        return ""  # told where the endpoint is understood
    why = ": it is a host of the vendor, and live" if is_url else ""
    return (
        f"the realm of {endpoint} is fixed{why}; `realm` is for an endpoint that is a URL of"
        " your own"
    )


def _find_wrong_number(documents: Sequence[Document]) -> Fault:
    """What stands in the file instead of one mapping."""
    content = "no mapping"
    if not documents:
        content = "no document"
    elif len(documents) > 1:
        content = f"{len(documents)} documents"
    return Fault(Place(PROJECT_FILE), f"{content}; it must be one document with kind: Project")


# ------------------------------------------------------------------ what the schema cannot say


def _find_semantic_faults(document: Document, spec: Mapping[str, Any]) -> Iterator[Fault]:
    """Names of models and parameters, which stand in schemas/models, and what hangs together."""
    if not spec.get("models"):  # else that is looked at when they are read
        yield from find_unknown_models(document, spec, name_shipped_models())
    if words := describe_realm_fault(spec):
        yield Fault(document.place("/spec/realm", key=True), words)
    yield from _find_ledger_faults(document, spec)
    layers = _list_layers(spec)
    budgets = {"": spec, **{f"/{at}": layer for at, layer in layers.items() if at != "defaults"}}
    for at, layer in budgets.items():
        if "budget" in layer and "prices" not in spec:
            place = document.place(f"/spec{at}/budget", key=True)
            yield Fault(place, "a budget needs prices: say what a second costs in `prices`")


def name_shipped_models() -> Mapping[str, Any]:
    """The documents of the models that travel with the program, by every name."""
    return {name: model for model in shipped.read_model_documents() for name in model["names"]}


def _list_layers(spec: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """What is laid below and over every edit."""
    environments = _mapping(spec.get("environments"))
    return {
        "defaults": _mapping(spec.get("defaults")),
        **{f"environments/{name}": _mapping(layer) for name, layer in environments.items()},
    }


def _find_ledger_faults(document: Document, spec: Mapping[str, Any]) -> Iterator[Fault]:
    """A shared ledger needs an address without secrets, and a name by which it knows the
    project.
    """
    ledger = spec.get("ledger")
    if not isinstance(ledger, str):
        return  # absent, or the schema has said so
    if words := describe_written_fault(ledger):
        yield Fault(document.place("/spec/ledger"), f"ledger is no address of one: {words}")
    if "name" not in _mapping(document.data.get("metadata")):
        yield Fault(
            document.place("/spec/ledger", key=True),
            "a shared ledger keeps projects apart by their names: say `metadata: {name: …}`, as the"
            " folder may be called otherwise on each machine",
        )


def _find_unknown_names(
    document: Document, at: str, layer: Mapping[str, Any], models: Mapping[str, Any]
) -> Iterator[Fault]:
    """The model and the parameters of defaults, or of an environment, that do not exist."""
    model = layer.get("model")
    if isinstance(model, str) and model not in models:
        legal = f"legal are {', '.join(sorted(models))}.{suggest_name(model, models)}"
        where = f"{at.replace('/', '.')}.model"
        yield Fault(document.place(f"/spec/{at}/model"), f'{where} is "{model}"; {legal}')
    parameters = {
        name
        for model_document in models.values()
        for variant in model_document["variants"]
        for name in variant["parameters"]["properties"]
    }
    for name in _mapping(layer.get("parameters")):
        if name not in parameters:
            place = document.place(f"/spec/{at}/parameters/{name}", key=True)
            legal = f"legal are {', '.join(sorted(parameters))}.{suggest_name(name, parameters)}"
            yield Fault(place, f'no model has the parameter "{name}"; {legal}')


def _mapping(value: object) -> Mapping[str, Any]:
    """`value` where it is a mapping; otherwise the schema has said so, and nothing more can be."""
    return value if isinstance(value, Mapping) else {}
