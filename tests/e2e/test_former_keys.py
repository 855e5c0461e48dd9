"""A project that version 1 of the rule of keys made is served by version 2: nothing is paid again.

data/version-1.tar.gz was made by the program of version 1, at the bundled server: six edits that
have their result (links that are plain, signed for OSS, signed for a CDN, with a `policy`; a file;
a chain), one that the service refused, one that is undecided, one whose task is under way.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from mockserver import MockServer, VirtualClock
from mockserver.clock import VIRTUAL_START
from reconciler import Project, read_plan
from reconciler.config import Variables
from reconciler.errors import BadSavedPlan
from reconciler.formats.digest import digest_json
from reconciler.formats.secret import Secret
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action, Plan
from reconciler.system import cache
from tests.caches import read_tables
from tests.e2e.bench import Bench, SmallFilms, Ticking

MADE = Path(__file__).with_name("data") / "version-1.tar.gz"
THERE, TASK = "http://127.0.0.1:65535/api/v1", "585eddab-65b9-473c-b2bd-61b6ed821261"
DONE = {"chained", "cdn", "local", "oss", "plain", "policy"}
LINK = "https://clips.example/{}.mp4?auth_key={}-0-0-{}"


class Old(Bench):
    """The project of version 1, moved to this server, where its task is under way."""

    def project(self, *, key: str = "sk-mock") -> Project:
        variables = Variables(Secret(key))
        return Project.open(
            self.root, variables=variables, clock=self.clock, transport=self.network
        )

    def plan(self, **options: object) -> Plan:
        return self.project().plan(PlanOptions(**options))  # type: ignore[arg-type]

    def actions(self) -> dict[str, Action]:
        return {step.name: step.action for step in self.plan().steps}

    def link(self, name: str, url: str) -> None:
        """Write the manifest of an edit with another link."""
        path = self.root / "specs" / f"{name}.yaml"
        document = json.loads(path.read_bytes())
        document["spec"]["input"]["media"][0]["url"] = url
        path.write_text(json.dumps(document))


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[Old]:
    virtual = VirtualClock(VIRTUAL_START + 30)
    root = tmp_path / "project"
    root.mkdir()
    async with MockServer(clock=virtual, renderer=SmallFilms(), task_seconds=(2.0, 4.0)) as server:
        bench = Old(root, server, Ticking(virtual), virtual)
        await unpack(bench)
        yield bench
        await bench.network.aclose()


async def unpack(bench: Old) -> None:
    """Put the project where it is, with the address and the task of this server."""
    with tarfile.open(MADE) as tar:
        tar.extractall(bench.root, filter="data")
    known = (bench.root / "ledger.sql").read_text().replace(TASK, "")
    task = ""
    while not task or task in known:  # ids of this server that are taken by what is done
        task = await bench.ask_by_hand(
            "make it rain", "https://clips.example/flying.mp4", resolution="720P"
        )
        bench.virtual.advance(2.0)
    for path in (*bench.root.rglob("*.json"), *bench.root.glob("*.*l")):
        path.write_text(
            path.read_text().replace(THERE, bench.server.url).replace(TASK, task), encoding="utf-8"
        )
    with closing(sqlite3.connect(bench.root / ".cutlist/live/ledger.db")) as ledger:
        ledger.executescript((bench.root / "ledger.sql").read_text())
    outputs = json.loads((bench.root / ".cutlist/outputs.json").read_bytes())["outputs"]
    for name, note in outputs.items():
        target = bench.root / name
        target.parent.mkdir(exist_ok=True)
        digest = note["digest"]
        shutil.copyfile(bench.root / ".cutlist/live/blobs" / digest[:2] / digest, target)


async def test_nothing_is_paid_again(old: Old) -> None:
    """Results count, the task under way is resumed, what was refused and what is undecided stay so;
    after the apply there is nothing to do, and not one task was asked for.
    """
    asked, lock = old.creates(), (old.root / "cutlist.lock").read_text()
    actions = old.actions()
    assert {name for name, action in actions.items() if action is Action.KEEP} == DONE
    assert actions["flying"] is Action.RESUME
    assert actions["refused"] is actions["unsure"] is Action.BLOCKED
    report = await old.apply()
    assert report.in_flight == () and old.creates() == asked
    assert old.output("flying").is_file()
    assert {
        name: action for name, action in old.actions().items() if action is not Action.KEEP
    } == {
        "refused": Action.BLOCKED,
        "unsure": Action.BLOCKED,
    }
    # what was pinned keeps its line; what came home is pinned under the key that it was sent with
    lines = (old.root / "cutlist.lock").read_text().splitlines()
    assert [line for line in lines if "flying" not in line] == lock.splitlines()
    assert any("4dd20c3e8351" in line for line in lines if "flying" in line)


async def test_a_job_of_an_earlier_rule_is_plain_data(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its record was not read again: it may be written into the ledger, and its key is
    its digest.
    """
    monkeypatch.setattr(cache, "is_settled", lambda stamp, now: True)
    for _ in range(2):
        resolved = old.project().run_pass().resolved
        for name in DONE:
            job = resolved[name].job
            assert job is not None
            assert digest_json(json.loads(json.dumps(job.canonical))) == job.key, name


async def test_refreshed_signatures_change_nothing(old: Old) -> None:
    """A signature that is refreshed after the change of the rule is no new job, whether version 1
    knew its provider or not.
    """
    old.link("cdn", LINK.format("cdn", 1_900_000_000, "f" * 32))
    old.link("flying", LINK.format("flying", 1_900_000_000, "f" * 32))
    old.link("refused", LINK.format("refused", 1_900_000_000, "f" * 32))
    old.link(
        "oss",
        "https://films.oss-cn-beijing.aliyuncs.com/oss.mp4?OSSAccessKeyId=B&Expires=9&Signature=b",
    )
    actions = old.actions()
    assert {name for name, action in actions.items() if action is Action.KEEP} == DONE
    assert actions["flying"] is Action.RESUME and actions["refused"] is Action.BLOCKED


async def test_a_change_is_a_change(old: Old) -> None:
    """Another object, another parameter and another prompt are rendered, under keys of
    version 2.
    """
    old.link("cdn", LINK.format("another", 1_900_000_000, "f" * 32))
    old.link("oss", "https://films.oss-cn-beijing.aliyuncs.com/oss.mp4?versionId=7")
    old.edit("plain", "make it snow", "https://clips.example/plain.mp4")
    plan = {step.name: step for step in old.plan().steps}
    assert {name for name, step in plan.items() if step.action is Action.RENDER} == {
        "cdn",
        "oss",
        "plain",
    }
    assert plan["plain"].reason == "prompt changed"
    old.edit("plain", "make it rain", "https://clips.example/plain.mp4")
    assert old.actions()["plain"] is Action.KEEP


async def test_what_version_1_left_out_and_version_2_does_not(old: Old) -> None:
    """`?policy=a` has the result that it had; `?policy=b` of another edit is another job now, and
    so it was never rendered. An edit that only has a new name is still the same.
    """
    url = "https://clips.example/policy.mp4?policy={}"
    old.edit("another", url=url.format("b"))
    assert old.actions()["another"] is Action.RENDER
    assert old.actions()["policy"] is Action.KEEP
    old.take_out("policy")
    old.take_out("another")
    old.edit("renamed", url=url.format("a"))
    assert old.actions()["renamed"] is Action.WRITE


async def test_a_clone_has_the_lock_file_alone(old: Old) -> None:
    """Where store and ledger are not, the pins of version 1 are pins: nothing is rendered
    unasked.
    """
    shutil.rmtree(old.root / ".cutlist")
    shutil.rmtree(old.root / "renders")
    plan = {step.name: step for step in old.plan().steps}
    for name in DONE:
        assert plan[name].action is Action.BLOCKED and "pins a result" in plan[name].reason, name


async def test_a_retry_keeps_the_count(old: Old) -> None:
    """What failed under version 1 is sent again under its key: its history goes on."""
    await old.apply(options=PlanOptions(retry_failed=True))
    history = old.project().log("refused")
    assert len({record.key for record in history}) == 1 and len(history) == 2


async def test_the_books_stay_as_they_are(old: Old) -> None:
    """A pass over an old project changes no record of it, and what it costs to look is no write."""
    before = {
        path: path.read_bytes() for path in (old.root / ".cutlist/live/results").rglob("*.json")
    }
    old.plan()
    assert {path: path.read_bytes() for path in before} == before


async def test_a_parameter_that_is_ignored_from_now_on(bench: Bench) -> None:
    """What was rendered before a name came into `identity.ignore_query` counts after it, with every
    value; and no value was kept anywhere.
    """
    bench.edit("film", url="https://films.example/v.mp4?id=1&ticket=geheim1")
    await bench.apply()
    tables = read_tables(bench.root / ".cutlist/cache/cache.db")
    assert [name for name, text in tables.items() if b"geheim" in text] == ["manifests/texts"]
    assert b"geheim" not in b"".join(
        path.read_bytes()
        for path in bench.root.rglob("*")
        if path.is_file() and not path.is_relative_to(bench.root / "specs")
        if path.name != "cache.db"  # as private as the manifests, whose texts it has
    )
    bench.edit("film", url="https://films.example/v.mp4?id=1&ticket=geheim2")
    assert [step.action for step in bench.project().plan().steps] == [Action.RENDER]
    bench.write_project(identity={"ignore_query": ["ticket"]})
    assert [step.action for step in bench.project().plan().steps] == [Action.KEEP]
    bench.edit("film", url="https://films.example/v.mp4?id=2&ticket=geheim2")
    assert [step.action for step in bench.project().plan().steps] == [Action.RENDER]
    assert bench.billed_tasks() == 1


async def test_a_plan_of_an_earlier_version_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A plan that was saved under version 1 names keys that are not sent any more: it is refused in
    words, and a new one costs nothing.
    """
    bench.edit("film")
    bench.project().save(tmp_path / "night.plan")
    document = json.loads((tmp_path / "night.plan").read_bytes())
    unsealed = {name: value for name, value in document.items() if name != "digest"}
    unsealed["version"] = 1
    (tmp_path / "night.plan").write_text(json.dumps({**unsealed, "digest": digest_json(unsealed)}))
    with pytest.raises(BadSavedPlan, match="of another version of cutlist") as told:
        read_plan(tmp_path / "night.plan")
    assert "Plan again" in told.value.hint
