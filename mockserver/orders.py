"""The scenario file: what `--scenario FILE` orders before the first request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from mockserver.rules import BadOrder, Fields


@dataclass(frozen=True)
class Orders:
    """What a scenario file may hold, as it stands there."""

    scenarios: object = None
    faults: object = None
    accounts: object = None
    webhooks: object = None


def read_file(path: Path) -> Orders:
    """A scenario file (YAML). Raises BadOrder with its name when it is none; its rules are read by their owners."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadOrder(f"cannot read the scenario file {path}: {error}") from error
    except yaml.YAMLError as error:
        raise BadOrder(f"the scenario file {path} is no YAML: {' '.join(str(error).split())}") from error
    fields = Fields(document if document is not None else {}, path.name)
    orders = Orders(
        **{name: fields.take(name, (list, dict)) for name in ("scenarios", "faults", "accounts", "webhooks")}
    )
    fields.end()
    return orders
