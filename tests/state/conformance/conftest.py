"""Stores of every kind, also such as only a server can give."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.state.store import Store, bucket
from tests.clock import FakeClock
from tests.state import stores

_BENT = ("bucket that ignores conditions", "bucket that knows no conditions")
_BUCKETS = ("bucket", *_BENT)


@pytest.fixture(params=[*sorted(stores.IMPLEMENTATIONS), *_BUCKETS])
def store(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Store:
    """An empty store."""
    if request.param not in _BUCKETS:
        return stores.IMPLEMENTATIONS[request.param](tmp_path, clock)
    if request.param in _BENT and request.config.getoption("s3"):
        pytest.skip("a server as it is in use is not bent")
    monkeypatch.setattr(bucket, "_TRIES", 0)
    server = request.getfixturevalue("bucket_server")
    server.ignores_conditions = "ignores" in request.param
    server.knows_no_conditions = "knows" in request.param
    return stores.open_bucket(server.make_bucket(), tmp_path, clock)
