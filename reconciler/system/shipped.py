"""The data files that travel with the program: schemas, the service's figures, the demo project."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from reconciler.formats.digest import hash_bytes
from reconciler.formats.model_layers import lay_over
from reconciler.system.cache import Cache, open_cache
from reconciler.system.environment import find_state_folder
from reconciler.system.files import find_data_dir

_TABLE = "shipped"


@cache
def read_model_documents() -> tuple[dict[str, Any], ...]:
    """The documents of schemas/models, in the order of their file names, each with all that it
    extends.
    """
    paths = sorted((find_data_dir("schemas") / "models").glob("*.yaml"))
    documents = {document["model"]: document for document in map(_read_yaml, paths)}

    def complete(document: dict[str, Any]) -> dict[str, Any]:
        base = document.get("extends")
        return document if base is None else lay_over(complete(documents[base]), document)

    return tuple(map(complete, documents.values()))


@cache
def read_service() -> dict[str, Any]:
    """schemas/service.yaml: regions, hosts, rates, lifetimes."""
    return _read_yaml(find_data_dir("schemas") / "service.yaml")


@cache
def read_signatures() -> dict[str, Any]:
    """schemas/signatures.yaml: which parameters sign a link, by provider."""
    return _read_yaml(find_data_dir("schemas") / "signatures.yaml")


@cache
def read_schema(name: str) -> dict[str, Any]:
    """The JSON Schema `name` (manifest, project, …)."""
    loaded: dict[str, Any] = json.loads(
        (find_data_dir("schemas") / f"{name}.schema.json").read_bytes()
    )
    return loaded


@cache
def compute_fingerprint() -> str:
    """Changes whenever shipped rules or this package's code change: what was checked under others
    is checked anew.
    """
    files = list_judges()
    return hash_bytes("".join(hash_bytes(path.read_bytes()) for path in files).encode())


def list_judges() -> list[Path]:
    """The rules and the code by which manifests and project files are read and found valid."""
    schemas = find_data_dir("schemas")
    rules = [
        *sorted((schemas / "models").glob("*.yaml")),
        *sorted(schemas.glob("*.json")),
        schemas / "service.yaml",
        schemas / "signatures.yaml",
    ]
    package = Path(__file__).resolve().parents[1]
    code = [
        *sorted(package.glob("desired/**/*.py")),
        *sorted(package.glob("formats/*.py")),
        package / "config" / "ledger_url.py",
        package / "config" / "project_file.py",
        package / "service" / "endpoints.py",
        package / "service" / "model_checks.py",
        package / "service" / "models.py",
    ]
    return [*rules, *code]


def _read_yaml(path: Path) -> dict[str, Any]:
    """A shipped YAML file, which this user of this machine parses once."""
    raw = path.read_bytes()
    remembered, key = _open_users_cache(), hash_bytes(raw)
    loaded: dict[str, Any] | None = remembered.get(_TABLE, key)
    if loaded is None:
        import yaml  # lazy: start-up time

        loaded = yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        remembered.put(_TABLE, key, loaded)
        remembered.save()
    return loaded


@cache
def _open_users_cache() -> Cache:
    """Beside the key of this machine; without a folder for that, nothing is kept at all."""
    return open_cache(find_state_folder() or Path())
