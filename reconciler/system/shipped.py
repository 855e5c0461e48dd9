"""The data files that travel with the program: schemas, the service's figures, the demo project."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from reconciler.formats.digest import sha256_hex
from reconciler.system.files import data_dir

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def model_documents() -> tuple[dict[str, Any], ...]:
    """The documents of schemas/models, in the order of their file names."""
    return tuple(_yaml(path) for path in sorted((data_dir("schemas") / "models").glob("*.yaml")))


@cache
def service() -> dict[str, Any]:
    """schemas/service.yaml: regions, hosts, rates, lifetimes."""
    return _yaml(data_dir("schemas") / "service.yaml")


@cache
def signatures() -> dict[str, Any]:
    """schemas/signatures.yaml: which parameters sign a link, by provider."""
    return _yaml(data_dir("schemas") / "signatures.yaml")


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema `name` (manifest, project, …)."""
    loaded: dict[str, Any] = json.loads((data_dir("schemas") / f"{name}.schema.json").read_bytes())
    return loaded


@cache
def fingerprint() -> str:
    """Changes whenever shipped rules or this package's code change: what was checked under others
    is checked anew.
    """
    rules = [
        *sorted((data_dir("schemas") / "models").glob("*.yaml")),
        *sorted(data_dir("schemas").glob("*.json")),
        data_dir("schemas") / "signatures.yaml",
    ]
    package = Path(__file__).resolve().parents[1]
    code = [
        *sorted(package.glob("desired/**/*.py")),
        *sorted(package.glob("formats/*.py")),
        package / "service" / "models.py",
    ]
    return sha256_hex("".join(sha256_hex(path.read_bytes()) for path in [*rules, *code]).encode())


def _yaml(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(path.read_bytes(), Loader=_LOADER)
    return loaded
