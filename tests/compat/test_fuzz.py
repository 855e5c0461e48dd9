"""A short fuzz of the server, the same each time (`make fuzz-server SECONDS=120` runs a long one of new requests)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.compat.fuzz import SESSIONS, Fuzzed, Request, fuzzed


@pytest.fixture(scope="module")
def target() -> Iterator[Fuzzed]:
    """One server for all sessions; each begins with a reset."""
    with fuzzed() as target:
        yield target


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(session=SESSIONS)
def test_no_request_upsets_the_server(target: Fuzzed, session: list[Request]) -> None:
    """Every answer is described, none is a 500, and nothing is logged as an error."""
    target.session(session)


def test_the_fuzz_gets_far(target: Fuzzed) -> None:
    """Requests are not all refused at the door: tasks were made, ended, and their results were fetched."""
    assert target.requests > 400
    wanted = {("create", "200"), ("fetch", "200"), ("list", "200"), ("download", "200"), ("upload", "200")}
    assert {(form.operation, form.status) for form in target.watch.seen} >= wanted
