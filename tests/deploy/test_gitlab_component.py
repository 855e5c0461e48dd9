"""Which jobs the component makes, and what their lines do, run in a checkout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.bucketserver import ACCESS, BucketServer
from tests.deploy.gitlab import Ran, list_jobs, read_component, run_job
from tests.deploy.studio import KEY, Studio
from tests.postgres import make_address

IMAGE = {"image": "registry.example.com/cutlist"}
TOKEN = "glpat-0123456789"
MAIN = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
TOPIC = {"CI_COMMIT_BRANCH": "topic", "CI_DEFAULT_BRANCH": "main"}
MERGE_REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_DEFAULT_BRANCH": "main"}


@pytest.mark.parametrize(
    ("inputs", "variables", "jobs"),
    [
        ({}, MERGE_REQUEST, ["cutlist-validate", "cutlist-diff"]),
        ({"apply": True}, MERGE_REQUEST, ["cutlist-validate", "cutlist-diff"]),
        ({}, MAIN, ["cutlist-validate"]),
        ({"apply": True}, MAIN, ["cutlist-validate", "cutlist-apply"]),
        ({"apply": True}, TOPIC, []),
    ],
)
def test_only_the_default_branch_is_rendered(
    inputs: dict[str, Any], variables: dict[str, str], jobs: list[str]
) -> None:
    """And only where that was asked for."""
    _, read = read_component({**IMAGE, **inputs})
    assert list_jobs(read, variables) == jobs


def run(
    studio: Studio,
    job: str,
    branch: str = "main",
    told: Mapping[str, str] | None = None,
    **inputs: Any,
) -> Ran:
    """Run a job in a checkout that is made anew, with what GitLab tells."""
    _, jobs = read_component({**IMAGE, "project": "films", **inputs})
    checkout = studio.check_out(branch)
    variables = {
        **MAIN,
        "CI_PROJECT_URL": f"file://{studio.origin.with_suffix('')}",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": studio.work.git("rev-parse", "origin/main"),
        "GITLAB_USER_LOGIN": "ada",
        "DASHSCOPE_API_KEY": KEY,
        "CUTLIST_PUSH_TOKEN": TOKEN,
        **(told or {}),
    }
    return run_job(jobs, job, checkout, {**studio.build_environment(), **variables})


def test_a_merge_request_is_told_its_price(studio: Studio) -> None:
    """In the log and as an artifact; one that costs too much fails, and both are there."""
    studio.add("snow")
    studio.push("topic")
    ran = run(studio, "cutlist-diff", "topic", **{"max-cost": "0.10"})
    assert ran.code == 6
    assert "snow" in ran.log and "0.40 USD" in ran.log and "rain" not in ran.log
    artifact = studio.folder / "runner" / "topic" / "cutlist-diff.md"
    assert artifact.read_text() in ran.log
    assert studio.count_tasks() == 0


def test_what_is_merged_is_rendered(studio: Studio) -> None:
    """With the folder that is kept, and not without; the lock is pushed with the token."""
    kept = studio.folder / "kept"
    lost = run(studio, "cutlist-apply", apply=True, state=str(kept))
    assert lost.code == 1
    assert f"names no folder of this runner ({kept})" in lost.log
    assert studio.count_tasks() == 0
    kept.mkdir()
    ran = run(studio, "cutlist-apply", apply=True, state=str(kept))
    assert ran.code == 0, ran.log
    assert studio.count_tasks() == 1
    assert KEY not in ran.log and TOKEN not in ran.log
    assert (kept / "live" / "ledger.db").exists()
    assert "rain" in studio.read("films/cutlist.lock")
    subjects = studio.work.git("--git-dir", str(studio.origin), "log", "--format=%s", "main")
    assert subjects.splitlines() == ["cutlist: what is rendered [skip ci]", "rain is wanted"]


def test_runners_that_keep_nothing_pay_once(studio: Studio, bucket_server: BucketServer) -> None:
    """The second job, in a checkout that was made anew, takes the video from the bucket; a merge
    request of a fork is priced as if nothing were stored, and says so.
    """
    address = make_address("live")
    studio.rename_account(address.account)
    inputs = {"store": bucket_server.name_store(bucket_server.make_bucket())}
    studio.secrets = {**ACCESS, "NO_PROXY": "127.0.0.1", "CUTLIST_LEDGER": address.url}
    for _ in range(2):
        ran = run(studio, "cutlist-apply", apply=True, **inputs)
        assert ran.code == 0, ran.log
        assert (studio.folder / "runner/main/films/renders/rain.mp4").exists()
    assert studio.count_tasks() == 1
    assert address.url not in ran.log and TOKEN not in ran.log
    studio.add("rain-again", prompt="rain")
    studio.push("topic")
    told = run(studio, "cutlist-diff", "topic", **inputs)
    assert told.code == 0 and "nothing is stored" not in told.log, told.log
    assert "0.40 USD" not in told.log
    studio.secrets = {}
    fork = {"CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2"}
    strange = run(studio, "cutlist-diff", "topic", fork, **inputs)
    assert strange.code == 0, strange.log
    assert studio.count_tasks() == 1
