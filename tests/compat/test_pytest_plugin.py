"""The fixture `dashscope_server`, as somebody meets it who installed cutlist and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

THEIR_CONFTEST = """
import pytest

@pytest.fixture
def dashscope_server_options():
    return {"task_seconds": (10, 10), "validation": "strict"}
"""
THEIR_TESTS = """
import json
import urllib.error
import urllib.request

import pytest


def call(server, path, body=None, key=None):
    headers = {"Authorization": f"Bearer {key or server.api_key}", "X-DashScope-Async": "enable"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {**headers, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def create(server, **input):
    input = {"media": [{"type": "video", "url": "https://example.com/clip.mp4"}], **input}
    body = {"model": "wan2.7-videoedit", "input": input, "parameters": {"resolution": "720P", "duration": 2}}
    return call(server, "/services/aigc/video-generation/video-synthesis", body)["output"]["task_id"]


def status(server, task_id):
    return call(server, f"/tasks/{task_id}")["output"]["task_status"]


def test_time_stands_still_until_it_is_advanced(dashscope_server):
    task_id = create(dashscope_server)
    assert status(dashscope_server, task_id) == "PENDING"
    before = dashscope_server.clock.now()
    dashscope_server.clock.advance(10)
    assert dashscope_server.clock.now() == before + 10
    assert status(dashscope_server, task_id) == "SUCCEEDED"
    assert dashscope_server.bill()["total_billed_s"] == 4.0
    assert [entry["method"] for entry in dashscope_server.journal()] == ["POST", "GET", "GET"]
    dashscope_server.reset()
    assert dashscope_server.journal() == []


def test_every_test_has_its_own(dashscope_server):
    assert dashscope_server.journal() == []
    assert dashscope_server.bill()["tasks"] == []


def test_options_of_the_conftest(dashscope_server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        create(dashscope_server, media=[])
    assert refused.value.code == 400
    refused.value.close()


@pytest.mark.dashscope_server(validation="service", task_seconds=(0, 0))
def test_options_of_the_mark(dashscope_server):
    task_id = create(dashscope_server, media=[])
    dashscope_server.clock.advance(1)
    assert status(dashscope_server, task_id) == "FAILED"


@pytest.mark.dashscope_server(speed=1_000_000)
def test_time_can_run_fast(dashscope_server):
    task_id = create(dashscope_server)
    while status(dashscope_server, task_id) in ("PENDING", "RUNNING"):
        pass
    assert status(dashscope_server, task_id) in ("SUCCEEDED", "UNKNOWN")


def test_trouble_on_order(dashscope_server):
    dashscope_server.faults.add({"route": "fetch", "do": "answer", "status": 503, "times": 1})
    with pytest.raises(urllib.error.HTTPError) as refused:
        status(dashscope_server, "x")
    assert (refused.value.code, json.load(refused.value)["code"]) == (503, "ModelUnavailable")
    assert status(dashscope_server, "x") == "UNKNOWN"
    assert [rule["used"] for rule in dashscope_server.faults.show()] == [1]
    dashscope_server.faults.clear()
    assert dashscope_server.faults.show() == []


def test_tasks_fail_on_order(dashscope_server):
    dashscope_server.scenarios.add({"when": {"nth": 1}, "then": "fail", "code": "DataInspectionFailed"})
    task_id = create(dashscope_server)
    dashscope_server.clock.advance(10)
    assert status(dashscope_server, task_id) == "FAILED"


def test_a_task_is_ended_by_hand(dashscope_server):
    task_id = create(dashscope_server)
    dashscope_server.finish(task_id)
    assert [task["task_id"] for task in dashscope_server.tasks(status="SUCCEEDED")] == [task_id]
    with urllib.request.urlopen(dashscope_server.controls_url + "health", timeout=30) as answer:
        assert json.load(answer)["tasks"] == 1


def test_a_wrong_key(dashscope_server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        call(dashscope_server, "/tasks", key="sk-other")
    assert refused.value.code == 401
    refused.value.close()
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest on a folder, in a process of its own, as if pytest-asyncio were not there."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "-W",
        "error",
        "--strict-markers",
        *options,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_the_fixture_in_somebody_elses_tests(tmp_path: Path) -> None:
    """Clock, bill, journal, reset, faults, options by conftest and by mark: with nothing but what
    is installed.
    """
    (tmp_path / "conftest.py").write_text(THEIR_CONFTEST)
    (tmp_path / "test_theirs.py").write_text(THEIR_TESTS)
    done = run(tmp_path, "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout


OPTIONS = """
import urllib.request

import pytest


@pytest.mark.dashscope_server(sped=60)
def test_a_slip(dashscope_server):
    pass


@pytest.mark.dashscope_server(60)
def test_no_name(dashscope_server):
    pass


@pytest.mark.dashscope_server(speed=1)
def test_speed(dashscope_server):
    body = b'{"model": "wan2.7-videoedit", "input": {"media": [{"type": "video", "url": "https://example.com/a.mp4"}]}}'
    headers = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable", "Content-Type": "application/json"}
    path = dashscope_server.url + "/services/aigc/video-generation/video-synthesis"
    urllib.request.urlopen(urllib.request.Request(path, body, headers), timeout=30).close()
    (task,) = dashscope_server.tasks()
    assert task["end_at"] - task["submit_at"] >= 60
"""


def test_options_of_the_mark_are_those_of_the_command(tmp_path: Path) -> None:
    """A slip is refused with the legal options; `speed` brings the models' usual minutes."""
    (tmp_path / "test_theirs.py").write_text(OPTIONS)
    done = run(tmp_path, "-q")
    assert "1 passed, 2 errors" in done.stdout, done.stdout + done.stderr
    assert "the mark dashscope_server has no option sped; legal are speed, state_dir" in done.stdout
    assert "Did you mean speed?" in done.stdout
    assert "takes options by name, such as speed=60" in done.stdout


def test_the_fixture_and_the_mark_are_described(tmp_path: Path) -> None:
    """`pytest --fixtures` and `pytest --markers` name them."""
    assert "dashscope_server -- " in run(tmp_path, "--fixtures").stdout
    assert (
        "@pytest.mark.dashscope_server(speed=None, **options): "
        in run(tmp_path, "--markers").stdout
    )


@pytest.mark.parametrize(
    "heavy", ["aiohttp", "av", "PIL", "sqlite3", "yaml", "asyncio", "mockserver.server"]
)
def test_the_plugin_brings_nothing_that_costs_time(heavy: str) -> None:
    """It is imported in every pytest run of whoever installs cutlist."""
    code = "import sys, pytest; before = set(sys.modules); import mockserver.pytest_plugin"
    code += f"; sys.exit({heavy!r} in set(sys.modules) - before)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
