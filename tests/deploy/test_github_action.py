"""What the steps of the action run, run: against a real repository, the real command and a service
with a bill.
"""

from __future__ import annotations

import pytest

from tests.bucketserver import ACCESS, BucketServer
from tests.deploy.github import Job, Ran
from tests.deploy.studio import KEY, Studio
from tests.nursery import get_nursery
from tests.postgres import make_address

PULL_REQUEST = {"event_name": "pull_request", "base_ref": "main", "ref": "refs/pull/7/merge"}
PUSH = {"event_name": "push", "ref": "refs/heads/main"}
LOCK = "films/cutlist.lock"


class Runner:
    """A machine that runs the action; `kept` is the folder that it keeps."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.kept = studio.folder / "kept"
        # The action's folder of a machine that installs in no time: what it calls is a program
        # that puts the command that is tested where install.sh would have put it.
        self.action = studio.folder / "actions" / "github-action"
        self.action.mkdir(parents=True)
        link = f'mkdir -p "$1/bin"\nln -sf "{get_nursery().programs}/cutlist" "$1/bin/cutlist"\n'
        (self.action.parent / "install.sh").write_text(link)

    def run(self, event: dict[str, str], branch: str = "main", **inputs: str) -> Ran:
        """One run of the action, in a checkout of a branch that is made anew."""
        checkout = self.studio.check_out(branch)
        told = {"actor": "ada", "event": {"repository": {"default_branch": "main"}}, **event}
        environment = self.studio.build_environment()
        temp = self.studio.folder / f"temp-{len(list(self.studio.folder.glob('temp-*')))}"
        return Job(checkout, temp, self.action, told, environment).run(project="films", **inputs)

    def apply(self, **inputs: str) -> Ran:
        """A push to main that is rendered, with what is kept."""
        given = {"apply": "true", "state": str(self.kept), "api_key": KEY, **inputs}
        return self.run(PUSH, **given)


@pytest.fixture
def runner(studio: Studio) -> Runner:
    return Runner(studio)


def test_a_pull_request_is_told_its_price_and_renders_nothing(
    studio: Studio, runner: Runner
) -> None:
    """Whatever it asks for; what costs too much fails, and its price can be read."""
    studio.add("snow")
    studio.push("topic")
    ran = runner.run(PULL_REQUEST, "topic", apply="true", api_key=KEY, max_cost="0.10")
    assert ran.failed == ran.steps[-1] == "Tell what merging costs", ran.log
    assert "snow" in ran.summary and "0.40 USD" in ran.summary
    assert "rain" not in ran.summary
    assert studio.count_tasks() == 0


def test_a_fault_is_told_with_its_place(studio: Studio, runner: Runner) -> None:
    """In the log, before anything is priced."""
    manifest = studio.project / "specs/rain.yaml"
    manifest.write_text(manifest.read_text().replace("720P", "721P"))
    studio.work.commit("oh")
    studio.push("topic")
    ran = runner.run(PULL_REQUEST, "topic")
    assert ran.failed == "Check the manifests"
    assert "specs/rain.yaml:9:28: error: " in ran.log


def test_a_checkout_without_history_is_told_what_it_lacks(studio: Studio, runner: Runner) -> None:
    """As actions/checkout makes one when it is told nothing."""
    checkout = studio.check_out("main")
    studio.work.git("-C", str(checkout), "update-ref", "-d", "refs/remotes/origin/main")
    told = {"actor": "ada", "event": {"repository": {"default_branch": "main"}}, **PULL_REQUEST}
    job = Job(checkout, checkout / "tmp", runner.action, told, studio.build_environment())
    ran = job.run(project="films")
    assert ran.failed == "Tell what merging costs"
    assert "fetch-depth: 0" in ran.log


def test_what_is_merged_is_rendered_once(studio: Studio, runner: Runner) -> None:
    """The ledger is where it was told to be; the next run, in a checkout that was cleaned, pays
    nothing; the lock is committed, past what somebody else pushes meanwhile.
    """
    lost = runner.apply()
    assert lost.failed == "Put ledger and store into their place"
    assert f"mkdir -p {runner.kept}" in lost.log
    assert studio.count_tasks() == 0
    runner.kept.mkdir()
    push_before(runner.studio)
    first = runner.apply()
    assert first.failed == "", first.log
    assert "rain" in first.summary
    assert (runner.kept / "live" / "ledger.db").exists()
    assert "rain" in studio.read(LOCK)
    assert studio.read("README.md") == "Films"
    second = runner.apply()
    assert second.failed == "", second.log
    assert "its result is in the store" in second.summary
    assert studio.count_tasks() == 1
    assert KEY not in first.log + second.log


def push_before(studio: Studio) -> None:
    """Let somebody else push when the runner is about to, once."""
    hook = studio.check_out("main") / ".git/hooks/pre-push"
    (studio.work.root / "README.md").write_text("Films\n")
    studio.work.commit("a word")
    rival = f"git -C {studio.work.root} push -q origin HEAD:main"
    hook.write_text(f"#!/bin/sh\nrm {hook}\nunset GIT_DIR\n{rival}\n")
    hook.chmod(0o755)


@pytest.fixture
def shared(
    studio: Studio, bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A ledger and a bucket that are reached by secrets, as inputs of the action."""
    address = make_address("live")
    studio.rename_account(address.account)
    store = bucket_server.name_store(bucket_server.make_bucket())
    studio.secrets = {**ACCESS, "NO_PROXY": "127.0.0.1"}
    return {"ledger": address.url, "store": store}


def test_runners_that_keep_nothing_pay_once(
    studio: Studio, runner: Runner, shared: dict[str, str]
) -> None:
    """Each run is a fresh clone. A pull request is told the true price, which is nothing for what
    was rendered; the second apply takes the videos from the bucket, and pays nothing.
    """
    first = runner.apply(state="", **shared)
    assert first.failed == "", first.log
    assert studio.count_tasks() == 1
    output = studio.check_out("main") / "films" / "renders" / "rain.mp4"
    assert not output.exists()
    second = runner.apply(state="", **shared)
    assert second.failed == "", second.log
    assert "the result is in the store" in second.summary
    assert output.read_bytes()[4:8] == b"ftyp"
    studio.add("snow")
    studio.add("rain-again", prompt="rain")
    studio.push("topic")
    told = runner.run(PULL_REQUEST, "topic", **shared)
    assert told.failed == "", told.log
    assert "0.40 USD" in told.summary and "assume that nothing is stored" not in told.summary
    studio.secrets = {}
    fork = {**PULL_REQUEST, "event": {"pull_request": {"head": {"repo": {"fork": "true"}}}}}
    strange = runner.run(fork, "topic", ledger="", store=shared["store"])
    assert strange.failed == "", strange.log
    assert "Prices assume that nothing is stored" in strange.summary
    assert "0.40 USD" in strange.summary
    assert studio.count_tasks() == 1


def test_a_ledger_without_a_store_renders_nothing(
    studio: Studio, runner: Runner, shared: dict[str, str]
) -> None:
    """Nor a store without a ledger, as where the secret is not set."""
    for one in ({"ledger": shared["ledger"]}, {"store": shared["store"]}):
        ran = runner.apply(state="", **one)
        assert ran.failed in ("Render", "Tell what is to do"), ran.log
    assert studio.count_tasks() == 0


def test_other_branches_and_forgetful_runners_render_nothing(
    studio: Studio, runner: Runner
) -> None:
    """Only the one branch, and only where a ledger is kept: a .cutlist that came with a commit is
    none.
    """
    runner.kept.mkdir()
    studio.push("topic")
    elsewhere = {**PUSH, "ref": "refs/heads/topic"}
    ran = runner.run(elsewhere, "topic", apply="true", state=str(runner.kept), api_key=KEY)
    assert (ran.failed, ran.steps[-1]) == ("", "Tell what is to do")
    (studio.project / ".cutlist").symlink_to(studio.folder / "home")
    studio.work.git("add", "--force", "films/.cutlist")
    studio.work.commit("a ledger of mine")
    studio.push("main")
    ran = runner.apply(state="")
    assert ran.failed == "Render"
    assert "apply needs ledger and store" in ran.log
    assert studio.count_tasks() == 0
