"""What `plan --json` prints is what its schema says, for a plan with every kind of step."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from reconciler.system import shipped

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "plan.json"


def test_a_plan_of_every_kind_is_described() -> None:
    """The golden plan, which has each action, is valid; one with a field too many is not."""
    document = json.loads(GOLDEN.read_bytes())
    jsonschema.validate(document, shipped.read_schema("plan"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "surprise": 1}, shipped.read_schema("plan"))
