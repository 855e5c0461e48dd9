"""`python -m mockserver`: its first line, its end, its errors."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest

from mockserver.clock import ScaledClock

COMMAND = [sys.executable, "-m", "mockserver"]


@pytest.mark.parametrize(
    ("number", "options"), [(signal.SIGTERM, []), (signal.SIGINT, ["--speed", "60", "--strict"])]
)
def test_first_line_and_clean_end(number, options):
    """`listening on URL` at once, a server behind it, exit 0 on Ctrl-C and SIGTERM, no
    traceback.
    """
    process = subprocess.Popen(
        COMMAND + options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        first, hint = process.stdout.readline(), process.stdout.readline()
        url = first.removeprefix("listening on ").strip()
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/api/v1")
        assert "sk-mock" in hint
        assert "/_mock/" in hint
        answer = httpx.get(url + "/tasks", headers={"Authorization": "Bearer sk-mock"})
        assert answer.json()["total"] == 0
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("case", ["port", "state"])
def test_one_clear_error_line(case, tmp_path):
    """A port in use or an unusable state folder: exit 1 and one line."""
    (tmp_path / "file").write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ["--port", str(port)] if case == "port" else ["--state", str(tmp_path / "file")]
        done = subprocess.run(COMMAND + options, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: cannot ")
    assert done.stderr.count("\n") == 1


def test_importing_the_package_is_cheap():
    """Neither aiohttp nor the video libraries are loaded before a server is made."""
    program = (
        "import sys, mockserver, mockserver.__main__; "
        "print([m for m in ('aiohttp', 'av', 'PIL', 'yaml', 'sqlite3') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_server_starts_without_what_it_may_never_need():
    """The video libraries wait for the first film; clients of HTTP or schemas are not needed."""
    program = (
        "import asyncio, sys\n"
        "from mockserver import MockServer\n"
        "async def begin():\n"
        "    async with MockServer() as server:\n"
        "        print(server.url.startswith('http://127.0.0.1:'))\n"
        "asyncio.run(begin())\n"
        "print([m for m in ('av', 'PIL', 'numpy', 'jsonschema', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["True", "[]", ""]


def test_the_server_does_not_import_the_reconciler():
    """The two packages share data files, not code."""
    program = (
        "import sys, mockserver.server; print([m for m in sys.modules if"
        " m.startswith('reconciler')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_scaled_clock_runs_ahead():
    """60 times as fast: it is never behind the machine's time, and takes only positive speeds."""
    clock = ScaledClock(60)
    first = clock.now()
    clock.advance(100)
    assert clock.now() >= first + 100
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(0)


def test_what_is_ordered_on_the_command_line(tmp_path):
    """A scenario file and its account, the limits, a state file that is written at the end and read
    again.
    """
    (tmp_path / "s.yaml").write_text(
        "scenarios: {after_s: 0}\nfaults: {route: list, nth: 1, do: answer, status: 503}\n"
        "accounts: {name: mine, keys: [{secret: sk-mine}]}\n"
    )
    options = [
        "--scenario",
        str(tmp_path / "s.yaml"),
        "--state",
        str(tmp_path / "day.tar"),
        "--rate-limits",
    ]
    headers = {"Authorization": "Bearer sk-mine", "X-DashScope-Async": "enable"}
    body = {
        "model": "wan2.7-videoedit",
        "input": {"media": [{"type": "video", "url": "https://e.com/1.mp4"}]},
        "parameters": {"resolution": "720P", "duration": 2},
    }
    seen = []
    for run in range(2):
        process = subprocess.Popen(
            COMMAND + options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            url = process.stdout.readline().removeprefix("listening on ").strip()
            assert "sk-mine" in process.stdout.readline()
            if run == 0:
                path = "/services/aigc/video-generation/video-synthesis"
                seen.append(httpx.post(url + path, json=body, headers=headers).status_code)
            seen += [httpx.get(url + "/tasks", headers=headers).status_code for _ in range(2)]
            seen.append(httpx.get(url + "/tasks", headers=headers).json()["total"])
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
        assert (process.returncode, err) == (0, "")
    assert seen == [200, 503, 200, 1, 200, 200, 1]  # the fault's count is part of the state


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--region", "mars"], "region is one of"),
        (["--scenario", "none.yaml"], "cannot read the scenario file none.yaml"),
    ],
)
def test_wrong_orders_on_the_command_line(option, words):
    """Exit 1 and one line."""
    done = subprocess.run(COMMAND + option, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert words in done.stderr
