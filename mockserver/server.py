"""A server as one object: opened on its state, started on a port, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ssl
import tempfile
from pathlib import Path

from aiohttp import web

from mockserver.accounts import Account, Accounts
from mockserver.app import build_app
from mockserver.catalogue import Doc, load_catalogue
from mockserver.clock import Clock, RealClock
from mockserver.control import add_controls
from mockserver.digest import compute_sha256
from mockserver.errors import ServerError
from mockserver.http.index import API
from mockserver.http.listening import Listener, Runnable
from mockserver.http.tls import build_ssl_context, make_certificate
from mockserver.media.fetcher import Fetcher
from mockserver.media.film_renderer import FilmRenderer
from mockserver.media.films import Films
from mockserver.media.reader import MediaReader
from mockserver.media.renderer import Renderer, RunBlocking
from mockserver.media.storage import Storage
from mockserver.orders.faults import Faults
from mockserver.orders.scenarios import Scenarios
from mockserver.orders.verify import verify_journal
from mockserver.service import CLOCK, SECRET, Service
from mockserver.settings import Settings, take_settings
from mockserver.state.state import State
from mockserver.tasks.lifecycle import Tasks
from mockserver.tasks.rates import Rates
from mockserver.tasks.trial import try_model
from mockserver.tasks.webhooks import Webhooks


class MockServer(Runnable):
    """The DashScope video-editing task API on a local port.

    It takes the arguments of `Settings`, which says what each of them is. Raises ServerError when
    the settings, the state, the port or a rule cannot be used.
    """

    @take_settings(Settings)
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        catalogue = load_catalogue(own=settings.models)
        for model in set(catalogue.models.values()):
            if model.file is not None:
                try_model(model, model.file)
        self._catalogue = dataclasses.replace(catalogue, any_model=settings.any_model)
        regions = self._catalogue.service["regions"]
        if settings.region is not None and settings.region not in regions:
            raise ServerError(f"region is one of {', '.join(regions)}, not {settings.region!r}")
        errors = self._catalogue.service["errors"]
        self.clock: Clock = settings.clock or RealClock()
        self.scenarios = Scenarios(errors, settings.scenarios)
        self.faults = Faults(errors, settings.seed, settings.faults)
        self.rates = Rates(self.clock, settings.rate_limits)
        is_safe = settings.tls or settings.cert is not None
        self._listener = Listener(settings.host, settings.port, tls=is_safe)
        self.ca_file: Path | None = None  # known when the server has started
        self._renderer: Renderer = settings.renderer or FilmRenderer()
        self._run_blocking: RunBlocking = settings.run_blocking or asyncio.to_thread
        self._closing = contextlib.ExitStack()
        self._service: Service | None = None
        self._app: web.Application | None = None

    # ---- starting and stopping

    async def start(self) -> None:
        """Open the state and listen. Raises ServerError."""
        ssl_context = self._build_ssl_context()
        try:
            await self._listener.start(self.app, ssl_context)
        except ServerError:
            await self.stop()
            raise
        service = self._get_service()
        service.drop_connections = self._listener.drop_connections
        service.webhooks.begin()

    async def stop(self) -> None:
        """Stop listening, finish what is being rendered, close the state.

        Nothing that was answered is lost.
        """
        if self._service is not None:
            self._service.stopping.set()
            await self._service.webhooks.close()
        await self._listener.stop()
        if self._service is not None:
            await self._service.films.close()
            self._service.state.set_meta(CLOCK, repr(self.clock.now()))
            if self.settings.state_file is not None:
                _write_state_file(self._service, self.settings.state_file)
        self._service = self._app = None
        self._closing.close()

    # ---- what can be asked of it

    @property
    def url(self) -> str:
        """Base URL for clients: http://127.0.0.1:PORT/api/v1."""
        return f"{self._listener.root_url}{API}"

    @property
    def port(self) -> int:
        """The port, which is known when the server has started."""
        return self._listener.port

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts that it was started with."""
        return self.settings.accounts

    @property
    def app(self) -> web.Application:
        """The aiohttp application, usable without a socket; opens the state at first use."""
        if self._app is None:
            service = self._open_service()
            self._app = build_app(service, self._run_blocking)
            add_controls(self._app, service)
        return self._app

    def bill(self) -> Doc:
        """What every task has cost so far: the document of GET /_mock/bill."""
        return self._get_service().build_bill()

    def journal(self) -> Doc:
        """The last requests: the document of GET /_mock/journal."""
        return self._get_service().get_journal()

    def tasks(self, **filters: str) -> list[Doc]:
        """Every task so far, also those that clients no longer see: GET /_mock/tasks."""
        return self._get_service().list_all_tasks(filters)

    def finish(self, task_id: str) -> None:
        """End a task now, as its outcome says. Raises ControlError."""
        self._get_service().tasks.finish(task_id)
        self._get_service().state.commit()

    def reset(self) -> None:
        """Forget tasks, uploads, films and requests: POST /_mock/reset."""
        self._get_service().reset()

    def verify(self, expected: Doc) -> Doc:
        """Whether the journal is as expected: POST /_mock/journal/verify."""
        return verify_journal(self.journal()["requests"], expected)

    def snapshot(self) -> bytes:
        """The whole server as the bytes of a file: GET /_mock/snapshot."""
        return self._get_service().take_snapshot()

    def restore(self, data: bytes) -> None:
        """Be the server that a snapshot was taken of: POST /_mock/restore."""
        self._get_service().restore(data)

    def restart(self) -> None:
        """Cut every connection and read the state again: POST /_mock/restart."""
        self._get_service().restart()

    async def deliver_events(self) -> None:
        """Tell the webhooks of every task that has ended by now.

        It happens by itself within a moment of real time.
        """
        await self._get_service().webhooks.deliver()

    # ---- putting its parts together

    def _get_service(self) -> Service:
        if self._service is None:
            raise ServerError(
                "the server is not running: start it first, and ask before it is stopped"
            )
        return self._service

    def _open_service(self) -> Service:
        if self._service is None:
            try:
                folder = self._open_folder()
                folder.mkdir(parents=True, exist_ok=True)
                self._service = self._build_service(folder)
            except OSError as error:
                self._closing.close()
                raise ServerError(
                    f"cannot use {self.settings.state_dir} as state folder: {error.strerror}"
                ) from error
            except BaseException:
                self._closing.close()
                raise
        return self._service

    def _open_folder(self) -> Path:
        """The folder of the state: the one that was set, or a temporary one."""
        if self.settings.state_dir is not None:
            return self.settings.state_dir
        folder = tempfile.TemporaryDirectory(prefix="mockserver-")
        return Path(self._closing.enter_context(folder))

    def _build_ssl_context(self) -> ssl.SSLContext | None:
        if self.settings.cert is not None:
            return build_ssl_context(self.settings.cert, self.settings.key)
        if not self.settings.tls:
            return None
        certificate = make_certificate(self._open_folder() / "tls", self.settings.host)
        self.ca_file = certificate.authority
        return build_ssl_context(certificate.chain, certificate.key)

    def _build_service(self, folder: Path) -> Service:
        settings, catalogue, clock = self.settings, self._catalogue, self.clock
        state = State(None if settings.state_dir is None else folder / "server.db")
        self._closing.callback(state.close)
        _advance_to_last_time(clock, state)
        secret = _get_secret(state, settings.seed)
        storage = Storage(folder, state, clock, catalogue.service, secret)
        storage.sweep()
        accounts = Accounts(settings.accounts, settings.region)
        tasks = Tasks(state, clock, catalogue, settings.seed, settings.task_seconds)
        fetcher = Fetcher(storage, catalogue.service["upload"]["max_size_bytes"])
        service = Service(
            settings,
            state=state,
            clock=clock,
            catalogue=catalogue,
            accounts=accounts,
            storage=storage,
            tasks=tasks,
            films=Films(storage, self._renderer, self._run_blocking),
            reader=MediaReader(
                storage,
                self._renderer,
                self._run_blocking,
                fetcher.fetch if settings.fetch_inputs else None,
            ),
            rates=self.rates,
            scenarios=self.scenarios,
            faults=self.faults,
            webhooks=Webhooks(state, clock, catalogue, accounts, tasks, settings.seed),
        )
        service.webhooks.add(settings.webhooks)
        if settings.state_file is not None and settings.state_file.exists():
            service.restore(settings.state_file.read_bytes())
        return service


def _write_state_file(service: Service, path: Path) -> None:
    """Write a snapshot, which appears under its name when it is complete."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(service.take_snapshot())
    part.replace(path)


def _advance_to_last_time(clock: Clock, state: State) -> None:
    """Move a clock to the last time that the state knows of, unless it is there already.

    Time never goes back on one state, even after a clock that was ahead (scaled, advanced).
    """
    entry = state.journal.get_last()
    last = float(state.get_meta(CLOCK) or 0)
    if entry is not None:
        last = max(last, float(entry["at"]))
    clock.advance(max(0.0, last - clock.now()))


def _get_secret(state: State, seed: int) -> str:
    """What signs URLs: it follows from the first seed.

    It stays from then on, so that URLs that were given out go on being valid.
    """
    secret = state.get_meta(SECRET)
    if secret is None:
        secret = compute_sha256(f"cutlist bundled server {seed}".encode())
        state.set_meta(SECRET, secret)
    return secret
