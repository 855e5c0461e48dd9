"""Two controllers for the same documents, with one ledger and one bucket: one leads, the other
stands by and takes over; nothing is paid, pushed or told twice.
"""

from __future__ import annotations

import asyncio
import errno
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mockserver import VirtualClock
from reconciler.apply.outcome import Stop
from reconciler.config import Variables
from reconciler.controller.conditions import ConditionType, PassEnd, PassRecord, SyncStatus
from reconciler.controller.documents import ProviderAddress, PullRequestRules, Sync, WriteBack
from reconciler.controller.leadership import RENEW_EVERY_S, VALID_S
from reconciler.controller.logs import Log, LogStream
from reconciler.controller.overview import stands_by
from reconciler.controller.places import SyncPlaces
from reconciler.controller.service import ControllerService, ServiceSettings
from reconciler.controller.telling import find_message
from reconciler.controller.webhooks import LookAtBranch
from reconciler.errors import UsageError
from reconciler.formats.secret import Secret
from reconciler.state.ledger import leases
from reconciler.state.ledger.address import LedgerAddress
from tests.bucketserver import ACCESS, BucketServer
from tests.controller.providers.host import TOKEN, Host, serve
from tests.controller.providers.servers import GitHubHost
from tests.controller.stage import Alarms, Stage, run_here
from tests.controller.test_controller import Gate, until
from tests.controller.test_review import Team
from tests.e2e.bench import FETCH, Network, Ticking
from tests.postgres import make_address, run_sql


class Machine:
    """One controller, with a state folder and clocks of its own. Its alarms ring when the test says
    so, whatever its passes wait for.
    """

    def __init__(self, name: str, stage: Stage, sync: Sync) -> None:
        self.name, self.stage, self.sync = name, stage, sync
        self.state = stage.folder / f"state-{name}"
        self.network = Network()
        self.virtual = VirtualClock()
        self.alarms = Alarms(self.virtual)
        clock = Ticking(stage.virtual)
        for each in (clock, self.alarms):
            self._name_ids(each)
        self.logged = io.StringIO()
        self.service = ControllerService(
            ServiceSettings(
                state=self.state,
                load=lambda: [self.sync],
                clock=clock,
                alarms=self.alarms,
                variables=Variables(Secret("sk-mock")),
                log=Log(LogStream(self.logged), self.alarms, least="debug"),
                transport=self.network,
                run_pass=run_here,
            )
        )
        self.controller = self.service.controller
        self.stop = Stop()

    def _name_ids(self, clock: Ticking) -> None:
        made = clock.new_id
        clock.new_id = lambda: f"{self.name}{id(clock)}{made()}"  # type: ignore[method-assign]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        work = asyncio.ensure_future(self.service.serve(self.stop))
        try:
            yield
        finally:
            self.stop.request("SIGTERM")
            await asyncio.wait_for(work, 30)

    @property
    def status(self) -> SyncStatus:
        return self.controller.entries.list_statuses()[0]

    @property
    def places(self) -> SyncPlaces:
        return SyncPlaces.of(self.state, self.sync)

    @property
    def words(self) -> str:
        """What the status says of whether it is ready."""
        ready = self.status.find(ConditionType.READY)
        return "" if ready is None else ready.message

    def leads(self) -> bool:
        return self.controller.leads("films")

    def stands_by(self) -> bool:
        return stands_by(self.status)

    def is_applied(self, commit: str) -> Callable[[], bool]:
        """Whether it leads, and all of a commit is there."""
        return lambda: self.leads() and self.status.last_applied_revision == commit

    async def ring(self, until_so: Callable[[], bool], *, seconds: float = 1.0) -> None:
        """Let its time go by until something is so."""
        async with asyncio.timeout(30):
            while not until_so():
                self.alarms.ring(seconds)
                await asyncio.sleep(0.01)


class Fleet:
    """A repository at a host, its pull requests, a ledger and a bucket; and controllers."""

    def __init__(self, stage: Stage, address: LedgerAddress, store: str, host: Host) -> None:
        self.stage, self.address, self.host = stage, address, host
        provider = ProviderAddress(host.kind, host.repo, host.url, "PROVIDER_TOKEN")
        self.fields: dict[str, Any] = {
            "realm": "live",
            "account": address.account,
            "ledger": address.url,
            "store": store,
            "provider": provider,
            "pull_requests": PullRequestRules(),
            "write_back": WriteBack(lock=True),
        }

    def make(self, name: str, **fields: Any) -> Machine:
        return Machine(name, self.stage, self.stage.make_sync(**{**self.fields, **fields}))

    def silence(self, machine: Machine) -> None:
        """The lease of a controller has ended: it gave no sign of life."""
        run_sql(
            self.address,
            "update holders set alive_until = 0 where id in"
            f" (select holder from duties where holder like '{machine.name}%')",
        )

    def count_handovers(self, part: str) -> int:
        """How much of this kind waits in the ledger."""
        return len(run_sql(self.address, f"select 1 from handovers where part = '{part}'"))

    def count_own_commits(self) -> int:
        return len(self.stage.host.ask("log", "--format=%h", "--author=cutlist", "main").split())


@pytest.fixture
async def fleet(
    stage: Stage, bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Fleet]:
    for name, value in {**ACCESS, "PROVIDER_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)
    # a lease runs out by the ledger's own clock, which goes on however slow the machine is
    lasting = leases._SIGN.replace(f"+ {leases.LEASE_S}", "+ 3600")
    assert lasting != leases._SIGN
    monkeypatch.setattr(leases, "_SIGN", lasting)
    host = GitHubHost()
    runner = await serve(host)
    store = bucket_server.name_store(bucket_server.make_bucket())
    stage.edit("rain")
    stage.push()
    yield Fleet(stage, make_address("live"), store, host)
    await runner.cleanup()
    assert host.complaints == []


async def test_a_leader_dies_in_the_middle_of_a_pass(fleet: Fleet) -> None:
    """The other one collects what was sent, pushes the lock and tells the pull request, once. The
    first was only standing still: when it comes back, it writes nothing and stands by.
    """
    stage = fleet.stage
    team = Team(stage, fleet.host)
    stage.edit("snow", "snow")
    team.open_pull_request(7)
    commit = stage.push()
    ada, bob = fleet.make("ada"), fleet.make("bob")
    gate = Gate(FETCH)
    ada.network.trouble = [gate]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(ada.serving())
        await gate.reached.wait()
        await stack.enter_async_context(bob.serving())
        await until(bob.stands_by)
        assert "cutlist sync on " in bob.words and "leads; this controller stands by" in bob.words
        assert not bob.network.requests and not bob.places.mirror.exists()
        fleet.silence(ada)
        sent = stage.creates()
        await bob.ring(bob.leads)
        await until(bob.is_applied(stage.host.ask("rev-parse", "main")))
        await until(lambda: 7 in fleet.host.notes)
        told = (fleet.count_own_commits(), len(fleet.host.written()))
        assert told[0] == 1
        # it goes on where it stood still, before any alarm of it rings
        ada.virtual.advance(VALID_S + 1)
        gate.opened.set()
        await until(lambda: ada.controller.entries.find("films").running is None)
        assert (fleet.count_own_commits(), len(fleet.host.written())) == told
        await ada.ring(ada.stands_by)
        assert (ada.status.history[-1].end, ada.leads()) == (PassEnd.INTERRUPTED, False)
        await ada.ring(lambda: "leads; this controller stands by" in ada.words)
    assert (stage.creates(), stage.billed_tasks()) == (sent, sent)
    assert stage.host.ask("rev-parse", "main^") == commit
    assert team.read_comment(7)


async def test_a_leader_ends_with_a_word(fleet: Fleet) -> None:
    """Another one leads at its next look, which is a second later, and knows what it knew: the
    approval, the commits that are ours, and what pull requests were told.
    """
    ada, bob = fleet.make("ada", mode="approve"), fleet.make("bob", mode="approve")
    stage = fleet.stage
    async with AsyncExitStack() as stack:
        async with ada.serving():
            await until(lambda: bool(ada.status.waiting_plan))
            await stack.enter_async_context(bob.serving())
            await until(bob.stands_by)
            ada.controller.approve("films", "", "grace")
            ada.stop.request("SIGTERM")
        await bob.ring(bob.leads)
        await until(lambda: bool(bob.status.last_applied_revision))
    third = fleet.make("cleo", mode="approve")
    async with third.serving():
        await until(third.is_applied(stage.host.ask("rev-parse", "main")))
        assert third.places.own_commits.read_text().split() == [stage.host.ask("rev-parse", "main")]
        assert not third.places.consent.exists()
    assert fleet.count_own_commits() == 1
    assert stage.creates() == 1


async def test_a_leader_whose_disk_is_full(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot keep what the one before has left, says so, and leads all the same: it works, says
    nothing of standing by, and will look again after the interval.
    """
    ada, bob = fleet.make("ada"), fleet.make("bob")

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with AsyncExitStack() as stack:
        async with ada.serving():
            await until(lambda: bool(ada.status.last_applied_revision))
            await stack.enter_async_context(bob.serving())
            await until(bob.stands_by)
            monkeypatch.setattr(SyncPlaces, "lay", refuse)
        await bob.ring(bob.leads)
        await until(lambda: bool(bob.status.last_applied_revision))
        await until(lambda: bob.controller.entries.find("films").running is None)
        assert not bob.stands_by()
        assert bob.controller._queue.find_wait(bob.alarms.monotonic()) is not None
    assert "what the controller before has left cannot be kept" in bob.logged.getvalue()
    assert fleet.stage.billed_tasks() == 1


async def test_what_is_asked_of_the_one_that_stands_by(fleet: Fleet) -> None:
    """A command is refused with the name of who leads; a webhook is passed on, so that the leader
    looks; what a person has suspended stays so under the next leader.
    """
    ada, bob = fleet.make("ada"), fleet.make("bob")
    stage = fleet.stage
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(ada.serving())
        await until(lambda: bool(ada.status.last_applied_revision) and ada.leads())
        await stack.enter_async_context(bob.serving())
        await until(bob.stands_by)
        for ask in (bob.controller.suspend, bob.controller.resume, bob.controller.reconcile):
            with pytest.raises(UsageError, match=r"does not lead films\. cutlist sync on"):
                ask("films")
        with pytest.raises(UsageError, match="does not lead films"):
            bob.controller.approve("films", "", "grace")
        assert b'cutlist_leading{sync="films"} 0.0' in bob.service._metrics.write_page()
        assert b'cutlist_leading{sync="films"} 1.0' in ada.service._metrics.write_page()
        stage.repository.git("pull", "--quiet", str(stage.host.find_folder()), "main")
        stage.edit("snow", "snow")
        commit = stage.push()
        bob.service._take_hint("films", LookAtBranch("main"))
        await until(lambda: fleet.count_handovers("look") == 1)
        ada.alarms.ring(RENEW_EVERY_S)
        await until(lambda: ada.status.last_attempted_revision == commit)
        await until(lambda: ada.status.pass_started is None)
        ada.controller.suspend("films")
        await until(lambda: not ada.controller.entries._handed_over)
        fleet.silence(ada)
        await bob.ring(bob.leads)
        assert bob.status.suspended
    assert bob.logged.getvalue().count("stands by") == 1
    assert stage.billed_tasks() == 2


async def test_nobody_waits_for_a_ledger_that_is_busy(fleet: Fleet) -> None:
    """What a person says counts at once, and is left for the next leader once the ledger takes
    it: the loop, and with it every other Sync and every page, goes on meanwhile.
    """
    ada = fleet.make("ada", mode="approve")
    async with ada.serving():
        await until(lambda: bool(ada.status.waiting_plan))
        await until(lambda: not ada.controller.entries._handed_over)
        kept = f"select content from handovers where part = '{ada.places.status.name}'"
        with psycopg.connect(fleet.address.url) as busy:
            busy.execute(f"select pg_advisory_xact_lock({fleet.address.lock})")
            ada.controller.suspend("films")
            assert ada.status.suspended
            assert ada.controller.entries._handed_over
            assert '"suspended": true' not in run_sql(fleet.address, kept)[0][0]
        await until(lambda: '"suspended": true' in run_sql(fleet.address, kept)[0][0])


async def test_a_document_that_is_taken_out_is_led_by_another(fleet: Fleet) -> None:
    """Where only one of two has it from now on, that one leads at its next look."""
    ada, bob = fleet.make("ada"), fleet.make("bob")
    async with ada.serving(), bob.serving():
        await until(lambda: ada.leads() or bob.leads())
        first, second = (ada, bob) if ada.leads() else (bob, ada)
        await second.ring(second.stands_by)
        first.sync = replace(first.sync, name="other", suspend=True)
        first.service.reload()
        await second.ring(second.leads)
        assert not first.leads()
        await until(lambda: bool(second.status.last_applied_revision))
    assert fleet.stage.billed_tasks() == 1


async def test_nobody_leads_while_the_ledger_is_away(fleet: Fleet, tmp_path: Path) -> None:
    """Nothing is begun, and the status says why; no secret is in it."""
    away = f"postgresql://cutlist@/postgres?host={tmp_path}"
    ada = fleet.make("ada", ledger=away)
    async with ada.serving():
        await until(ada.stands_by)
        assert "Nobody is known to lead: the ledger at this machine cannot be reached" in ada.words
        with pytest.raises(UsageError, match="does not lead films"):
            ada.controller.reconcile("films")
    assert not ada.network.requests
    assert fleet.stage.creates() == 0


def test_what_was_told_before_is_no_news() -> None:
    """A pass that ends like the one before it, under this leader or another."""
    record = PassRecord(0.0, 1.0, "c0ffee", PassEnd.STALLED, message="needs somebody")
    assert find_message(record, "films") is not None
    again = PassRecord(0.0, 2.0, "c0ffee", PassEnd.STALLED, message="needs somebody", times=2)
    assert find_message(again, "films") is None
