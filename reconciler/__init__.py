"""cutlist: edits as code for AI video. `from reconciler import Project` is the whole API of the
commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.project import Project

__all__ = ["Project", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`Project` on first use: importing the package costs nothing."""
    if name == "Project":
        from reconciler.project import Project

        return Project
    raise AttributeError(name)
