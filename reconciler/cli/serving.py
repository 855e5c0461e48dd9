"""A controller at the command line: signals, the log on standard error, the last word."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import crash, screen
from reconciler.cli.loop import run_in_loop
from reconciler.errors import EXIT_FAILED, EXIT_INVALID, EXIT_NEEDS_PERSON, EXIT_OK

if TYPE_CHECKING:
    from reconciler.apply.outcome import Stop
    from reconciler.controller.conditions import SyncStatus
    from reconciler.controller.documents import Sync
    from reconciler.controller.logs import LogForm
    from reconciler.controller.onlooker import Onlooker
    from reconciler.controller.service import ControllerService, ServiceSettings
    from reconciler.system.clock import Clock


def run_controller(
    load: Callable[[], Sequence[Sync]],
    load_whole: Callable[[], Sequence[Sync]],
    state: Path,
    *,
    once: bool,
    listen: tuple[str, int] | None,
    page_token_from: str,
    log_form: LogForm,
    verbose: bool,
    page: tuple[str, int] | None = None,
    auth: str | None = None,
    folder: Path = Path(),
) -> int:
    """Run a controller until a signal ends it, or until each Sync had its pass (`once`). Returns
    the exit code. `page` is where its page is served, `auth` who may look at it, by files that are
    named from `folder` on.
    """
    from reconciler.config.variables import Variables, require_secret
    from reconciler.controller.logs import Log, LogStream
    from reconciler.controller.service import ServiceSettings
    from reconciler.formats.secret import Secret, find_secrets
    from reconciler.system.clock import SystemClock
    from reconciler.system.environment import read_variables

    clock = SystemClock()
    log = Log(
        LogStream(sys.stderr),
        clock,
        form=log_form,
        least="debug" if verbose else "info",
        secrets=find_secrets(read_variables()),
    )
    settings = ServiceSettings(
        state=state.absolute(),
        load=load,
        load_whole=load_whole,
        clock=clock,
        variables=Variables.read(),
        log=log,
        listen=listen,
        page_token=require_secret(page_token_from) if page_token_from else Secret(""),
        onlooker=None if page is None else _open_pages(page, auth, folder, clock),
        report_fault=lambda sync, error: crash.report(error, where=f"in a pass of {sync.name}"),
    )
    return run_in_loop(_run(settings, once=once))


def _open_pages(page: tuple[str, int], auth: str | None, folder: Path, clock: Clock) -> Onlooker:
    from reconciler.cli.sync_paging import SyncPages, SyncPageSettings  # lazy: aiohttp
    from reconciler.config.variables import Variables, find_user_name
    from reconciler.formats.names import make_plain

    who = make_plain(Variables.read().approver or find_user_name())
    return SyncPages(SyncPageSettings(*page, auth, folder, who, clock))


async def _run(settings: ServiceSettings, *, once: bool) -> int:
    from reconciler.apply.outcome import Stop
    from reconciler.controller.overview import lay_out_syncs
    from reconciler.controller.service import ControllerService

    stop = Stop()
    service = ControllerService(settings)
    _listen_to_signals(stop, service)
    if not once:
        await service.serve(stop)
        return EXIT_OK
    statuses = await service.run_once(stop)
    screen.show(lay_out_syncs(statuses, settings.clock.now()))
    return EXIT_INVALID if service.has_faults else _choose_exit_code(statuses)


def _listen_to_signals(stop: Stop, service: ControllerService) -> None:
    """The first Ctrl-C or SIGTERM ends gracefully, the second at once; SIGHUP reads anew."""
    loop = asyncio.get_running_loop()

    def end(number: signal.Signals) -> None:
        if stop.reason:
            os._exit(128 + number)
        stop.request(number.name)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, service.reload)


def _choose_exit_code(statuses: Sequence[SyncStatus]) -> int:
    """5 where a person is needed, 4 where a pass did not go well, else 0: what another controller
    leads is its business.
    """
    from reconciler.controller.conditions import ConditionType
    from reconciler.controller.overview import is_ready, stands_by

    if any(status.find(ConditionType.STALLED) is not None for status in statuses):
        return EXIT_NEEDS_PERSON
    done = all(is_ready(status) or stands_by(status) for status in statuses)
    return EXIT_OK if done else EXIT_FAILED
