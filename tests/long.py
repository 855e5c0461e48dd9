"""Which of many cases of one kind `make test` shows; the others are for `make test-long`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def show_few(cases: Iterable[Any], every: int = 8) -> list[Any]:
    """The first case and every so manieth after it as they are, and the others marked `long`."""
    return [
        case if i % every == 0 else pytest.param(case, marks=pytest.mark.long)
        for i, case in enumerate(cases)
    ]
