"""Real processes: the bundled server inside commands, its state between commands, kills, watch, the
server alone.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.processes import COMMAND, PATIENCE_S, cutlist, environment, started, until

PNG_FREE_EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: rain}
spec:
  model: wan2.7-videoedit
  input:
    prompt: PROMPT
    media:
      - {type: video, url: "https://clips.example/a.mp4"}
  parameters: {resolution: 720P, duration: 2}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one edit against the bundled server."""
    root = tmp_path / "film"
    (root / "specs").mkdir(parents=True)
    (root / "cutlist.yaml").write_text(
        "apiVersion: cutlist/v1\nkind: Project\nspec: {endpoint: mock}\n"
    )
    (root / "specs" / "rain.yaml").write_text(PNG_FREE_EDIT.replace("PROMPT", "make it rain"))
    return root


def attempts(root: Path) -> list[tuple[str, str | None]]:
    """(state, task_id) of every attempt in the ledger."""
    path = root / ".cutlist/mock/ledger.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            return db.execute("select state, task_id from attempts order by created_at").fetchall()
        except sqlite3.OperationalError:
            return []


def test_init_plan_apply_plan(tmp_path: Path) -> None:
    """What a newcomer types: a project that renders at once, and then has nothing to do."""
    made = cutlist("-C", tmp_path, "init", "film")
    assert made.returncode == 0, made.stderr
    root = tmp_path / "film"
    assert cutlist("-C", root, "validate").stdout == "1 edit in 1 manifest: all valid.\n"
    assert cutlist("-C", root, "plan", "--detailed-exitcode").returncode == 2
    applied = cutlist("-C", root, "apply")
    assert applied.returncode == 0, applied.stderr
    assert applied.stderr == ""
    assert (root / "renders/first-edit.mp4").read_bytes()[4:8] == b"ftyp"
    after = cutlist("-C", root / "specs", "plan", "--detailed-exitcode")
    assert (after.returncode, after.stdout) == (0, "No changes. 1 edit matches its result.\n")
    again = cutlist("-C", tmp_path, "init", "film")
    assert again.returncode == 64
    assert "exists already" in again.stderr


def test_plan_document_for_scripts(project: Path) -> None:
    """`plan --json` prints one document with the fixed fields."""
    document = json.loads(cutlist("-C", project, "plan", "--json").stdout)
    assert document["summary"] == {
        "render": 1,
        "resume": 0,
        "settle": 0,
        "write": 0,
        "prune": 0,
        "wait": 0,
        "blocked": 0,
        "keep": 0,
    }
    (step,) = document["steps"]
    assert {"name", "action", "reason", "key", "output"} <= set(step)
    assert (step["name"], step["action"], step["output"]) == ("rain", "render", "renders/rain.mp4")
    assert document["cost"]["billable_s"] == 4.0


def test_killed_apply_leaves_its_task_for_the_next(project: Path) -> None:
    """SIGKILL with a task in flight: the next command finds the bundled server's state and collects
    that task.
    """
    process = started("-C", project, "apply")
    until(lambda: [task for state, task in attempts(project) if state == "SUBMITTED"], process)
    process.kill()
    process.communicate()
    planned = json.loads(cutlist("-C", project, "plan", "--json").stdout)
    assert planned["summary"]["resume"] == 1
    applied = cutlist("-C", project, "apply")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert [state for state, _ in attempts(project)] == ["SUCCEEDED"]
    assert (project / "renders/rain.mp4").exists()


def test_interrupt_names_the_task_and_exits_130(project: Path) -> None:
    """Ctrl-C once: the task goes on and is named; exit 130."""
    process = started("-C", project, "apply")
    until(lambda: [task for state, task in attempts(project) if state == "SUBMITTED"], process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, out + err
    ((_, task),) = attempts(project)
    assert f"Still at the service: {task}" in out


def test_an_interrupt_ends_the_question(project: Path) -> None:
    """Ctrl-C where an answer is waited for ends the apply there and then: no request was sent, exit
    130.
    """
    prices = "prices: {currency: USD, models: {wan2.7-videoedit: {720P: 0.1}}}"
    (project / "cutlist.yaml").write_text(
        "apiVersion: cutlist/v1\nkind: Project\n"
        f"spec: {{endpoint: 'http://127.0.0.1:9/api/v1', realm: live, {prices}}}\n"
    )
    ours, theirs = pty.openpty()  # a terminal, so that there is somebody to ask
    process = subprocess.Popen(
        [*COMMAND, "-C", str(project), "apply"],
        env=environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        said = b""
        while b"accepted" not in said:
            more = os.read(process.stdout.fileno(), 4096)
            assert more, said
            said += more
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 130, out
    assert b"Interrupted (SIGINT). 0 rendered" in out


def test_two_applies_at_once(project: Path) -> None:
    """The second is told who holds the lock, exits 7, and sends nothing."""
    first = started("-C", project, "apply")
    until(lambda: attempts(project), first)
    second = cutlist("-C", project, "apply")
    assert second.returncode == 7
    assert f"process {first.pid}" in second.stderr
    out, err = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 0, out + err
    assert len(attempts(project)) == 1


def test_server_alone_and_a_project_that_uses_it(project: Path) -> None:
    """`cutlist mock --port 0` says where it listens in its first line; --endpoint and
    CUTLIST_ENDPOINT lead there.
    """
    server = started("mock", "--port", "0", "--task-seconds", "0", "0.2")
    assert server.stdout is not None
    try:
        first = server.stdout.readline()
        assert first.startswith("listening on http://127.0.0.1:"), first
        url = first.split()[-1]
        applied = cutlist("-C", project, "apply", "--endpoint", url)
        assert applied.returncode == 0, applied.stdout + applied.stderr
        assert cutlist("-C", project, "plan", CUTLIST_ENDPOINT=url).stdout.startswith("No changes.")
        with urllib.request.urlopen(url.replace("/api/v1", "/_mock/bill")) as answer:
            assert len(json.loads(answer.read())["tasks"]) == 1
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=PATIENCE_S)


def test_watch_renders_what_is_saved(project: Path) -> None:
    """A saved manifest is rendered; a broken one is shown and the watch goes on; Ctrl-C ends it."""
    process = started("-C", project, "watch")
    output, manifest = project / "renders/rain.mp4", project / "specs/rain.yaml"
    try:
        until(output.exists, process)
        first = output.read_bytes()
        until(lambda: [state for state, _ in attempts(project)] == ["SUCCEEDED"], process)
        manifest.write_text("kind: [\n")
        manifest.write_text(PNG_FREE_EDIT.replace("PROMPT", "make it snow"))

        def rendered_again() -> bool:
            manifest.touch()  # the watch may not have been listening yet at the first save
            return output.read_bytes() != first

        until(rendered_again, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, out + err
    assert "Stopped watching." in out


def test_live_apply_without_a_terminal_does_not_spend(project: Path) -> None:
    """In the live realm somebody has to say yes; in a pipe nobody can, and nothing is sent."""
    answer = cutlist(
        "-C", project, "apply", "--endpoint", "singapore", DASHSCOPE_API_KEY="sk-canary-1234"
    )
    assert answer.returncode == 64
    assert "--auto-approve" in answer.stderr
    assert "sk-canary" not in answer.stdout + answer.stderr
    assert not (project / ".cutlist/live/ledger.db-wal").exists() or not attempts(project)


def test_a_saved_plan_is_shown_and_applied_once(project: Path) -> None:
    """Saved in one process, shown and applied in others, refused after that; -C goes for the file,
    too.
    """
    saved = cutlist("-C", project, "plan", "--out", "night.plan", "--detailed-exitcode")
    assert saved.returncode == 2
    assert "Saved to night.plan." in saved.stdout
    assert "Plan: 1 to render" in cutlist("-C", project, "show", "night.plan").stdout
    shown = cutlist("show", "--json", project / "night.plan")
    planned = json.loads(cutlist("-C", project, "plan", "--json").stdout)
    # budgets are of the moment, and in no saved plan
    assert {**json.loads(shown.stdout), "budgets": []} == planned
    applied = cutlist("-C", project, "apply", "night.plan", "--json")
    assert applied.returncode == 0, applied.stderr
    events = [json.loads(line) for line in applied.stdout.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["plan", "end"]
    again = cutlist("-C", project, "apply", "night.plan")
    assert (again.returncode, again.stdout) == (1, "")
    assert "applied already" in again.stderr


def test_a_saved_plan_asks_nobody(project: Path) -> None:
    """In the live realm, without a terminal: it is the missing key that stops it, and the plan is
    not used up.
    """
    live = ("--endpoint", "beijing")
    assert cutlist("-C", project, "plan", *live, "--out", "night.plan").returncode == 0
    for _ in range(2):
        answer = cutlist("-C", project, "apply", *live, "night.plan")
        assert answer.returncode == 1
        assert "DASHSCOPE_API_KEY is not set" in answer.stderr


def test_live_apply_without_a_key_is_told(project: Path) -> None:
    """No key: one error that says what to set; nothing is sent."""
    answer = cutlist("-C", project, "apply", "--endpoint", "beijing", "--auto-approve")
    assert answer.returncode == 1
    assert "DASHSCOPE_API_KEY is not set" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["plam"], 64, "No such command 'plam'"),
        (["-C", "/nowhere", "plan"], 64, "there is no folder"),
        (["plan", "--endpoint", "mars"], 64, 'endpoint is "mars"'),
        (["plan", "--endpoint", "http://example.com/api/v1"], 64, "must not travel unencrypted"),
        (["apply", "--max-cost", "lots"], 64, "not a valid float"),
        (["resolve", "rain"], 64, "exactly one of"),
        (["resolve", "rain", "--retry"], 64, "Nothing waits for a decision"),
        (["schema", "edit"], 64, "is not one of"),
    ],
)
def test_slips_of_the_command_line(
    project: Path, arguments: list[str], code: int, words: str
) -> None:
    """Each slip has its own words and the code for usage; no traceback."""
    answer = cutlist(*arguments, cwd=project)
    assert answer.returncode == code, answer.stderr
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr


def test_outside_a_project(tmp_path: Path) -> None:
    """No cutlist.yaml: what to do is said."""
    answer = cutlist("plan", cwd=tmp_path)
    assert answer.returncode == 1
    assert "cutlist init" in answer.stderr


def test_apply_in_json_lines(project: Path) -> None:
    """`apply --json` prints one JSON object a line: the plan, the progress, the end."""
    lines = [
        json.loads(line) for line in cutlist("-C", project, "apply", "--json").stdout.splitlines()
    ]
    assert [line["event"] for line in (lines[0], lines[-1])] == ["plan", "end"]
    assert lines[-1]["rendered"] == 1
    assert lines[-1]["exit_code"] == 0


def test_status_for_people_and_programs(project: Path) -> None:
    """Status follows the edit from missing to healthy."""
    assert json.loads(cutlist("-C", project, "status", "--json").stdout)["summary"]["missing"] == 1
    cutlist("-C", project, "apply")
    document = json.loads(cutlist("-C", project, "status", "--json").stdout)
    assert (document["synced"], document["edits"][0]["health"]) == (True, "Healthy")
    assert "1 edit: 1 healthy." in cutlist("-C", project, "status").stdout


def test_shell_completion_and_help() -> None:
    """Each shell gets a script; every command has help with an example."""
    for shell in ("bash", "zsh", "fish"):
        if shell == "bash" and shutil.which("bash") is None:
            continue
        answer = cutlist("completion", shell)
        assert answer.returncode == 0, answer.stderr
        assert "_CUTLIST_COMPLETE" in answer.stdout
    from reconciler.cli.main import COMMANDS

    for name in COMMANDS:
        if name != "mock":
            assert "Example:" in cutlist(name, "--help").stdout, name
