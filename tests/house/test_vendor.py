"""What browsers get from others is exactly what the lock file names, with its licence."""

from __future__ import annotations

from tests.house.vendor import FOLDER, LOCK, hash_content, list_files, read_lock


def test_every_library_is_the_locked_one() -> None:
    """Each file has the digest of the lock file, and no other file lies beside them."""
    named = dict(list_files())
    assert {path for path in FOLDER.iterdir() if path != LOCK} == set(named)
    assert {path: hash_content(path.read_bytes()) for path in named} == named


def test_every_library_brings_its_licence() -> None:
    """What is shipped says who made it, and on which terms."""
    for library in read_lock():
        assert library["licence"] in {"MIT", "Apache-2.0"}
        assert any(entry["name"].endswith(".licence") for entry in library["files"])
