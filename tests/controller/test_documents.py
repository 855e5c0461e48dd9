"""Documents of the controller: what they mean, and what they are without a word."""

from __future__ import annotations

from reconciler.controller.documents import Repository, Sync


def test_what_nobody_says_spends_nothing() -> None:
    """A document that names only a repository renders at the bundled mock, and pushes nothing."""
    sync = Sync("films", Repository("https://git.example.com/studio/films.git"))
    assert (sync.endpoint, sync.write_back.lock, sync.provider) == ("mock", False, None)
    assert (sync.interval_s, sync.retry_interval_s, sync.timeout_s) == (60, 20, 7200)
