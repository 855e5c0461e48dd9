"""Fetches the libraries of the page from the npm registry, and checks those that lie here.

`python -m tests.house.vendor` (`make vendor`) asks npm for the versions that `vendor.lock` names,
holds each package to its integrity, and writes its files anew. A browser finds modules by their
address alone, so the names that one library imports another by become relative here; `replace` and
`append` of the lock file say what of a file is changed, and `sha256` is of what lies here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "reconciler" / "web" / "static" / "vendor"
LOCK = FOLDER / "vendor.lock"


class NotAsLocked(Exception):
    """A package or a file is not what the lock file says."""


def main() -> None:
    """Write every file of the lock file anew, and say which."""
    for library in read_lock():
        package = fetch_package(library)
        for entry in library["files"]:
            content = make_file(package, entry)
            require(hash_content(content) == entry["sha256"], f"{entry['name']} became another")
            (FOLDER / entry["name"]).write_bytes(content)
            print(f"{entry['name']}: {library['package']} {library['version']}")


def read_lock() -> list[dict[str, Any]]:
    """The libraries that the lock file names."""
    libraries: list[dict[str, Any]] = json.loads(LOCK.read_text(encoding="utf-8"))["libraries"]
    return libraries


def list_files() -> Iterator[tuple[Path, str]]:
    """Each file that the lock file names, with its digest."""
    for library in read_lock():
        for entry in library["files"]:
            yield FOLDER / entry["name"], entry["sha256"]


def fetch_package(library: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a package by their names, once its integrity is proved."""
    with tempfile.TemporaryDirectory() as folder:
        named = f"{library['package']}@{library['version']}"
        subprocess.run(["npm", "pack", "--silent", named], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        raw = archive.read_bytes()
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(raw).digest()).decode()
        require(integrity == library["integrity"], f"{named} is another package by now")
        with tarfile.open(archive) as tar:
            members = (member for member in tar.getmembers() if member.isfile())
            return {
                member.name.removeprefix("package/"): file.read()
                for member in members
                if (file := tar.extractfile(member)) is not None
            }


def make_file(package: Mapping[str, bytes], entry: Mapping[str, Any]) -> bytes:
    """One file as it lies here: without the mark of a source map, which is not shipped."""
    text = package[entry["from"]].decode()
    for old, new in entry.get("replace", {}).items():
        require(old in text, f"{entry['from']} has no {old!r}")
        text = text.replace(old, new)
    lines = [line for line in text.splitlines() if not line.startswith("//# sourceMappingURL=")]
    return ("\n".join(lines).rstrip() + "\n" + entry.get("append", "")).encode()


def hash_content(content: bytes) -> str:
    """The SHA-256 of a file, as the lock file has it."""
    return hashlib.sha256(content).hexdigest()


def require(holds: bool, otherwise: str) -> None:
    """Raise NotAsLocked with the words `otherwise` where something does not hold."""
    if not holds:
        raise NotAsLocked(otherwise)


if __name__ == "__main__":
    main()
