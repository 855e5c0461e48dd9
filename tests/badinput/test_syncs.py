"""Every broken document of a controller is refused in words, with its place, and no secret in it is
shown.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.controller.loading import load_syncs
from reconciler.errors import InvalidInput

CASES = sorted((Path(__file__).parent / "syncs").glob("*.yaml"))
SECRETS = ("hunter2secret", "0123456789abcdefghij", "1234567890")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_document(
    case: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    golden: Callable[[Path, str], None],
) -> None:
    """A bad document gets the messages of its .txt, each with file, line and column."""
    monkeypatch.chdir(tmp_path)
    Path("case.yaml").write_bytes(case.read_bytes())
    with pytest.raises(InvalidInput) as refusal:
        load_syncs([Path("case.yaml")])
    told = str(refusal.value)
    assert not [secret for secret in SECRETS if secret in told]
    golden(case.with_suffix(".txt"), f"{told}\nexit {refusal.value.exit_code}\n")
