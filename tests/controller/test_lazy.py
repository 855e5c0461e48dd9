"""What is slow to load is loaded by who listens, notifies or reads metrics, and by nobody else."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """\
import sys
from reconciler.controller import hooks, logs, metrics, notify, pages, webhooks
print(sorted({"aiohttp", "httpx", "prometheus_client"} & sys.modules.keys()))
"""


def test_importing_loads_no_library() -> None:
    """The controller's parts cost nothing until they are used."""
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[]\n"
