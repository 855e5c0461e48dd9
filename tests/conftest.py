"""What every test may ask for: a clock of its own, tiny media, a project in a temporary folder,
golden texts.
"""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

from mockserver.media.film_renderer import FilmRenderer
from tests.bucketserver import ACCESS, BucketServer, run_server
from tests.cli.processes import SCREEN
from tests.clock import FakeClock
from tests.coarse_films import make_films_coarse, render_fine
from tests.media import make_media
from tests.team.servers import COMMANDS, forward_to, run_s3
from tests.workspace import Workspace

# The longest files, the longest first: several processes share the files out in this order, and a
# long one that is begun last would keep one of them busy when all others have ended.
LONG_FILES = (
    "simulation/crowd/test_crowd.py",
    "state/conformance/test_ledger.py",
    "web/browser/test_pages.py",
    "mockserver/test_films.py",
    "docs/test_pages.py",
    "crash/test_workers.py",
    "web/browser/test_keyboard.py",
    "web/browser/test_live.py",
    "simulation/sync/test_sync.py",
    "e2e/test_takes.py",
    "simulation/test_simulation.py",
    "web/browser/test_deciding.py",
    "crash/test_points.py",
    "simulation/test_fleet.py",
    "cli/test_processes.py",
    "web/browser/test_controller_page.py",
    "cli/test_screens.py",
    "controller/test_passes.py",
    "api/test_types.py",
    "controller/test_leader.py",
    "crash/test_shared_ledger.py",
    "web/browser/test_player.py",
    "cli/test_encodings.py",
    "remembered/test_cache_changes_nothing.py",
    "badinput/test_fuzz_plans.py",
    "e2e/test_lost_answers.py",
    "e2e/test_excerpts.py",
    "e2e/test_prune_safety.py",
    "state/test_object_store.py",
    "deploy/test_github_action.py",
    "watch/test_saves.py",
    "e2e/test_shared_store.py",
    "mockserver/test_cli.py",
    "web/test_syncs.py",
    "apply/test_network.py",
    "web/browser/test_sound.py",
    "web/browser/test_folder.py",
    "simulation/test_mutants.py",
    "desired/test_signatures.py",
    "compat/test_pytest_plugin.py",
    "compat/test_sdk_models.py",
    "controller/test_writing_back.py",
    "watch/test_passes.py",
    "controller/test_review.py",
    "badinput/test_fuzz_files.py",
    "docs/test_gitops.py",
    "deploy/test_install.py",
)

MEMORY = Path("/dev/shm")  # files in memory, on Linux
ROOM_BYTES = 2 << 30
# Who asks over HTTP reads certificates first. The usual ones are more than a hundred, and tests ask
# nobody but servers on this machine.
FEW_CERTIFICATES = Path(__file__).parent / "apply" / "tls" / "cert.pem"

hypothesis.settings.register_profile(
    "quick", derandomize=True, max_examples=40, deadline=None, database=None
)
hypothesis.settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write the golden texts anew; read the diff."
    )
    parser.addoption(
        "--s3", choices=sorted(COMMANDS), help="Shared stores lie in this server (make test-team)."
    )


def pytest_configure() -> None:
    """Let Ctrl-C be heard by the tests and what they start: whoever runs them in the background of
    a script hands on that it is ignored. And write where nothing has to reach a disk.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    make_films_coarse()
    if "TMPDIR" not in os.environ and is_roomy(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # which may have been asked for already


def is_roomy(folder: Path) -> bool:
    """Whether tests can write into a folder what they do, and run programs there."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize >= ROOM_BYTES and not disk.f_flag & os.ST_NOEXEC


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the collector rest: what is collected here stays until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first."""
    tests = Path(__file__).parent
    ranks = {tests / name: rank for rank, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(scope="session")
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the user's own state lies, with the key of caches."""
    return tmp_path_factory.mktemp("state-home")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, _state_home: Path) -> None:
    """No test depends on the account, the endpoint, the terminal, the home or the options of
    whoever runs it.
    """
    monkeypatch.setenv("XDG_STATE_HOME", str(_state_home))
    monkeypatch.setenv("SSL_CERT_FILE", str(FEW_CERTIFICATES))
    own = ("DASHSCOPE_", "CUTLIST_", "PYTEST_ADDOPTS", *SCREEN)
    for name in [name for name in os.environ if name.startswith(own)]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock() -> FakeClock:
    """Time, chance and ids that the test owns."""
    return FakeClock()


@pytest.fixture(scope="session")
def _bucket_server(pytestconfig: pytest.Config) -> Iterator[BucketServer]:
    with ExitStack() as stack:
        name = pytestconfig.getoption("s3")
        inner = forward_to(stack.enter_context(run_s3(name))) if name else None
        yield stack.enter_context(run_server(inner))


@pytest.fixture
def bucket_server(
    _bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BucketServer]:
    """An S3 server on this machine that behaves well, and the keys for it in the environment."""
    for name, value in ACCESS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    _bucket_server.reset()
    yield _bucket_server
    _bucket_server.reset()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read whole, in order."""
    opened: list[Path] = []
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        opened.append(path)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return opened


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny clips and pictures, good and bad (tests/media.py says which)."""
    return make_media(tmp_path_factory.mktemp("media"))


@pytest.fixture
def fine_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films as people get them, for tests that look at their frames."""
    monkeypatch.setattr(FilmRenderer, "render", render_fine)


@pytest.fixture
def workspace(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Workspace]:
    """An empty project, and the command to run in it."""
    root = tmp_path / "film"
    root.mkdir()
    yield Workspace(root, capfd)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares a text with a file; `--update-golden` writes the file instead."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        assert path.is_file(), f"{path.name} does not exist; write it with --update-golden"
        assert text == path.read_bytes().decode()

    return compare
