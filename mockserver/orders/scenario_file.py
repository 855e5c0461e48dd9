"""The scenario file: what `--scenario FILE` orders before the first request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mockserver import catalogue
from mockserver.accounts import read_accounts
from mockserver.orders.rules import BadOrder, Fields

PARTS = ("scenarios", "faults", "accounts", "webhooks")


def read_file(path: Path) -> dict[str, Any]:
    """The parts of a scenario file (YAML) that are there. Raises BadOrder with its name when it is
    none.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadOrder(f"cannot read the scenario file {path}: {error}") from error
    except yaml.YAMLError as error:
        raise BadOrder(
            f"the scenario file {path} is no YAML: {' '.join(str(error).split())}"
        ) from error
    fields = Fields(document if document is not None else {}, path.name)
    parts = {name: fields.take(name, (list, dict)) for name in PARTS}
    fields.end()
    return {name: part for name, part in parts.items() if part is not None}


def server_options(path: Path, webhooks: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments of MockServer from a scenario file, with some webhooks more. Raises BadOrder."""
    parts = read_file(path)
    if "accounts" in parts:
        regions = catalogue.load().service["regions"]
        parts["accounts"] = tuple(read_accounts(parts["accounts"], regions))
    hooks = parts.get("webhooks", [])
    parts["webhooks"] = [*(hooks if isinstance(hooks, list) else [hooks]), *webhooks]
    return parts
