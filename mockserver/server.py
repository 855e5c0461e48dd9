"""A server as one object: opened on its state, started on a port, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from aiohttp import web

from mockserver import catalogue as catalogues
from mockserver.accounts import DEFAULT_ACCOUNTS, Account, Accounts
from mockserver.app import make_app
from mockserver.catalogue import Doc
from mockserver.clock import Clock, RealClock
from mockserver.control import add_control
from mockserver.digest import sha256
from mockserver.errors import ServerError
from mockserver.http import tls as certificates
from mockserver.http.index import API
from mockserver.media.fetcher import Fetcher
from mockserver.media.films import Films
from mockserver.media.reader import MediaReader, RunBlocking
from mockserver.media.render import FilmRenderer, Renderer
from mockserver.media.storage import Storage
from mockserver.orders.faults import Faults
from mockserver.orders.scenarios import Scenarios
from mockserver.orders.verify import verify
from mockserver.service import CLOCK, SECRET, Service
from mockserver.state.state import State
from mockserver.tasks.events import Events
from mockserver.tasks.lifecycle import Tasks
from mockserver.tasks.rates import Rates
from mockserver.tasks.validation import MODES


class MockServer:
    """The DashScope video-editing task API on a local port.

    `state_dir`: where tasks, uploads and videos outlive the process; None keeps them in memory and a temporary folder.
    `task_seconds`: range of a task's time; None takes each model's usual times (minutes).
    `validation`: `service` fails a bad task after the POST, `strict` answers 400 at once.
    `seed`: ids, times and films follow from it and from the order of requests.
    `public_url`: root of upload and result URLs, when clients reach the server under another address than its own.
    `renderer`: an object with `probe` and `render` in place of FFmpeg; `run_blocking`: how slow calls are run,
    `asyncio.to_thread` by default.
    `region`: singapore or beijing; keys of accounts of another region are then refused. None serves every region.
    `rate_limits`: whether submits, fetches, lists, cancels and policies per second are limited, with 429. Off unless
    asked for: they count on the server's clock, and on one that stands still the second never ends.
    `scenarios`, `faults`, `webhooks`: rules in the shapes of scenarios.py, faults.py and events.py.
    `fetch_inputs`: download media by http(s), and fail tasks whose media cannot be had, instead of making them up.
    `remote_controls`: let /_mock/ answer other machines too.
    `cors`: sites whose pages may use the controls from a browser, such as http://localhost:5173, or
    `*`; the API itself answers pages of every site.
    `cert`, `key`: PEM files of a certificate (with its chain) and its key, to be reached by https;
    `tls` makes them on the spot, and `ca_file` then says where the authority is that clients have to
    trust.
    `state_file`: a snapshot to begin with, if it is there, and to write at the end.
    Raises ServerError when the state, the port or a rule cannot be used.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        validation: str = "service",
        seed: int = 0,
        task_seconds: tuple[float, float] | None = (2.0, 4.0),
        public_url: str | None = None,
        renderer: Renderer | None = None,
        run_blocking: RunBlocking | None = None,
        accounts: tuple[Account, ...] = DEFAULT_ACCOUNTS,
        region: str | None = None,
        rate_limits: bool = False,
        scenarios: object = None,
        faults: object = None,
        webhooks: object = None,
        fetch_inputs: bool = False,
        remote_controls: bool = False,
        state_file: Path | None = None,
        cors: Sequence[str] = (),
        cert: Path | None = None,
        key: Path | None = None,
        tls: bool = False,
    ) -> None:
        if validation not in MODES:
            raise ServerError(f"validation is one of {', '.join(MODES)}, not {validation!r}")
        if task_seconds is not None and not 0 <= task_seconds[0] <= task_seconds[1]:
            raise ServerError(f"task_seconds is a range such as (2, 4), not {task_seconds}")
        if key is not None and cert is None:
            raise ServerError("key is the key of a certificate: name its cert too")
        if tls and cert is not None:
            raise ServerError("tls makes a certificate on the spot; with cert there is one")
        self._catalogue = catalogues.load()
        regions = self._catalogue.service["regions"]
        if region is not None and region not in regions:
            raise ServerError(f"region is one of {', '.join(regions)}, not {region!r}")
        errors = self._catalogue.service["errors"]
        self.clock: Clock = clock or RealClock()
        self.scenarios = Scenarios(errors, scenarios)
        self.faults = Faults(errors, seed, faults)
        self.rates = Rates(self.clock, rate_limits)
        self._region, self._webhooks, self._state_file = region, webhooks, state_file
        self._fetch_inputs, self._remote_controls = fetch_inputs, remote_controls
        self._cors, self._cert, self._key, self._tls = tuple(cors), cert, key, tls
        self.ca_file: Path | None = None  # known when the server has started
        self.port = port
        self._state_dir, self._host, self._validation, self._seed = (
            state_dir,
            host,
            validation,
            seed,
        )
        self._task_seconds, self._public_url, self.accounts = task_seconds, public_url, accounts
        self._renderer: Renderer = renderer or FilmRenderer()
        self._run_blocking: RunBlocking = run_blocking or asyncio.to_thread
        self._closing = contextlib.ExitStack()
        self._service: Service | None = None
        self._app: web.Application | None = None
        self._runner: web.AppRunner | None = None

    # ---- life
    # ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the state and listen. Raises ServerError."""
        context = self._ssl_context()
        self._runner = web.AppRunner(
            self.app, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        try:
            await self._runner.setup()
            site = web.TCPSite(self._runner, self._host, self.port, ssl_context=context)
            await site.start()
        except OSError as error:
            await self.stop()
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ServerError(
                f"cannot listen on {self._host} port {self.port}: {reason}; name another port"
            ) from error
        self.port = self._runner.addresses[0][1]
        service = self._running()
        service.drop_connections = self._drop_connections
        service.events.begin()

    def _drop_connections(self, spared: object) -> None:
        server = self._runner.server if self._runner is not None else None
        for connection in server.connections if server is not None else ():
            if connection.transport is not None and connection.transport is not spared:
                connection.transport.abort()

    async def stop(self) -> None:
        """Stop listening, finish what is being rendered, close the state. Nothing that was answered
        is lost.
        """
        if self._service is not None:
            self._service.stopping.set()
            await self._service.events.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._service is not None:
            await self._service.films.close()
            self._service.state.set_meta(CLOCK, repr(self.clock.now()))
            if self._state_file is not None:
                self._write_state_file(self._service, self._state_file)
        self._service = self._app = None
        self._closing.close()

    async def __aenter__(self) -> MockServer:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # ---- what it is
    # ------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Base URL for clients: http://127.0.0.1:PORT/api/v1."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::", "") else self._host
        scheme = "https" if self._tls or self._cert else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}{API}"

    @property
    def app(self) -> web.Application:
        """The aiohttp application, usable without a socket; opens the state at first use."""
        if self._app is None:
            service = self._open()
            self._app = make_app(service, self._run_blocking, self._public_url, self._cors)
            add_control(self._app, service, self._remote_controls)
        return self._app

    def bill(self) -> Doc:
        """What every task has cost so far: the document of GET /_mock/bill."""
        return self._running().tasks.bill()

    def journal(self) -> Doc:
        """The last requests: the document of GET /_mock/journal."""
        return self._running().journal()

    def tasks(self, **wanted: str) -> list[Doc]:
        """Every task so far, also those that clients no longer see: GET /_mock/tasks."""
        return self._running().every_task(wanted)

    def finish(self, task_id: str) -> None:
        """End a task now, as its outcome says. Raises ControlError."""
        self._running().tasks.finish(task_id)
        self._running().state.commit()

    def reset(self) -> None:
        """Forget tasks, uploads, films and requests: POST /_mock/reset."""
        self._running().reset()

    def verify(self, expected: Doc) -> Doc:
        """Whether the journal is as expected: POST /_mock/journal/verify."""
        return verify(self.journal()["requests"], expected)

    def snapshot(self) -> bytes:
        """The whole server as the bytes of a file: GET /_mock/snapshot."""
        return self._running().snapshot()

    def restore(self, data: bytes) -> None:
        """Be the server that a snapshot was taken of: POST /_mock/restore."""
        self._running().restore(data)

    def restart(self) -> None:
        """Cut every connection and read the state again, as a new process would: POST
        /_mock/restart.
        """
        self._running().restart()

    async def deliver_events(self) -> None:
        """Tell the webhooks of every task that has ended by now; it happens by itself within a
        moment of real time.
        """
        await self._running().events.deliver()

    # ---- wiring
    # ----------------------------------------------------------------------------------------------------

    def _running(self) -> Service:
        if self._service is None:
            raise ServerError(
                "the server is not running: start it first, and ask before it is stopped"
            )
        return self._service

    def _open(self) -> Service:
        if self._service is None:
            try:
                folder = self._folder()
                folder.mkdir(parents=True, exist_ok=True)
                self._service = self._wire(folder)
            except OSError as error:
                self._closing.close()
                raise ServerError(
                    f"cannot use {self._state_dir} as state folder: {error.strerror}"
                ) from error
            except BaseException:
                self._closing.close()
                raise
        return self._service

    def _ssl_context(self) -> ssl.SSLContext | None:
        if self._cert is not None:
            return certificates.context_of(self._cert, self._key)
        if not self._tls:
            return None
        made = certificates.make_certificate(self._folder() / "tls", self._host)
        self.ca_file = made.authority
        return certificates.context_of(made.chain, made.key)

    def _folder(self) -> Path:
        if self._state_dir is None:
            return Path(
                self._closing.enter_context(tempfile.TemporaryDirectory(prefix="mockserver-"))
            )
        return self._state_dir

    def _wire(self, folder: Path) -> Service:
        catalogue = self._catalogue
        state = State(None if self._state_dir is None else folder / "server.db")
        self._closing.callback(state.close)
        self._catch_up(state)
        storage = Storage(folder, state, self.clock, catalogue.service, self._secret(state))
        storage.sweep()
        accounts = Accounts(self.accounts, self._region)
        tasks = Tasks(state, self.clock, catalogue, self._seed, self._task_seconds)
        fetcher = (
            Fetcher(storage, catalogue.service["upload"]["max_size_bytes"])
            if self._fetch_inputs
            else None
        )
        service = Service(
            state=state,
            clock=self.clock,
            catalogue=catalogue,
            accounts=accounts,
            storage=storage,
            tasks=tasks,
            films=Films(storage, self._renderer, self._run_blocking),
            reader=MediaReader(
                storage, self._renderer, self._run_blocking, fetcher.fetch if fetcher else None
            ),
            rates=self.rates,
            scenarios=self.scenarios,
            faults=self.faults,
            events=Events(state, self.clock, catalogue, accounts, tasks, self._seed),
            validation=self._validation,
            seed=self._seed,
        )
        service.events.add(self._webhooks)
        if self._state_file is not None and self._state_file.exists():
            service.restore(self._state_file.read_bytes())
        return service

    @staticmethod
    def _write_state_file(service: Service, path: Path) -> None:
        """The snapshot appears under its name when it is complete."""
        part = path.with_name(path.name + ".part")
        part.write_bytes(service.snapshot())
        part.replace(path)

    def _catch_up(self, state: State) -> None:
        """Time never goes back on one state: a clock that was ahead (scaled, advanced) is moved
        there again.
        """
        entry = state.last_entry()
        seen = max(float(state.meta(CLOCK) or 0), float(entry["at"]) if entry else 0.0)
        self.clock.advance(max(0.0, seen - self.clock.now()))

    def _secret(self, state: State) -> str:
        """What signs URLs: follows from the first seed, and stays, so that URLs given out go on
        being valid.
        """
        secret = state.meta(SECRET)
        if secret is None:
            secret = sha256(f"cutlist bundled server {self._seed}".encode())
            state.set_meta(SECRET, secret)
        return secret
