"""The scenario file: what `--scenario FILE` orders before the first request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mockserver.accounts import read_accounts
from mockserver.catalogue import load_catalogue
from mockserver.fields import BadOrder, Fields

PARTS = ("scenarios", "faults", "accounts", "webhooks")


def read_scenario_file(path: Path) -> dict[str, Any]:
    """Read the parts of a scenario file (YAML) that are there.

    Raises BadOrder, which names the file, when it cannot be read or holds something else.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadOrder(f"cannot read the scenario file {path}: {error}") from error
    except yaml.YAMLError as error:
        words = " ".join(str(error).split())
        raise BadOrder(f"the scenario file {path} is no YAML: {words}") from error
    fields = Fields({} if document is None else document, path.name)
    parts = {name: fields.take(name, (list, dict)) for name in PARTS}
    fields.end()
    return {name: part for name, part in parts.items() if part is not None}


def read_settings(path: Path, webhooks: Sequence[str] = ()) -> dict[str, Any]:
    """Settings of a server from a scenario file, with some webhooks more. Raises BadOrder."""
    parts = read_scenario_file(path)
    if "accounts" in parts:
        regions = load_catalogue().service["regions"]
        parts["accounts"] = tuple(read_accounts(parts["accounts"], regions))
    from_file = parts.get("webhooks", [])
    if not isinstance(from_file, list):
        from_file = [from_file]
    parts["webhooks"] = [*from_file, *webhooks]
    return parts
