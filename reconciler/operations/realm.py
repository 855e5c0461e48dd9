"""Whether what belongs to this endpoint lies in the folder of the other realm.

An earlier version took a host of the vendor for a mock. Its tasks were paid and its videos are
real, but they lie in the mock's folder: unless somebody is told, all of it would be paid again.
"""

from __future__ import annotations

from reconciler.config import STATE_DIR, Config
from reconciler.errors import CutlistError
from reconciler.formats.words import format_count


def find_mistaken_realm(config: Config) -> CutlistError | None:
    """The error that says so, where the mock's ledger holds requests to this endpoint of the
    vendor; None where it holds none.
    """
    if not config.endpoint.vendor:
        return None
    requests = _count_requests_in_mock(config)
    return _build_error(config, requests) if requests else None


def _count_requests_in_mock(config: Config) -> int:
    """How many requests to this endpoint stand in the mock's ledger."""
    from reconciler.state.ledger import SqliteLedger  # lazy: start-up time

    ledger = SqliteLedger.open_readonly(config.home / "mock" / "ledger.db")
    if ledger is None:
        return 0
    try:
        return ledger.count_attempts_at({config.endpoint.name, config.endpoint.base_url})
    finally:
        ledger.close()


def _build_error(config: Config, requests: int) -> CutlistError:
    """What happened, and how the folder is put where it belongs."""
    folder = config.home
    move = f"Move {STATE_DIR}/mock to {STATE_DIR}/live"
    if config.store_dir.parent != folder:  # the store lies elsewhere, and is moved as well
        move += f" and {config.store_dir.parent}/mock to {config.store_dir}"
    hint = f"{move}, and nothing is paid again."
    if (folder / "live" / "ledger.db").exists():
        hint += (
            f" {STATE_DIR}/live is there already: move it aside first, or, to leave the earlier"
            f" results behind, move {STATE_DIR}/mock away instead."
        )
    stand = "stands" if requests == 1 else "stand"
    return CutlistError(
        f"{format_count(requests, 'request')} to {config.endpoint.name} {stand} in"
        f" {STATE_DIR}/mock: an earlier version took this host for a mock. They were paid, and"
        " their results are real.",
        hint=hint,
    )
