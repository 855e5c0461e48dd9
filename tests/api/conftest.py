"""The bench of the end-to-end tests."""

from __future__ import annotations

from tests.e2e.conftest import bench as bench
