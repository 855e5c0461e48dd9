"""What a project is set to: its file, the environment and the command line in one frozen value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.config.loading import (
    build_committed_config,
    find_root,
    list_other_environments,
    load_config,
    replace_project_file,
)
from reconciler.config.settings import (
    MOCK_KEY,
    PROJECT_FILE,
    STATE_DIR,
    CommittedFolder,
    Config,
    Limit,
    Prices,
)
from reconciler.config.variables import Variables

__all__ = [
    "MOCK_KEY",
    "PROJECT_FILE",
    "STATE_DIR",
    "CommittedFolder",
    "Config",
    "Limit",
    "Prices",
    "Variables",
    "build_committed_config",
    "find_root",
    "list_other_environments",
    "load_config",
    "replace_project_file",
]

if not TYPE_CHECKING:
    from reconciler.moved import find_moved

    def __getattr__(name: str) -> object:
        """A public name of before, with a warning."""
        return find_moved(__name__, name)
