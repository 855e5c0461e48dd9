"""Keys of ssh, made for a test, and the files in which a controller names whom it believes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")


def run(*command: str, home: Path, given: bytes = b"") -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GNUPGHOME": str(home)}
    done = subprocess.run(command, env=environment, input=given, capture_output=True, check=True)
    return done.stdout.decode()


class SshKey:
    """A key, and what stands of it in files of signers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path), home=path.parent)
        self.public = " ".join(path.with_suffix(".pub").read_text().split()[:2])
        shown = run("ssh-keygen", "-lf", str(path), home=path.parent)
        self.fingerprint = shown.split()[1]

    @property
    def settings(self) -> tuple[str, str]:
        return "gpg.format=ssh", f"user.signingKey={self.path}"


def write_signers(folder: Path, text: str, revoked: str = "") -> Path:
    path = folder / "signers"
    path.write_text(f"{text}\n")
    if revoked:
        (folder / "signers.revoked").write_text(f"{revoked}\n")
    return path
