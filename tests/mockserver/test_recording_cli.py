"""`cutlist mock --record`, `--replay` and `--compare` as a person types them."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from click.testing import CliRunner

from mockserver.__main__ import serve
from mockserver.recording.exchange import read_recording
from mockserver.threaded import ServerThread

CREATE = "/services/aigc/video-generation/video-synthesis"
HEADERS = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable"}
EDIT = {
    "model": "wan2.7-videoedit",
    "input": {"media": [{"type": "video", "url": "https://e.com/1.mp4"}]},
    "parameters": {"resolution": "720P", "duration": 2},
}


@contextmanager
def running(*options):
    """A server as a process, its address, and its next lines."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mockserver", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.kill()
        process.communicate()


def run(*options):
    """A call that ends by itself."""
    return CliRunner().invoke(serve, [*map(str, options)])


def test_from_a_recording_to_a_comparison(tmp_path):
    """Recorded, compared when it ends, killed in the middle, and compared again from the file."""
    day, killed = tmp_path / "day.jsonl", tmp_path / "killed.jsonl"
    with ServerThread() as upstream:
        options = ("--upstream", upstream.url)
        with running("--record", day, *options, "--compare") as (process, url):
            assert process.stdout.readline().startswith(f"passes requests on to {upstream.url}")
            assert process.stdout.readline().startswith("Prompts stay readable")
            assert httpx.post(url + CREATE, json=EDIT, headers=HEADERS).status_code == 200
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        assert out == "1 exchange compared, 0 differences\n"
        with running("--record", killed, *options) as (process, url):
            httpx.post(url + CREATE, json=EDIT, headers=HEADERS)
            process.kill()
            process.wait()
        assert len(read_recording(killed).exchanges) == 1
    text = killed.read_text().replace('"task_status":"PENDING"', '"task_status":7')
    killed.write_text(text)
    done = run("--compare", killed, "--json")
    (difference,) = json.loads(done.stdout)["differences"]
    assert (done.exit_code, difference["kind"]) == (2, "type")
    assert run("--compare", day).exit_code == 0
    with running("--replay", day) as (process, url):
        assert "1 exchange, to any key" in process.stdout.readline()
        assert httpx.post(url + CREATE, json=EDIT, headers=HEADERS).status_code == 200


def test_a_file_of_a_stranger_does_not_steer_the_terminal(tmp_path):
    """What it says is shown without its control characters."""
    exchange = {
        "at_s": 0,
        "took_s": 0,
        "asked": {"method": "GET", "path": "/tasks\u001b[2J"},
        "answered": {"status": 200, "body": {"\u001b]0;x": 1}},
    }
    file = tmp_path / "x.jsonl"
    file.write_text('{"recording": 1}\n' + json.dumps(exchange) + "\n")
    done = run("--compare", file)
    assert (done.exit_code, "\u001b" in done.output) == (2, False)
    assert done.output.startswith("x.jsonl:2: GET /tasks?[2J: the service takes it")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--replay x --strict", "--strict does not go with --replay"),
        ("--replay x --compare y", "--compare does not go with --replay"),
        ("--upstream u", "--upstream goes with --record"),
        ("--json", "--json goes with --record or --compare"),
        ("--record f", "--record needs --upstream"),
        ("--compare", "--compare needs the FILE"),
        ("--record f --upstream https://a.b --compare x", "--compare takes no FILE"),
        ("--compare none", "cannot read the recording none"),
        ("--record f --upstream http://a.b", "unprotected"),
        ("--record no/f --upstream http://127.0.0.1:9", "cannot write the recording no/f"),
    ],
)
def test_what_cannot_be_meant(options, words, tmp_path, monkeypatch):
    """One clear error, and no file."""
    monkeypatch.chdir(tmp_path)
    done = run(*options.split())
    assert done.exit_code in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_costs_money_says_so(tmp_path, monkeypatch):
    """Where the upstream is not this machine."""
    said = []

    async def serve_nothing(_server, list_lines):
        said.extend(list_lines())

    monkeypatch.setattr("mockserver.__main__.serve_until_stopped", serve_nothing)
    done = run("--record", tmp_path / "f", "--upstream", "https://dashscope.aliyuncs.com/api/v1")
    assert done.exit_code == 0
    assert "This costs money: every task that is accepted there is billed." in said
