"""Puts something in the place of a function, in every module that knows it."""

from __future__ import annotations

import sys
from typing import Any

import pytest


def replace_everywhere(patch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    """What is called `name` in a loaded module of the program is `value` until `patch` ends."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("reconciler.") and hasattr(module, name):
            patch.setattr(module, name, value)
