"""Workers in processes of their own: an order is rendered, whoever dies; the bill of the server
says that it was paid once.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bucketserver import BucketServer
from tests.cli.processes import PATIENCE_S, until
from tests.crash.scene import VICTIM_MAIN, Server
from tests.crash.team_scene import Team
from tests.nursery import Child

TASK_SECONDS = (0.3, 0.6)


@pytest.fixture
def team(running: Server, bucket_server: BucketServer, tmp_path: Path) -> Iterator[Team]:
    running.ask("reset", "POST")
    team = Team(tmp_path, running, bucket_server)
    yield team
    team.end()


def finish(process: Child, code: int = 0) -> str:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, out + err
    return out + err


def wait_for_words(process: Child, words: str) -> None:
    """Read what a process says until it says this."""
    assert process.stdout is not None
    assert any(words in line for line in process.stdout), f"it never said: {words}"


def test_an_order_is_rendered(team: Team) -> None:
    """What an apply orders a worker renders, with inputs and chains; the apply writes the outputs.
    A SIGTERM then ends the worker with 0, and nothing of it is left among the living.
    """
    clip = team.film.clip()
    first = team.film.edit(url=clip)
    team.film.edit(url=f"edit://{first}")
    apply = team.start_apply()
    said = until(lambda: team.bucket.list(team.place, "inputs/"), apply)
    assert len(said) == 1
    wait_for_words(apply, "no worker is at work at this ledger; start one with: cutlist worker")
    worker = team.start_worker()
    out = finish(apply)
    assert team.find_broken(2) == {}, out + team.read_log()
    assert {path.stem for path in (team.film.root / "renders").iterdir()} == set(team.film.names())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0, team.read_log()
    assert team.sql("select * from holders") == []
    written = {path.name for path in (team.root / "worker-0").iterdir()}
    assert written == {"cutlist.yaml", ".cutlist"}


@pytest.mark.parametrize(
    ("point", "when", "nth"),
    [
        ("Ledger.intend", "after", "1"),
        ("Ledger.submitted", "before", "1"),
        ("Ledger.end", "before", "1"),
    ],
)
def test_a_worker_is_killed(team: Team, point: str, when: str, nth: str) -> None:
    """Between INTENT and POST, between POST and task_id, and while it follows: another worker takes
    over, and one payment is in the bill.
    """
    team.film.edit()
    apply = team.start_apply()
    victim = team.start_worker(function=VICTIM_MAIN, before=[point, when, nth])
    assert victim.wait(PATIENCE_S) == -signal.SIGKILL, team.read_log()
    team.let_time_pass()
    team.start_worker()
    finish(apply)
    assert team.find_broken(1) == {}


def test_an_apply_that_is_stopped_leaves_its_order(team: Team) -> None:
    """Ctrl-C says so and how to fetch; a worker that comes later renders it, and the next apply
    takes it without a bill of its own.
    """
    team.film.edit()
    apply = team.start_apply()
    until(team.has_job, apply)
    apply.send_signal(signal.SIGINT)
    out = finish(apply, 130)
    assert "What was ordered stands" in out
    assert "cutlist apply --refresh-only" in out
    assert team.server.billed() == []
    second = team.start_apply()
    wait_for_words(second, "another apply has ordered it already; its result is taken")
    worker = team.start_worker()
    until(lambda: team.bucket.list(team.place, "results/"), worker)
    out = finish(second)
    assert "0 rendered, 1 written" in out
    told = "edit-001: an order that was there already has rendered it: 4.0 s, agreed to by "
    assert told in " ".join(out.split())
    assert "billed" not in out
    assert team.find_broken(1) == {}


def test_an_order_of_a_stranger(team: Team) -> None:
    """Whoever may write to the database makes a worker write nothing, and send nothing."""
    team.film.edit()
    apply = team.start_apply()
    until(team.has_job, apply)
    payload = bytes(team.sql("select payload from pgqueuer")[0][0])
    order = json.loads(payload)
    order["work"]["sources"] = [
        {
            "at": "/input/media/0/url",
            "origin": "input",
            "digest": "../../../../escape",
            "suffix": ".mp4",
            "reference": "",
        }
    ]
    raw = json.dumps(order).encode().hex()
    team.sql(f"update pgqueuer set payload = '\\x{raw}'")
    team.start_worker()
    out = finish(apply, 4)
    assert "a source's digest is none" in " ".join(out.split())
    assert team.server.ask("bill")["tasks"] == []
    assert not list(team.root.rglob("escape"))


def test_an_input_is_damaged_in_the_bucket(team: Team) -> None:
    """Other bytes are never uploaded: the order ends with words, and the next apply puts the input
    there anew.
    """
    team.film.edit(url=team.film.clip())
    apply = team.start_apply()
    until(team.has_job, apply)
    (name,) = team.bucket.list(team.place, "inputs/")
    size = team.bucket.list(team.place)[name]
    team.bucket.hurt(team.place, name, b"x" * size)
    team.start_worker()
    out = " ".join(finish(apply, 4).split())
    assert "is not in the store, or has other bytes there" in out
    assert team.server.ask("bill")["tasks"] == []
    finish(team.start_apply())
    assert team.find_broken(1) == {}


def test_a_worker_without_the_key(team: Team) -> None:
    """One whose key the service refuses sends nothing and ends no order: another with the right key
    takes it.
    """
    team.film.edit()
    apply = team.start_apply()
    team.start_worker(DASHSCOPE_API_KEY="sk-wrong")
    until(lambda: "InvalidApiKey" in team.read_log())
    assert team.server.billed() == []
    team.workers[0].kill()
    team.workers[0].wait()
    team.let_time_pass()
    team.start_worker()
    finish(apply)
    assert team.find_broken(1) == {}


def test_excerpts_of_what_no_worker_has(team: Team) -> None:
    """A frame and a sound of another edit go into an order: the worker that carries it out
    never had that edit's video, and the machine that applies has it no more.
    """
    shot = team.film.shoot()
    apply = team.start_apply()
    first = team.start_worker()
    finish(apply)
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE_S) == 0, team.read_log()
    shutil.rmtree(team.film.root / ".cutlist")
    shutil.rmtree(team.film.root / "renders")
    team.film.drive(f"edit://{shot}#last-frame", f"edit://{shot}#audio")
    team.start_worker()
    out = finish(team.start_apply())
    assert team.find_broken(2) == {}, out + team.read_log(1)
    sent = [one for one in team.server.ask("journal")["requests"] if one["method"] == "POST"]
    paths = [str(one["path"]).rpartition("/")[2] for one in sent]
    assert paths == ["video-synthesis", "oss", "oss", "video-synthesis"]  # frame and sound go up
