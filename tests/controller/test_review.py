"""Pull requests of a real repository, priced by a pass of the controller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.controller.documents import ProviderAddress, PullRequestRules, Sync
from reconciler.controller.providers.base import Provider
from reconciler.controller.providers.opening import open_provider
from reconciler.formats.secret import Secret
from reconciler.service.routes import Routes
from tests.controller.providers.host import TOKEN, Host, Pull, serve
from tests.controller.providers.servers import GitHubHost
from tests.controller.stage import Stage


@pytest.fixture
async def provider_host() -> AsyncIterator[Host]:
    host = GitHubHost()
    runner = await serve(host)
    yield host
    await runner.cleanup()
    assert host.complaints == []


class Team:
    """A stage with a provider: branches become pull requests."""

    def __init__(self, stage: Stage, host: Host) -> None:
        self.stage, self.host = stage, host

        def open_for(_sync: Sync) -> Provider:
            address = ProviderAddress(host.kind, host.repo, host.url, "TOKEN")
            return open_provider(address, Secret(TOKEN), clock=stage.clock, routes=Routes())

        stage.open_provider = open_for
        address = ProviderAddress(host.kind, host.repo, host.url, "TOKEN")
        self.fields: dict[str, Any] = {"provider": address, "pull_requests": PullRequestRules()}

    def open_pull_request(self, number: int, **fields: Any) -> str:
        """What lies in the work tree becomes a pull request; its head."""
        stage = self.stage
        stage.repository.git("switch", "--quiet", "-c", f"change-{number}")
        head = stage.repository.commit("change")
        stage.repository.git("update-ref", f"refs/pull/{number}/head", head)
        stage.repository.git("switch", "--quiet", "main")
        stage.host.publish(stage.repository)
        pull = Pull(number, head_sha=head, base_sha=stage.repository.git("rev-parse", "main"))
        self.host.add(replace(pull, **fields))
        return head

    def read_comment(self, number: int) -> str:
        """What the controller has written."""
        notes = [note.body for note in self.host.notes[number]]
        assert len(notes) == 1, notes
        return notes[0]


@pytest.fixture
def team(stage: Stage, provider_host: Host) -> Team:
    return Team(stage, provider_host)


async def test_a_pull_request_gets_its_price(team: Team) -> None:
    """One comment and one status, and no request to the service; nothing is said twice."""
    stage = team.stage
    stage.edit("rain")
    stage.push()
    await stage.run(**team.fields)
    sent = stage.creates()
    stage.edit("snow", "snow")
    head = team.open_pull_request(7)
    await stage.run()
    comment = team.read_comment(7)
    assert "snow" in comment and "at most 2.00 USD" in comment
    (status,) = team.host.statuses[head]
    assert (status["state"], status["context"]) == ("success", "cutlist/films")
    written = len(team.host.written())
    await stage.run()
    assert len(team.host.written()) == written
    assert stage.creates() == sent


async def test_faults_of_a_pull_request(team: Team) -> None:
    """Its author reads where they are; the branch is not touched by them."""
    stage = team.stage
    stage.edit("rain")
    stage.push()
    await stage.run(**team.fields)
    stage.edit("snow", take="three")
    head = team.open_pull_request(7)
    await stage.run()
    assert "specs/snow.yaml&#58;1&#58;" in team.read_comment(7)
    assert team.host.statuses[head][0]["state"] == "failure"
    assert stage.describe() == ("True", "Applied")


async def test_why_one_cannot_be_priced_is_told_once(team: Team) -> None:
    """A head that is gone before it could be fetched: the log says so, and the others are told."""
    stage = team.stage
    stage.edit("rain")
    stage.push()
    await stage.run(**team.fields)
    stage.edit("snow", "snow")
    team.open_pull_request(7)
    team.host.add(Pull(8, head_sha="d" * 40))
    for _ in range(2):
        await stage.run()
    said = [words for words in stage.said if words.startswith("warning: pull request 8: ")]
    assert len(said) == 1
    assert "2.00 USD" in team.read_comment(7)


async def test_after_the_merge(team: Team) -> None:
    """The comment says what it truly cost."""
    stage = team.stage
    stage.edit("rain")
    stage.push()
    await stage.run(**team.fields)
    stage.edit("snow", "snow")
    head = team.open_pull_request(7)
    await stage.run()
    stage.repository.git("merge", "--quiet", "--ff-only", head)
    stage.host.publish(stage.repository)
    team.host.change(7, merged_at=stage.clock.now(), updated_at=stage.clock.now())
    await stage.run()
    comment = team.read_comment(7)
    assert head[:7] in comment and "snow" in comment and "rendered" in comment.lower()
    assert stage.billed_tasks() == 2


async def test_a_merge_that_waits_for_a_yes_is_told_its_cost_later(team: Team) -> None:
    """Nothing is said to have been free that was only not paid yet."""
    stage = team.stage
    stage.edit("rain")
    stage.push()
    await stage.run(**team.fields, mode="approve")
    stage.edit("snow", "snow")
    head = team.open_pull_request(7)
    await stage.run()
    stage.repository.git("merge", "--quiet", "--ff-only", head)
    stage.host.publish(stage.repository)
    team.host.change(7, merged_at=stage.clock.now(), updated_at=stage.clock.now())
    waiting = (await stage.run()).waiting_plan
    assert head[:7] not in team.read_comment(7)
    assert stage.controller is not None
    stage.controller.approve("films", waiting, "ada")
    await stage.run()
    assert head[:7] in team.read_comment(7) and "snow" in team.read_comment(7)


async def test_no_commit_is_told_the_price_of_another(team: Team) -> None:
    """What the provider lists and what git has may be of two moments: it is looked at again."""
    stage = team.stage
    stage.edit("rain")
    stage.push()
    await stage.run(**team.fields)
    stage.edit("snow", "snow")
    head = team.open_pull_request(7, head_sha="f" * 40)
    await stage.run()
    assert not team.host.notes.get(7)
    assert any("its page says fffffff" in words for words in stage.said)
    team.host.change(7, head_sha=head)
    await stage.run()
    assert "2.00 USD" in team.read_comment(7)


async def test_a_fork_is_not_read(team: Team) -> None:
    """Without permission nothing of a stranger's is fetched; the status says so."""
    stage = team.stage
    stage.edit("rain")
    stage.push()
    await stage.run(**team.fields)
    stage.edit("snow", "snow")
    head = team.open_pull_request(7, fork=True)
    await stage.run()
    assert team.host.statuses[head][0]["state"] == "pending"
    assert 7 not in team.host.notes


async def test_a_provider_that_fails_is_no_trouble_of_the_pass(team: Team) -> None:
    stage = team.stage
    stage.edit("rain")
    stage.push()
    team.host.fail(500, times=99)
    await stage.run(**team.fields)
    assert stage.describe() == ("True", "Applied")
    assert any("pull requests could not be told" in words for words in stage.said)
