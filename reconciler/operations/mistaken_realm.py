"""A host of the vendor that an earlier version took for a mock: what it knows lies in the mock's folder.

Its tasks were paid and its videos are real. Without a word they would all be paid once more.
"""

from __future__ import annotations

from reconciler.config import STATE_DIR, Config
from reconciler.errors import CutlistError
from reconciler.formats.words import count
from reconciler.state.ledger import Ledger


def taken_for_a_mock(config: Config) -> CutlistError | None:
    """What to say where requests to this endpoint stand in the mock's ledger; None where none do."""
    if not config.endpoint.vendor:
        return None
    folder = config.root / STATE_DIR
    ledger = Ledger.open_readonly(folder / "mock" / "ledger.db")
    if ledger is None:
        return None
    try:
        asked = ledger.count_attempts_at({config.endpoint.name, config.endpoint.base_url})
    finally:
        ledger.close()
    if not asked:
        return None
    there = (
        f" {STATE_DIR}/live is there already: move it aside first, or, to leave the earlier"
        f" results behind, move {STATE_DIR}/mock away instead."
        if (folder / "live" / "ledger.db").exists()
        else ""
    )
    stand = "stands" if asked == 1 else "stand"
    shared = f" and {config.store_dir.parent}/mock to {config.store_dir}"
    apart = config.store_dir.parent != folder
    return CutlistError(
        f"{count(asked, 'request')} to {config.endpoint.name} {stand} in {STATE_DIR}/mock: an earlier"
        " version took this host for a mock. They were paid, and their results are real.",
        hint=(
            f"Move {STATE_DIR}/mock to {STATE_DIR}/live{shared if apart else ''}, and nothing is"
            f" paid again.{there}"
        ),
    )
