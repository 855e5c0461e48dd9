"""A fault of the program itself: one sentence, a report file without secrets, and no traceback;
wherever it happens.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from mockserver import reports
from reconciler.formats.secret import cut_secrets
from tests.cli.processes import PATIENCE_S, cutlist, environment

CREATE = "/services/aigc/video-generation/video-synthesis"
SECRETS = {
    "DASHSCOPE_API_KEY": "sk-canary-0123456789",
    "MY_TOKEN": "abc",
    "STUDIO_NAME": "studio of canaries",
}
LOUD = (
    "Authorization: Bearer canary.canary; "
    "https://user:canary@host/a.mp4?Signature=canary&x=1#canary"
    " sk-canary-0123456789 abc in the studio of canaries, api_key='canary'"
)
FAULTY = """\
import sys
{before}
from reconciler.cli import main
{after}
main({arguments!r})
"""


def faulty(
    tmp_path: Path,
    arguments: list[str],
    *,
    before: str = "",
    after: str = "",
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """The command line with a fault in it."""
    code = FAULTY.format(before=before, after=after, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd or tmp_path,
        env=environment(TMPDIR=str(tmp_path), **SECRETS),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )


def report_of(said: str, folder: Path) -> str:
    """The file that a sentence names."""
    (name,) = re.findall(r"(\S+-report-\S+\.txt)", said)
    assert Path(name).parent == folder
    return Path(name).read_text()


def test_one_sentence_and_a_file(tmp_path: Path) -> None:
    """A fault in a command: exit 1, the file has the traceback and nothing that is secret."""
    after = (
        "import reconciler.cli.scaffold as scaffold\n"
        f"def broken(*_): raise ValueError({LOUD!r})\nscaffold.scaffold = broken"
    )
    answer = faulty(tmp_path, ["init", "film"], after=after)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: cutlist has met a fault of its own (ValueError);")
    assert answer.stderr.count("\n") == 1
    told = report_of(answer.stderr, tmp_path)
    assert "Traceback" in told
    assert "ValueError" in told
    for secret in ("canary", "abc in"):
        assert secret not in told, told
    assert "$MY_TOKEN" in told


@pytest.mark.parametrize("taken_out", [cut_secrets, None])
def test_what_is_taken_out(taken_out: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Client and server take out the same kinds, each by its own code."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    text = LOUD.replace("api_key='canary'", "")
    quiet = cut_secrets(text, SECRETS) if taken_out else reports.remove_secrets(text)
    assert "canary" not in quiet
    assert "https://[removed]@host/a.mp4?[removed]" in quiet
    assert "$STUDIO_NAME" in quiet


@pytest.mark.parametrize(
    "trouble",
    [
        "import threading; t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
        "import asyncio, gc\nasync def f():\n    asyncio.ensure_future(g()); await "
        "asyncio.sleep(0.01)"
        "\nasync def g(): 1 / 0\nasyncio.run(f()); gc.collect()",
        "class A:\n    def __del__(self): 1 / 0\nA()",
        "import logging\ntry: 1 / 0\nexcept Exception: logging.getLogger('x').exception('no')",
    ],
    ids=["thread", "task", "finalizer", "library"],
)
def test_beside_the_command(tmp_path: Path, trouble: str) -> None:
    """Threads, tasks, finalizers and what libraries log: a sentence each, and the work's
    own code.
    """
    after = f"from reconciler.cli import crash\ncrash.install()\n{trouble}"
    answer = faulty(tmp_path, ["--version"], after=after)
    assert answer.returncode == 0
    assert answer.stdout.startswith("cutlist ")
    assert "Traceback" not in answer.stderr
    assert "fault of its own (ZeroDivisionError)" in answer.stderr
    assert "ZeroDivisionError" in report_of(answer.stderr, tmp_path)


def test_an_interrupt_while_loading(tmp_path: Path) -> None:
    """Ctrl-C before the first line of a command: exit 130, one word."""
    before = (
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'reconciler.cli.screen': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())"
    )
    answer = faulty(tmp_path, ["--version"], before=before)
    assert (answer.returncode, answer.stderr) == (130, "interrupted.\n")


def test_a_watch_goes_on(tmp_path: Path) -> None:
    """A fault in one pass of the watch is reported, and the next save is seen."""
    assert cutlist("-C", tmp_path, "init", "film").returncode == 0
    code = FAULTY.format(
        before="",
        after=(
            "import reconciler.cli.running as running\n"
            "def broken(*_, **__): raise ValueError('broken')\nrunning.show_apply = broken"
        ),
        arguments=["-C", str(tmp_path / "film"), "watch"],
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        err = ""
        while "Still watching." not in err:  # a signal before that would end the sentence itself
            line = process.stderr.readline()
            assert line, err
            err += line
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == 0, rest
    assert "fault of its own (ValueError)" in err
    assert list(tmp_path.glob("*-report-*"))
    assert "Stopped watching." in out
    assert "Traceback" not in err + rest


@pytest.mark.parametrize(
    "command", [["-m", "mockserver"], ["-c", "from reconciler.cli import main; main()", "mock"]]
)
def test_the_server_alone(tmp_path: Path, command: list[str]) -> None:
    """`python -m mockserver` and `cutlist mock` with a state that cannot be: words, no
    traceback.
    """
    (tmp_path / "state").write_text("this is no archive")
    answer = subprocess.run(
        [sys.executable, *command, "--state", str(tmp_path / "state")],
        env=environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert answer.stderr.startswith("error: ")


def test_a_fault_inside_the_server(tmp_path: Path) -> None:
    """A fault while it answers a request: the server goes on, and a report is named in one line."""
    code = (
        "import mockserver.service as service\n"
        "def broken(*_, **__): raise ZeroDivisionError('https://a/b?canary')\n"
        "service.Service.create = broken\n"
        "from mockserver.__main__ import main\nimport sys\n"
        "sys.argv = ['mock', '--port', '0']\nmain()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        order = {"model": "happyhorse-1.0-video-edit", "input": {"prompt": "Let it snow"}}
        headers = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable"}
        answers = [httpx.post(f"{url}{CREATE}", json=order, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [500, 500]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert "Traceback" not in err
    assert "fault of its own (ZeroDivisionError)" in err
    assert "canary" not in Path(re.findall(r"\S+-report-\S+\.txt", err)[0]).read_text()
