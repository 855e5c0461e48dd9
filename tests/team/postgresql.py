"""Debian's PostgreSQL: installed where it is missing and may be, else one line says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_FOLDER = Path("/usr/lib/postgresql")
_INSTALL = ("apt-get", "install", "-qq", "-y", "--no-install-recommends", "postgresql")


def main() -> None:
    if not _is_here() and os.getuid() == 0 and shutil.which("apt-get"):
        for command in (("apt-get", "update", "-qq"), _INSTALL):
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=600)
    if not _is_here():
        sys.exit("Debian's PostgreSQL is missing: apt-get install postgresql")


def _is_here() -> bool:
    return any(_FOLDER.glob("*/bin/initdb"))


if __name__ == "__main__":
    main()
