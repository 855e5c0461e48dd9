"""A commit is made ready by reading it, and what was read is not read again."""

from __future__ import annotations

from collections import Counter

import pytest

from reconciler.desired import manifest
from reconciler.desired.manifest import Reading, Rules
from tests.controller.stage import Stage


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each manifest is parsed from now on."""
    counts: Counter[str] = Counter()
    read = manifest.read_manifest

    def read_and_count(raw: bytes, file: str, rules: Rules) -> Reading:
        counts[file] += 1
        return read(raw, file, rules)

    monkeypatch.setattr(manifest, "read_manifest", read_and_count)
    return counts


async def test_a_manifest_is_parsed_once(stage: Stage, parsed: Counter[str]) -> None:
    """Bringing what a commit names, and planning it, share what they have read; of the next
    commit only what it changes is parsed.
    """
    for name in ("hail", "rain", "snow"):
        stage.edit(name)
    stage.push()
    await stage.run()
    assert parsed == {"specs/hail.yaml": 1, "specs/rain.yaml": 1, "specs/snow.yaml": 1}
    stage.edit("rain", "drizzle")
    stage.push()
    await stage.run()
    assert parsed == {"specs/hail.yaml": 1, "specs/rain.yaml": 2, "specs/snow.yaml": 1}
