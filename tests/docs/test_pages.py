"""What the docs show is true: links, manifests, commands, and what the commands print."""

from __future__ import annotations

import asyncio
import inspect
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.cli.main import load_command
from reconciler.config import Variables, load_config
from reconciler.controller.loading import load_syncs
from reconciler.desired import manifest
from reconciler.desired.edit_schema import build_manifest_schema
from reconciler.desired.manifest import Rules
from reconciler.formats.parsing import parse_documents
from reconciler.service.model_files import load_models
from tests.docs.pages import PAGES, ROOT, Fence, anchors, fences, links, name, shown_commands
from tests.docs.transcripts import Shown, is_run, matches, replay

TEXTS = {name(page): page.read_text(encoding="utf-8") for page in PAGES}
RUNNING = [page for page, text in TEXTS.items() if is_run(text)]


def _fences(*kinds: str) -> list[tuple[str, Fence]]:
    return [
        (page, fence)
        for page, text in TEXTS.items()
        for fence in fences(text)
        if fence.info.split(" ")[0] in kinds
    ]


# ------------------------------------------------------------------ links


@pytest.mark.parametrize(
    ("page", "link"), [(page, link) for page, text in TEXTS.items() for link in links(text)]
)
def test_every_link_leads_somewhere(page: str, link: str) -> None:
    """Relative links name a file of the repository and, after #, one of its headings."""
    if link.startswith(("https://", "http://")):
        return
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    assert target.exists(), f"{page} links to {link}"
    if anchor:
        assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page} links to {link}"


def test_every_page_is_linked() -> None:
    """A page that nobody can find is no page."""
    linked = {
        ((ROOT / page).parent / link.partition("#")[0]).resolve()
        for page, text in TEXTS.items()
        for link in links(text)
        if "://" not in link
    }
    assert [
        name(page) for page in PAGES if page.name != "README.md" and page.resolve() not in linked
    ] == []


# ------------------------------------------------------------------ manifests


@pytest.mark.parametrize(
    ("page", "fence"),
    [(page, fence) for page, fence in _fences("yaml") if "apiVersion:" in fence.body],
)
def test_every_whole_manifest_is_valid(page: str, fence: Fence, tmp_path: Path) -> None:
    """Examples go through the program's own loader, with the defaults of `cutlist init`."""
    raw = fence.body.encode()
    if "kind: Project" in fence.body:
        (tmp_path / "cutlist.yaml").write_bytes(raw)
        load_config(tmp_path, variables=Variables())
        return
    if "kind: Sync" in fence.body:
        (tmp_path / "films.yaml").write_bytes(raw)
        (tmp_path / "allowed_signers").touch()
        assert load_syncs([tmp_path / "films.yaml"])
        return
    documents, _ = parse_documents(
        b"{kind: Project, spec: {defaults: {model: wan2.7-videoedit}}}", "cutlist.yaml"
    )
    models = load_models()
    rules = Rules(build_manifest_schema(models), models, None, documents[0])
    reading = manifest.read_manifest(raw, "specs/example.yaml", rules)
    assert [str(fault) for fault in reading.faults] == []
    assert reading.edits


# ------------------------------------------------------------------ commands


def _cutlist_calls() -> Iterator[tuple[str, str]]:
    for page, fence in _fences("console", "sh"):
        lines = (
            shown_commands(fence) if fence.info.startswith("console") else fence.body.splitlines()
        )
        for line in lines:
            for part in (
                line.replace("$(", "\n").replace("&&", "\n").replace("|", "\n").splitlines()
            ):
                if part.strip(' "').startswith("cutlist "):
                    yield page, part.strip(' "').split(" #")[0].split(">")[0].rstrip(')" ')


@pytest.mark.parametrize(("page", "call"), list(_cutlist_calls()))
def test_every_shown_command_parses(page: str, call: str) -> None:
    """Every `cutlist …` on a page names a command and options that exist, with values that may
    stand there.
    """
    arguments = shlex.split(call)[1:]
    while arguments[0] in _OF_ALL_COMMANDS:
        arguments = arguments[_OF_ALL_COMMANDS[arguments[0]] :]
    if arguments[0].startswith("--"):
        assert arguments in (["--help"], ["--version"])
        return
    command = load_command(arguments[0])
    command.make_context(arguments[0], arguments[1:])


# options before the command, and how many words they are
_OF_ALL_COMMANDS = {"-C": 2, "-v": 1, "--profile": 2}


@pytest.fixture(scope="module")
def replays(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mapping[str, Future[list[tuple[Shown, str]]]]]:
    """Every page's commands, run in a folder of its own, all pages at the same time."""
    with ThreadPoolExecutor(len(RUNNING)) as pool:
        yield {
            page: pool.submit(replay, TEXTS[page], tmp_path_factory.mktemp("page"))
            for page in RUNNING
        }


@pytest.mark.parametrize("page", RUNNING)
def test_commands_print_what_the_page_shows(
    page: str, replays: Mapping[str, Future[list[tuple[Shown, str]]]]
) -> None:
    """Blocks marked `console run` are run. `python -m tests.docs.refresh` writes down what they
    print now.
    """
    for shown, printed in replays[page].result():
        assert matches(shown.output, printed), f"$ {shown.command}\n{printed}"


# ------------------------------------------------------------------ Python


@pytest.mark.parametrize(("page", "fence"), _fences("python"))
def test_python_examples(page: str, fence: Fence) -> None:
    """Examples compile; those marked `test` are run as the tests that they are."""
    code = compile(fence.body, page, "exec")
    if fence.info != "python test":
        return
    names: dict[str, object] = {}
    exec(code, names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        assert inspect.iscoroutinefunction(test)
        asyncio.run(test())
