"""Plans of commits are the same with and without what is remembered of them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.long import show_few
from tests.remembered.playing import disturb, leave_as_it_is
from tests.remembered.stage import set_stage
from tests.repository import Repository

CHANGES = ("change_words", "change_project", "move_manifest", "exchange_media", "add_manifest")
LATER = ("touch_output", "change_ledger", "edit_record", "forge_rows", "flip_cache", "swap_rows")


@pytest.mark.parametrize("seed", show_few(range(3)))
def test_plans_of_commits(seed: int, pool: Path, tmp_path: Path) -> None:
    """Of the newest commit and the one before, and what differs between them or from the work
    tree; also after something has happened since.
    """
    chance = Random(seed)
    with set_stage(chance, tmp_path, pool, leave_as_it_is) as stage:
        (stage.root / ".gitignore").write_text(".cutlist/\nrenders/\n")
        repository = Repository(stage.root)
        repository.commit()
        disturb(stage, chance.choice(CHANGES))
        repository.commit()
        stage.revisions = (
            ("plan", "--from", "HEAD"),
            ("plan", "--from", "HEAD~1", "--json"),
            ("diff", "HEAD~1..HEAD"),
            ("diff", "HEAD~1", "--json"),
        )
        for names in (CHANGES, LATER):
            stage.compare()
            disturb(stage, chance.choice(names))
        stage.compare()
