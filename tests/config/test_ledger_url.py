"""Where the shared ledger lies: who wins, what is refused, and what is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.config import (
    CommittedFolder,
    Config,
    Variables,
    build_committed_config,
    load_config,
)
from reconciler.config.project_file import read_project_file
from reconciler.errors import InvalidInput, UsageError
from reconciler.formats.secret import Secret
from reconciler.service.endpoints import find_endpoint
from reconciler.system.cache import open_cache

URL = "postgresql://db.example/cutlist"
NAMED = "metadata: {name: films}\n"


def load(folder: Path, spec: str, *, head: str = NAMED, **environ: str) -> Config:
    """The Config of a project file with this `spec`."""
    text = f"apiVersion: cutlist/v1\nkind: Project\n{head}spec: {spec}\n"
    (folder / "cutlist.yaml").write_text(text)
    return load_config(folder, variables=Variables.read(environ))


def test_none_is_named(tmp_path: Path) -> None:
    """The ledger is a file, and nothing else changes."""
    made = load(tmp_path, "{endpoint: beijing}")
    assert (made.shares_ledger, made.settle_s) == (False, 120)


def test_the_variable_wins(tmp_path: Path) -> None:
    """It may carry what the file must not."""
    made = load(tmp_path, f"{{endpoint: beijing, ledger: '{URL}'}}")
    assert (made.shares_ledger, made.ledger.reveal()) == (True, URL)
    own = "postgres://me:s3cret@other.example:6000/x?passfile=/a"
    made = load(tmp_path, f"{{endpoint: beijing, ledger: '{URL}'}}", CUTLIST_LEDGER=own)
    assert (made.shares_ledger, made.ledger.reveal()) == (True, own)
    assert "s3cret" not in repr(made)


def test_the_bundled_server_s_is_a_file(tmp_path: Path) -> None:
    """Its tasks are of this machine alone; a server of one's own is everybody's, and is given time
    to show what others have sent.
    """
    assert not load(tmp_path, f"{{ledger: '{URL}'}}").shares_ledger
    assert not load(tmp_path, "{}", head="", CUTLIST_LEDGER=URL).shares_ledger
    own = load(tmp_path, f"{{endpoint: 'http://127.0.0.1:1/api/v1', ledger: '{URL}'}}")
    assert (own.shares_ledger, own.settle_s) == (True, 5)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:s3cret@h/d", 'its scheme is "mysql"; legal is postgresql://HOST/DATABASE'),
        ("s3cret", "legal is postgresql://HOST/DATABASE"),
        ("./s3cret.db", "legal is postgresql://HOST/DATABASE"),
        ("postgresql://h", "names no database"),
        ("postgresql://h:s3cret/d", "it is no URL"),
        ("postgresql://u:s3cret@h/d", "it carries a password"),
        ("postgresql://u:@h/d", "it carries a password"),
        ("postgresql://h/d?password=s3cret", "it carries a password"),
        ("postgresql://h/d?sslkey=/s3cret", 'it has "sslkey"; legal after ? are host, port'),
        ("postgresql://h/d?options=-cs3cret", 'it has "options"'),
    ],
)
def test_what_a_file_must_not_name(tmp_path: Path, url: str, words: str) -> None:
    """Refused with its place, and without a word of what may be a secret."""
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, f"{{endpoint: beijing, ledger: '{url}'}}")
    (fault,) = caught.value.faults
    assert (fault.place.line, words in fault.message) == (4, True), fault.message
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3cret", "mysql://u:s3cret@h/d", "postgresql://u:s3cret@h"])
def test_what_the_variable_must_not_name(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="CUTLIST_LEDGER is no address") as caught:
        load(tmp_path, "{endpoint: beijing}", CUTLIST_LEDGER=url)
    assert "s3cret" not in str(caught.value)


def test_a_project_without_a_name(tmp_path: Path) -> None:
    """Its folder may be called otherwise in each clone, and the ledger knows projects by name."""
    with pytest.raises(InvalidInput, match="projects apart by their names"):
        load(tmp_path, f"{{endpoint: beijing, ledger: '{URL}'}}", head="")
    with pytest.raises(UsageError, match="projects apart by their names"):
        load(tmp_path, "{endpoint: beijing}", head="", CUTLIST_LEDGER=URL)


def test_a_commit_cannot_say_where_the_ledger_lies(tmp_path: Path) -> None:
    """Nor what it is called there: who runs the controller says both, for all that it renders."""
    raw = (
        b"apiVersion: cutlist/v1\nkind: Project\nmetadata: {name: another}\n"
        b"spec: {ledger: 'postgresql://stranger.example/x', store: 's3://strangers/x'}\n"
    )

    def commit(**given: Any) -> Config:
        return build_committed_config(
            read_project_file(raw, open_cache(tmp_path / "cache")),
            CommittedFolder(tmp_path, "c0ffee"),
            endpoint=find_endpoint("beijing", {}, "endpoint", None),
            environment="default",
            outputs=tmp_path,
            home=tmp_path,
            lock_dir=tmp_path,
            variables=Variables(),
            name="films",
            **given,
        )

    alone = commit()
    assert (alone.shares_ledger, alone.bucket, alone.name) == (False, None, "films")
    shared = commit(ledger=Secret(URL))
    assert (shared.ledger.reveal(), shared.name, shared.settle_s) == (URL, "films", 120)
