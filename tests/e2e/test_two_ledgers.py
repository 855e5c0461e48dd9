"""Two clones with a ledger each on one store: each is told of the other, the live realm wants that
confirmed, and what both paid for is counted as wasted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.config import Variables
from reconciler.errors import Declined, InvalidInput
from reconciler.formats.secret import Secret
from reconciler.history.spending import Fate
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action
from reconciler.project import Project
from reconciler.report.cost import write_cost
from reconciler.state.roster import Roster
from reconciler.state.store import FolderNotes, FolderStore
from tests.clock import FakeClock
from tests.e2e.bench import FETCH, Bench, Trouble
from tests.workspace import Workspace

MEANING = (
    "other ledger works on this store (last seen {}): two that apply at the same moment pay twice"
    " for the same edit, and budget.per_day counts each of them alone"
)


class Clones:
    """Two clones of one project, with one store and one server."""

    def __init__(self, bench: Bench, other: Path) -> None:
        self.bench, self.roots = bench, {"a": bench.root, "b": other}
        self.store = bench.root.parent / "store"
        self.write()
        self.edit("rain")

    def write(self, **spec: Any) -> None:
        """The project file of both: in the live realm, unless told otherwise."""
        self._both(
            lambda: self.bench.write_project(endpoint=self.bench.server.url, realm="live", **spec)
        )

    def edit(self, name: str, prompt: str = "make it rain") -> None:
        self._both(lambda: self.bench.edit(name, prompt))

    def _both(self, write: Callable[[], None]) -> None:
        for root in self.roots.values():
            self.bench.root = root
            write()
        self.bench.root = self.roots["a"]

    def project(self, which: str) -> Project:
        bench = self.bench
        variables = Variables(Secret("sk-mock"), "", str(self.store))
        return Project.open(
            self.roots[which], variables=variables, clock=bench.clock, transport=bench.network
        )

    async def apply(self, which: str, **settings: Any) -> Any:
        return await self.bench.apply(self.project(which), **settings)

    def notes(self) -> list[Path]:
        return sorted((self.store / "live/ledgers").glob("*"))


@pytest.fixture
def clones(bench: Bench, tmp_path: Path) -> Clones:
    other = tmp_path / "b"
    other.mkdir()
    return Clones(bench, other)


async def test_a_second_ledger_wants_a_word(clones: Clones) -> None:
    """The second one is refused with the place, what it means and both ways on, before anything is
    sent; it has left no note then, so that the first goes on as before.
    """
    await clones.apply("a")
    clones.edit("snow", "make it snow")
    with pytest.raises(InvalidInput) as refused:
        await clones.apply("b")
    (fault,) = refused.value.faults
    (note,) = clones.notes()
    assert (fault.place.file, refused.value.exit_code) == ("cutlist.yaml", 3)
    seen = json.loads(note.read_text())
    assert MEANING.format(seen["last_seen"]) in fault.message
    assert "say `shared_store: true` in cutlist.yaml; if it is gone for good" in fault.message
    assert str(note) in fault.message
    assert clones.bench.creates() == 1
    assert (await clones.apply("a")).exit_code == 0
    assert clones.bench.creates() == 2


async def test_what_costs_nothing_needs_no_word(clones: Clones) -> None:
    """A clone that only writes what is in the store, or brings home what is at the service, is
    neither refused nor noted.
    """
    await clones.apply("a")
    report = await clones.apply("b")
    assert (report.done(Action.WRITE), clones.bench.creates()) == (1, 1)
    clones.edit("snow", "make it snow")
    assert (await clones.apply("b", options=PlanOptions(refresh_only=True))).exit_code == 0
    assert (len(clones.notes()), clones.bench.creates()) == (1, 1)


async def test_confirmed_once(clones: Clones) -> None:
    """With a word in the project file both spend, and leave a note each: id, first and last time,
    and nothing else.
    """
    clones.write(shared_store=True)
    await clones.apply("a")
    clones.edit("snow", "make it snow")
    clones.bench.virtual.advance(3600)
    assert (await clones.apply("b")).exit_code == 0
    assert not [text for text in clones.bench.said if "other ledger" in text]
    first, second = sorted(
        (json.loads(path.read_text()) for path in clones.notes()),
        key=lambda note: str(note["first_seen"]),
    )
    assert first.keys() == {"id", "first_seen", "last_seen"}
    assert first["last_seen"] < second["first_seen"]
    clones.edit("hail", "make it hail")
    await clones.apply("a")
    (again,) = (json.loads(p.read_text()) for p in clones.notes() if p.stem == first["id"])
    assert (again["first_seen"], again["last_seen"] > first["last_seen"]) == (
        first["first_seen"],
        True,
    )


async def test_two_that_begin_at_one_moment(clones: Clones) -> None:
    """The other's note comes while somebody is asked: it is seen before anything is sent."""

    def meanwhile(_plan: object) -> bool:
        other = Roster(
            FolderNotes(clones.store / "live/ledgers"), clones.roots["b"] / ".cutlist/live"
        )
        assert other.sign(now=clones.bench.clock.now(), new_id=lambda: "b" * 32)
        return True

    with pytest.raises(InvalidInput, match="1 other ledger works on this store"):
        await clones.apply("a", approve=meanwhile)
    assert (clones.bench.creates(), [path.stem for path in clones.notes()]) == (0, ["b" * 32])


async def test_who_does_not_spend_leaves_no_note(clones: Clones) -> None:
    """A refusal at the question, or of a budget, notes nothing."""
    with pytest.raises(Declined):
        await clones.apply("a", approve=lambda _plan: False)
    assert clones.notes() == []


async def test_the_mock_only_tells(bench: Bench, tmp_path: Path) -> None:
    """Where nothing is spent it is a warning."""
    bench.edit("rain")
    await bench.apply()
    Roster(FolderNotes(bench.root / ".cutlist/mock/ledgers"), tmp_path).sign(
        now=0.0, new_id=lambda: "b" * 32
    )
    bench.edit("snow", "make it snow")
    assert (await bench.apply()).exit_code == 0
    assert f"warning: 1 {MEANING.format('1970-01-01T00:00:00Z')}." in bench.said


def test_plan_and_status_tell(workspace: Workspace, media: Path, tmp_path: Path) -> None:
    """On standard error, in one sentence; the plan itself is the same to the byte."""
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    before = workspace.run("plan")
    Roster(FolderNotes(workspace.root / ".cutlist/mock/ledgers"), tmp_path).sign(
        now=0.0, new_id=lambda: "b" * 32
    )
    for command in (["plan"], ["status"], ["plan", "--json"]):
        said = workspace.run(*command)
        assert f"warning: 1 {MEANING.format('1970-01-01T00:00:00Z')}." in " ".join(said.err.split())
    assert workspace.run("plan").out == before.out


def test_the_word_is_a_word(workspace: Workspace) -> None:
    """What is neither true nor false is a fault with its place."""
    fields = (workspace.root / "cutlist.yaml").read_text() + "  shared_store: often\n"
    workspace.write("cutlist.yaml", fields)
    said = workspace.run("plan")
    assert said.code == 3
    assert 'cutlist.yaml:7:17: error: shared_store is "often"' in said.err


@pytest.mark.parametrize("text", ["", "{", "[]", '{"first_seen": 7}', "\xff"])
def test_a_note_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    """It is still a note of somebody; what else lies there is none."""
    folder = tmp_path / "store/ledgers"
    folder.mkdir(parents=True)
    (folder / f"{'c' * 32}.json").write_bytes(text.encode("latin-1"))
    for other in (".hidden.tmp", "README.txt", "x.json"):
        (folder / other).write_text("{}")
    roster = Roster(FolderNotes(tmp_path / "store/ledgers"), tmp_path / "state")
    (note,) = roster.others()
    assert (note.id, note.first_seen, note.last_seen) == ("c" * 32, "", "")
    roster.sign(now=0.0, new_id=lambda: "d" * 32)
    assert [each.id for each in roster.others()] == ["c" * 32]


# ------------------------------------------------------------------ at the same moment


def while_it_asks(clones: Clones, which: tuple[str, str], ran: list[Any]) -> Trouble:
    """The first request of that kind waits until the other clone has applied."""

    async def act(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
        ran.append(await clones.apply("b"))
        response: httpx.Response = await send(request)
        return response

    return Trouble(*which, act)


async def test_paid_twice_is_wasted(clones: Clones) -> None:
    """Both were sent before either came home. The loser is told, its bill shows what it paid, and
    its books count it as wasted and not as saved; the winner's are as ever.
    """
    clones.write(shared_store=True)
    ran: list[Any] = []
    clones.bench.network.trouble = [while_it_asks(clones, FETCH, ran)]
    report = await clones.apply("a")
    assert clones.bench.billed_tasks() == 2
    assert (report.done(Action.RENDER), report.billed_s > 0, report.exit_code) == (1, True, 0)
    assert report.billed_s == ran[0].billed_s
    assert any("rain was paid twice: another ledger" in text for text in clones.bench.said)
    loser, winner = clones.project("a").cost(), clones.project("b").cost()
    assert loser.spending.of(Fate.TWICE).billable_s == report.billed_s
    assert (loser.spending.saved, loser.spending.of(Fate.IN_USE).count) == ((), 0)
    assert (winner.spending.of(Fate.TWICE).count, winner.spending.of(Fate.IN_USE).count) == (0, 1)
    text = write_cost(loser, "edit")
    assert "paid twice" in text
    assert f"Wasted: {report.price:.2f} USD" in text
    document = loser.to_json()
    assert document["wasted"] == document["fates"]["paid_twice"] == document["spent"]


async def test_what_is_there_just_before_the_request(clones: Clones) -> None:
    """The other clone is done while this one still prepares: the store is looked at once more, and
    nothing is sent.
    """
    clones.write(shared_store=True)
    store, ran = FolderStore(clones.store / "live", FakeClock()), []

    def approve(_plan: object) -> bool:
        ran.append(True)
        return True

    clones.bench.network.trouble = [while_it_asks(clones, ("GET", "/tasks"), ran)]
    report = await clones.apply("a", approve=approve)
    assert (clones.bench.creates(), clones.bench.billed_tasks()) == (1, 1)
    assert (report.done(Action.WRITE), report.billed_s, report.exit_code) == (1, 0.0, 0)
    assert (clones.roots["a"] / "renders/rain.mp4").is_file()
    (step,) = clones.project("a").plan().steps
    assert store.find_first(str(step.key)) is not None
    (saved,) = clones.project("a").cost().spending.saved
    assert saved.edit == "rain"


async def test_damaged_bytes_are_no_result(clones: Clones) -> None:
    """What the last look finds is hashed: bytes that are not what they are named for are none."""
    await clones.apply("a")
    (step,) = clones.project("a").plan().steps
    store = FolderStore(clones.store / "live", FakeClock())
    path = store.blob_path(str(step.digest))
    path.chmod(0o644)
    path.write_bytes(bytes(path.stat().st_size))
    assert store.find_first(str(step.key)) is None
