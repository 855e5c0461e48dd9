"""Documents of the controller: what they mean, in files, in folders and as flags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler import Project
from reconciler.config import load_config
from reconciler.config.settings import Prices
from reconciler.controller.document_checks import check_document
from reconciler.controller.documents import Notification, Repository, SpendLimits, Sync
from reconciler.controller.loading import build_sync, load_syncs, load_whole_syncs
from reconciler.errors import InvalidInput, Place, UsageError
from reconciler.formats.document import Document
from reconciler.formats.names import is_plain
from reconciler.formats.parsing import parse_documents
from reconciler.system import shipped
from tests.workspace import Workspace

WHOLE = """\
apiVersion: cutlist/v1
kind: Sync
metadata: {name: films}
spec:
  repository: {url: "https://git.example.com/films.git", ref: next, path: ./spring/, depth: 5}
  environment: final
  interval: 10m
  timeout: 1h
  suspend: true
  endpoint: "https://render.example.com/api/v1"
  realm: mock
  workspace: ws-1
  policy: {models: [wan2.7-videoedit]}
  outputs: {root: renders}
  apply: {mode: approve}
  prices: {currency: USD, models: {wan2.7-videoedit: 0.1}}
  budget: {per_pass: 20}
  selfHeal: false
  verify: {mode: ssh, signers: signers}
  provider: {kind: gitlab, repo: studio/spring/films}
  writeBack: {lock: true}
  notify: [{kind: webhook, urlFrom: HOOK_URL, on: [planned], secretFrom: HOOK_KEY}]
  webhook: {secretFrom: HOOK_SECRET}
"""
SMALL = "{apiVersion: cutlist/v1, kind: Sync, metadata: {name: NAME}, spec: {repository: {url: 'git@host:NAME.git'}}}"  # noqa: E501


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_document(tmp_path: Path) -> None:
    """Every field arrives, in seconds, with paths beside the document."""
    write(tmp_path, "signers", "")
    (sync,) = load_syncs([write(tmp_path, "films.yaml", WHOLE)])
    assert sync.name == "films"
    assert sync.repository == Repository(
        "https://git.example.com/films.git", ref="next", path="spring", depth=5
    )
    assert (sync.interval_s, sync.retry_interval_s, sync.timeout_s) == (600, 20, 3600)
    assert (sync.environment, sync.mode) == ("final", "approve")
    assert (sync.endpoint, sync.realm) == ("https://render.example.com/api/v1", "mock")
    assert sync.workspace == "ws-1"
    assert sync.policy is not None
    assert sync.policy.place("/spec/policy/models/0") == Place("films.yaml", 13, 21)
    assert (sync.suspend, sync.self_heal) == (True, False)
    assert sync.outputs == tmp_path / "renders"
    assert sync.budget == SpendLimits(per_pass=20)
    assert sync.prices == Prices("USD", {"wan2.7-videoedit": 0.1})
    assert (sync.verification.mode, sync.verification.signers) == ("ssh", tmp_path / "signers")
    assert sync.provider is not None
    assert (sync.provider.repo, sync.provider.token_from) == ("studio/spring/films", "GITLAB_TOKEN")
    assert sync.write_back.lock
    assert sync.notifications == (
        Notification("webhook", "HOOK_URL", ("planned",), secret_from="HOOK_KEY"),
    )
    assert sync.webhook_secret_from == "HOOK_SECRET"
    assert sync.place == Place(str(tmp_path / "films.yaml"), 3, 18)


def test_a_small_document_is_the_defaults(tmp_path: Path) -> None:
    """What is not said is what the schema says, and the values of Python say the same."""
    (sync,) = load_syncs([write(tmp_path, "films.yaml", SMALL.replace("NAME", "films"))])
    assert sync == Sync("films", Repository("git@host:films.git"), place=sync.place)
    assert sync.endpoint == "mock"


def test_the_schema_is_one() -> None:
    """It fits the draft, knows the prices of the project file, and has the defaults of Python."""
    schema = shipped.read_schema("sync")
    Draft202012Validator.check_schema(schema)
    rules = schema["properties"]["spec"]["properties"]
    assert (
        rules["prices"]
        == (shipped.read_schema("project")["properties"]["spec"]["properties"]["prices"])
    )
    entry = rules["notify"]["items"]["properties"]
    assert tuple(entry["on"]["default"]) == Notification("slack", "URL").on
    for name, value in {field.name: field.default for field in fields(Repository)}.items():
        if "default" in rules["repository"]["properties"].get(name, {}):
            assert rules["repository"]["properties"][name]["default"] == value


def test_an_interval_bounds_the_one_after_a_failure(tmp_path: Path) -> None:
    """Where only the interval is said and is short, a failure is not waited for any longer."""
    text = SMALL.replace("NAME", "films").replace("spec: {", "spec: {interval: 5s, ")
    (sync,) = load_syncs([write(tmp_path, "films.yaml", text)])
    assert (sync.interval_s, sync.retry_interval_s) == (5, 5)


def test_rules_hold_that_the_project_waives(workspace: Workspace, media: Path) -> None:
    """The policy of a document is checked besides the project's, whose waivers do not reach it."""
    workspace.take(media, "ok.mp4")
    workspace.edit("film")
    waiver = "{edits: ['*'], rules: [watermark], reason: none}"
    project = (workspace.root / "cutlist.yaml").read_text()
    workspace.write("cutlist.yaml", f"{project}  policy: {{watermark: true, waive: [{waiver}]}}\n")
    rules = SMALL.replace("NAME", "films").replace("spec: {", "spec: {policy: {watermark: true}, ")
    (sync,) = load_syncs([write(workspace.root.parent, "films.yaml", rules)])
    config = load_config(workspace.root)
    assert Project(config).load().edits
    with pytest.raises(InvalidInput, match=r"\(policy\.watermark, films\.yaml:1:\d+\)") as refusal:
        Project(replace(config, policy_floor=sync.policy)).load()
    assert len(refusal.value.faults) == 1


def test_files_and_folders(tmp_path: Path) -> None:
    """A folder is its YAML files, sorted: not what is hidden, not what lies deeper."""
    for name in ("b.yaml", "a.yml", ".c.yaml", "..data/d.yaml", "below/e.yaml", "notes.txt"):
        text = SMALL.replace("NAME", Path(name).stem.strip("."))
        write(tmp_path / "syncs", name, text if name.endswith("ml") else "no: document")
    more = write(
        tmp_path, "more.yaml", "\n---\n".join(SMALL.replace("NAME", name) for name in ("f", "g"))
    )
    read = load_syncs([more, tmp_path / "syncs", more])
    assert [sync.name for sync in read] == ["f", "g", "a", "b"]


def test_a_mounted_map_of_kubernetes(tmp_path: Path) -> None:
    """Its files are links through a hidden folder, and each counts once."""
    write(tmp_path / "syncs", "..data/films.yaml", SMALL.replace("NAME", "films"))
    (tmp_path / "syncs" / "films.yaml").symlink_to("..data/films.yaml")
    assert len(load_syncs([tmp_path / "syncs"])) == 1


def test_all_faults_of_all_files_in_one_run(tmp_path: Path) -> None:
    """One broken file hides nothing, and a name counts across files."""
    first = write(tmp_path, "a.yaml", SMALL.replace("NAME", "films"))
    second = write(tmp_path, "b.yaml", SMALL.replace("NAME", "films").replace("v1", "v2"))
    third = write(tmp_path, "c.yaml", "a: b: c")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput) as refusal:
        load_syncs([first, second, third, tmp_path / "none.yaml", tmp_path / "empty"])
    told = [str(fault).removeprefix(f"{tmp_path}/") for fault in refusal.value.faults]
    assert [line.split(": ")[0] for line in told] == [
        "b.yaml:1:14", "b.yaml:1:55", "c.yaml:1:5", "empty:1:1", "none.yaml:1:1",
    ]  # fmt: skip
    assert refusal.value.files == 3


def test_a_broken_document_holds_up_no_other(tmp_path: Path) -> None:
    """The others are read, also of its own file; of two with one name the first one is."""
    documents = [SMALL.replace("NAME", name) for name in ("hail", "rain", "snow")]
    documents[1] = documents[1].replace("v1", "v2")
    write(tmp_path, "a.yaml", "\n---\n".join(documents))
    write(tmp_path, "b.yaml", SMALL.replace("NAME", "snow"))
    write(tmp_path, "c.yaml", "a: b: c")
    syncs, trouble = load_whole_syncs([tmp_path])
    assert [sync.name for sync in syncs] == ["hail", "snow"]
    assert syncs[1].place.file.endswith("a.yaml")
    assert trouble is not None
    assert len(trouble.faults) == 3


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """Too large, unreadable, a pipe: told, and not waited for."""
    import os

    os.mkfifo(tmp_path / "pipe.yaml")
    write(tmp_path, "large.yaml", f"a: {'x' * (1 << 20)}")
    with pytest.raises(InvalidInput) as refusal:
        load_syncs([tmp_path / "pipe.yaml", tmp_path / "large.yaml"])
    assert [fault.message[:18] for fault in refusal.value.faults] == [
        "the file has 10485", "no such file or fo",
    ]  # fmt: skip


def test_flags_are_a_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simple case: a name by the repository, paths from where one is."""
    monkeypatch.chdir(tmp_path)
    sync = build_sync("git@git.example.com:studio/Spring_Films.git", "next", outputs="renders")
    assert (sync.name, sync.repository.ref) == ("spring-films", "next")
    assert (sync.outputs, sync.endpoint) == (tmp_path / "renders", "mock")
    same = build_sync("https://git.example.com/films", name="a", interval="5m", mode="never")
    assert (same.name, same.interval_s, same.mode) == ("a", 300, "never")
    assert build_sync("file:///srv/--.git").name == "sync"


def test_bad_flags_are_all_told() -> None:
    """By the names that they have on the command line, and without a secret."""
    with pytest.raises(UsageError) as refusal:
        build_sync("https://bob:hunter2@host/x", "--force", path="..", endpoint="singapor")
    told = refusal.value.message
    assert "hunter2" not in told
    for words in ('--repo is "https://…@host/x": ', '--ref is "--force": ', "--path is", "Did you"):
        assert words in told
    assert told.endswith("Did you mean singapore?")


# ------------------------------------------------------------------ any document

_LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.text(max_size=12),
    st.sampled_from(["ghp_" + "a1" * 18, "60s", "~/x", "\0", "x" * 300, "https://a:hunter2@b/c"]),
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner)
)


def list_pointers(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in `value`."""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in parts:
        yield (*above, name)
        if isinstance(part, dict | list):
            yield from list_pointers(part, (*above, name))


@given(st.data())
def test_any_document_is_taken_or_refused_in_words(data: st.DataObject) -> None:
    """Whatever stands anywhere in it: no traceback, and no secret in a fault."""
    document = parse_documents(WHOLE.encode(), "case.yaml")[0][0].data
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from([*list_pointers(document)]))
        holder = document
        for part in path:
            holder = holder[part]
        holder[last] = data.draw(_VALUES)
    faults = check_document(Document("case.yaml", document), Path("/nonexistent"))
    for fault in faults:
        assert "a1a1a1a1" not in fault.message
        assert is_plain(fault.message)


def test_places_of_faults_are_the_documents(tmp_path: Path) -> None:
    """A fault that this module finds stands where the value stands."""
    documents, _ = parse_documents(WHOLE.replace("10m", "often").encode(), "films.yaml")
    write(tmp_path, "signers", "")
    faults = check_document(documents[0], tmp_path)
    assert [str(fault.place) for fault in faults] == ["films.yaml:7:13"]
