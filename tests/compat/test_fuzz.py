"""A short fuzz of the server, the same each time (`make fuzz-server SECONDS=120` runs a long one of
new requests).
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis.internal.conjecture import providers

from tests.compat.fuzz import SESSIONS, Request, fuzzed, orders

REACHED = {
    (name, "200")
    for name in ("create", "fetch", "list", "download", "upload", "knownTasks", "journal")
}


@pytest.fixture(autouse=True)
def _no_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    """hypothesis takes constants of all modules that are imported, so that what is asked would
    depend on the other tests of a process.
    """
    nothing = providers.Constants()
    monkeypatch.setattr(providers, "_get_local_constants", lambda: nothing)
    providers.CONSTANTS_CACHE.cache.clear()


def test_no_request_upsets_the_server() -> None:
    """Every answer is described, none is a 500, nothing is logged as an error; and the requests get
    far in.
    """
    with fuzzed() as target:

        @settings(max_examples=75, suppress_health_check=list(HealthCheck))
        @given(session=SESSIONS)
        def every(session: list[Request]) -> None:
            target.session(session)

        every()
        assert target.requests > 200
        assert {(form.operation, form.status) for form in target.watch.seen} >= REACHED


def test_no_order_upsets_the_server() -> None:
    """Whatever it is told to do, it understands or refuses; nothing else is asked of it, so that it
    need not do it.
    """
    with fuzzed() as target:

        @example(order=Request("POST", "/_mock/scenarios", body=b'{"scenarios": [{}]}'))
        @settings(max_examples=120, suppress_health_check=list(HealthCheck))
        @given(order=orders())
        def every(order: Request) -> None:
            target.session(
                [
                    order,
                    *(
                        Request("DELETE", f"/_mock/{name}")
                        for name in ("scenarios", "faults", "webhooks")
                    ),
                ]
            )

        every()
        seen = {(form.operation, form.status) for form in target.watch.seen}
        assert seen >= {
            (name, status) for name in ("addScenarios", "addFaults") for status in ("200", "400")
        }
