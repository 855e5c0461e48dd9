"""Where ledger and store of a Sync lie that several machines share: who says so, and who cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Variables
from reconciler.controller.documents import Sync
from reconciler.controller.loading import load_syncs
from reconciler.controller.shared_state import choose_bucket, choose_ledger, find_shared_ledger
from reconciler.errors import InvalidInput, UsageError
from reconciler.formats.secret import Secret
from tests.controller.stage import Stage

LEDGER, STORE = "postgresql://db.example/cutlist", "s3://studio-videos/cutlist"
SECRET = "s3cret"


def load(folder: Path, spec: str) -> Sync:
    """The Sync of a document with these lines in its `spec`."""
    text = (
        "apiVersion: cutlist/v1\nkind: Sync\nmetadata: {name: films}\nspec:\n"
        f"  repository: {{url: https://git.example.com/films.git}}\n  {spec}\n"
    )
    (folder / "films.yaml").write_text(text)
    (sync,) = load_syncs([folder / "films.yaml"])
    return sync


def test_the_document_says_where_they_lie(tmp_path: Path) -> None:
    """It counts before the environment of the controller, which counts where it says nothing."""
    named = Variables(ledger=Secret("postgresql://other.example/x"), store="s3://other-bucket")
    said = load(tmp_path, f"endpoint: beijing\n  ledger: {LEDGER}\n  store: {STORE}")
    assert choose_ledger(said, named).reveal() == LEDGER
    assert str(choose_bucket(said, named)) == STORE
    address = find_shared_ledger(said, named)
    assert address is not None and address.schema == "cutlist_live_default"
    silent = load(tmp_path, "endpoint: beijing")
    assert choose_ledger(silent, named).reveal() == "postgresql://other.example/x"
    assert str(choose_bucket(silent, named)) == "s3://other-bucket"
    assert find_shared_ledger(silent, Variables()) is None
    assert choose_bucket(silent, Variables(store="/srv/videos")) is None
    rehearsal = load(tmp_path, f"ledger: {LEDGER}")
    assert find_shared_ledger(rehearsal, named) is None


@pytest.mark.parametrize(
    ("spec", "place", "part"),
    [
        (f"ledger: postgresql://u:{SECRET}@h/d", "6:11", "it carries a password"),
        (f"ledger: postgresql://h/d?passfile={SECRET}", "6:11", 'it has "passfile"'),
        (f"ledger: mysql://h/{SECRET}", "6:11", 'its scheme is "mysql"'),
        (f"store: s3://AKIA:{SECRET}@bucket/x", "6:10", "it has a user or a password"),
        (f"store: s3://bucket-one/x?secret={SECRET}", "6:10", "Keys never stand in an address"),
        (f"store: /srv/{SECRET}", "6:10", "a bucket is named by s3://"),
        ("project: Films!", "6:12", "project"),
    ],
)
def test_a_document_with_a_secret_or_no_address(
    tmp_path: Path, spec: str, place: str, part: str
) -> None:
    """The fault has its place, says what is legal, and shows nothing that may be a key."""
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, spec)
    told = "\n".join(map(str, caught.value.errors))
    assert f"films.yaml:{place}: error: " in told and part in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "variables",
    [Variables(ledger=Secret(f"mysql://u:{SECRET}@h/d")), Variables(store=f"s3://u:{SECRET}@b")],
)
def test_a_variable_that_names_no_address(tmp_path: Path, variables: Variables) -> None:
    sync = load(tmp_path, "endpoint: beijing")
    with pytest.raises(UsageError, match=r"CUTLIST_(LEDGER|STORE) is no") as caught:
        choose_ledger(sync, variables)
        choose_bucket(sync, variables)
    assert SECRET not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ledger", "postgresql://stranger.example/x"),
        ("store", f"s3://AKIA:{SECRET}@strangers/x"),
        ("store", "s3://strangers/x"),
    ],
)
async def test_a_commit_redirects_neither(stage: Stage, field: str, value: str) -> None:
    """What it names is told without its address, and not reached: a ledger of strangers would have
    everything paid for again, and a bucket of theirs would get the videos.
    """
    fields: dict[str, Any] = {field: value}
    stage.write_project(**fields)
    document = stage.repository.root / "cutlist.yaml"
    head = '"kind": "Project"'
    named = document.read_text().replace(head, f'{head}, "metadata": {{"name": "another"}}')
    document.write_text(named)
    stage.edit("rain")
    stage.push()
    await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert stage.billed_tasks() == 1
    project = stage.controller and stage.controller.entries.find("films").memory.project
    assert project is not None
    config = project.config
    assert (config.name, config.bucket, config.shares_ledger) == ("films", None, False)
    said = "\n".join(stage.said)
    assert f"{field} is not taken from a commit" in said
    assert "strangers" not in said and SECRET not in said
