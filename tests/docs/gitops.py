"""The session of docs/gitops.md, done: with a git host over http, a provider that takes comments,
the bundled server as the service, and the real controller.

Blocks of the page say how they are done:

    console session          each command is run, and prints what the page shows
    console session until    it is run again until it prints that
    console session start    it is started, and ended at the end of the page
    markdown comment 7       the comment of pull request 7 says this before long

Comments in between tell what people do elsewhere: `at the host: open 7 rain` and `merge 7` at the
provider, which then sends a webhook, `reload` (SIGHUP) where the controller runs. `edit` and
`write` are those of transcripts.py.
"""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

from mockserver.threaded import ServerThread
from tests.cli.processes import until
from tests.controller.deliveries import PUSH, SECRET, send_github
from tests.controller.providers.host import TOKEN, Pull, serve
from tests.controller.providers.servers import GitHubHost
from tests.docs.pages import fences
from tests.docs.transcripts import (
    Change,
    New,
    Shown,
    build_environment,
    commands,
    list_changes,
    matches,
)
from tests.e2e.bench import SmallFilms
from tests.githost import GitHost

HOST = "https://git.example.com"
SERVICE = "http://127.0.0.1:8900/api/v1"
PROVIDER = "{kind: github, repo: studio/films}"
PORT = "8080"
PATIENCE_S = 180.0
_AT_THE_HOST = re.compile(
    r"<!-- at the host: (?P<what>open|merge|reload) ?(?P<number>\d*) ?(?P<branch>\w*) -->"
)


class ProviderThread:
    """A provider with a loop of its own."""

    def __init__(self) -> None:
        self.host = GitHubHost()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> GitHubHost:
        self._thread.start()
        self._runner = asyncio.run_coroutine_threadsafe(serve(self.host), self._loop).result()
        return self.host

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Session:
    """One reader who does what the page says, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.here = folder
        self._open = ExitStack()
        self._started: list[subprocess.Popen[str]] = []
        self._sent = 0  # webhooks

    def __enter__(self) -> Session:
        self.server = self._open.enter_context(
            ServerThread(task_seconds=(0.3, 0.3), renderer=SmallFilms())
        )
        self.git = self._open.enter_context(GitHost(self.folder / "host"))
        self.provider = self._open.enter_context(ProviderThread())
        bare = self.git.find_folder("studio/films")
        for command in (
            ["init", "--quiet", "--bare", "--initial-branch", "main", str(bare)],
            ["-C", str(bare), "config", "http.receivepack", "true"],
            ["-C", str(bare), "config", "uploadpack.allowFilter", "true"],
        ):
            subprocess.run(["git", *command], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._hooks = f"http://127.0.0.1:{port}/hooks/films"
        own = PROVIDER.replace("}", f', apiUrl: "{self.provider.url}"}}')
        # what stands on the page, and what it is here
        self._places = {
            HOST: self.git.url,
            SERVICE: self.server.url,
            PROVIDER: own,
            f"--listen {PORT}": f"--listen {port}",
            f"127.0.0.1:{PORT}": f"127.0.0.1:{port}",
        }
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.send_signal(signal.SIGTERM)
        for process in self._started:
            process.communicate(timeout=PATIENCE_S)
        self._open.close()

    def follow(self, page_text: str) -> Iterator[tuple[str, str, str]]:
        """Do what a page says. Yields each command, or comment, with what the page shows and what
        there was.
        """
        steps: list[tuple[int, Callable[[], Iterator[tuple[str, str, str]]]]] = []
        for at, action in list_changes(page_text):
            steps.append((at, lambda action=action: self._change(action)))
        for match in _AT_THE_HOST.finditer(page_text):
            steps.append((match.start(), lambda match=match: self._happen(**match.groupdict())))
        for fence in fences(page_text):
            kind, _, how = fence.info.partition(" ")
            if kind == "console" and how.startswith("session"):
                for shown in commands(fence.body, fence.start):
                    steps.append((shown.at, lambda s=shown, how=how: self._run(s, how)))
            elif how.startswith("comment "):
                steps.append(
                    (fence.start, lambda f=fence, how=how: self._read(int(how.split()[1]), f.body))
                )
        for _, step in sorted(steps, key=lambda pair: pair[0]):
            yield from step()

    # ---- what the reader does

    def _change(self, action: New | Change) -> Iterator[tuple[str, str, str]]:
        path = self.folder / action.file
        if isinstance(action, New):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._translate(action.text), encoding="utf-8")
            return iter(())
        before = path.read_text(encoding="utf-8")
        assert action.old in before, f"{action.file} does not hold {action.old!r}"
        path.write_text(before.replace(action.old, action.new), encoding="utf-8")
        return iter(())

    def _run(self, shown: Shown, how: str) -> Iterator[tuple[str, str, str]]:
        command = self._translate(shown.command)
        if command.startswith("cd "):
            self.here = (self.here / command[3:]).resolve()
            return
        if how.endswith("start"):
            self._start(command)
            return
        if not how.endswith("until"):
            yield shown.command, shown.output, self._say(command)
            return
        printed = log = ""
        asked_at = 0.0

        def prints_that() -> bool:
            nonlocal printed, log, asked_at
            if self._read_log() == log and time.monotonic() < asked_at + 1:
                return False  # the controller has done nothing meanwhile
            log, asked_at = self._read_log(), time.monotonic()
            printed = self._say(command)
            return matches(shown.output, printed)

        trouble = self._wait(prints_that)
        yield shown.command, shown.output, printed + trouble

    def _read(self, number: int, shown: str) -> Iterator[tuple[str, str, str]]:
        found = ""

        def is_there() -> bool:
            nonlocal found
            notes = self.provider.notes.get(number, [])
            found = _show(notes[0].body) if notes else ""
            return matches(shown, found)

        trouble = self._wait(is_there)
        yield f"comment {number}", shown, found + trouble

    def _happen(self, what: str, number: str, branch: str) -> Iterator[tuple[str, str, str]]:
        if what == "open":
            head = self.git.ask("rev-parse", branch, name="studio/films")
            base = self.git.ask("rev-parse", "main", name="studio/films")
            ref = f"refs/pull/{number}/head"
            self.git.ask("update-ref", ref, head, name="studio/films")
            pull = Pull(int(number), head_sha=head, head_branch=branch, base_sha=base)
            self.provider.add(pull)
            self._send_webhook("pull_request", {"action": "opened", "number": pull.number})
        elif what == "reload":
            self._started[-1].send_signal(signal.SIGHUP)
        else:
            self.provider.change(int(number), merged_at=self.server.clock.now() + 1)
            self._send_webhook("push", {**PUSH, "ref": "refs/heads/main"})
        return iter(())

    # ---- how

    def _send_webhook(self, event: str, data: object) -> None:
        """Tell the controller, as GitHub does; it takes it."""
        self._sent += 1
        headers, body = send_github(event, data, f"delivery-{self._sent}")
        with urlopen(Request(self._hooks, body, headers)) as answer:
            assert answer.status == 202

    def _wait(self, condition: Callable[[], bool]) -> str:
        """Wait for something that the controller does; its log where it is not done in time."""
        try:
            until(condition, patience_s=PATIENCE_S)
        except AssertionError:
            return f"It is not done. The log of the controller:\n{self._read_log()}"
        return ""

    def _start(self, command: str) -> None:
        log = (self.folder / "controller.log").open("a")
        self._started.append(
            subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.here,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        log.close()

    def _say(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.here,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        text = done.stdout
        for there, here in self._places.items():
            text = text.replace(here, there)
        return text

    def _read_log(self) -> str:
        log = self.folder / "controller.log"
        return log.read_text() if log.exists() else ""

    def _environment(self) -> Mapping[str, str]:
        secrets = {"DASHSCOPE_API_KEY": "sk-mock", "GITHUB_TOKEN": TOKEN, "HOOK_SECRET": SECRET}
        return {**build_environment(self.folder), **secrets}

    def _translate(self, text: str) -> str:
        for there, here in self._places.items():
            text = text.replace(there, here)
        return text


def _show(body: str) -> str:
    """A comment without its hidden first line."""
    return re.sub(r"\A<!--.*?-->\n+", "", body)
