"""Reaching the service of a project: its key, its address, and the bundled server where it is that;
and the context of attempts, without the service and with it.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from reconciler.apply.context import Context, ask_page, read_page
from reconciler.apply.day_limits import find_day_limit
from reconciler.apply.events import Observer, RunBlocking
from reconciler.apply.in_flight import InFlightList, OwnList
from reconciler.apply.lanes import QUESTIONS_PER_S, Pacer, SharedPacer
from reconciler.apply.shared_list import SharedList
from reconciler.apply.sightings import Sightings
from reconciler.apply.watching import TaskWatch
from reconciler.config import Config
from reconciler.desired.source.own_models import read_model_files
from reconciler.desired.tree import File
from reconciler.errors import CutlistError
from reconciler.formats.secret import is_key
from reconciler.service.client import Client
from reconciler.service.network import Transport
from reconciler.state.ledger import Ledger
from reconciler.state.spill import Spill
from reconciler.state.store import Store
from reconciler.system.clock import Clock
from reconciler.system.files import make_dirs


@asynccontextmanager
async def reach_service(config: Config, clock: Clock) -> AsyncIterator[str]:
    """The base URL of the endpoint; the bundled server runs for the length of the block. Raises
    CutlistError where there is no key.
    """
    if not config.endpoint.bundled:
        check_key(config)
        yield config.endpoint.base_url
        return
    from reconciler.service.bundled import start_bundled_server  # lazy: aiohttp

    models = None if config.committed is None else _write_models(config, clock)
    async with start_bundled_server(config.state_dir / "server", config.root, models) as url:
        yield url


def _write_models(config: Config, clock: Clock) -> list[Path]:
    """The model files of a commit, which lies in no folder, where the bundled server finds them."""
    folder = config.state_dir / "server-models"
    shutil.rmtree(folder, ignore_errors=True)
    paths = []
    for number, raw in enumerate(read_model_files(config, clock).values()):
        make_dirs(folder)
        paths.append(folder / f"{number}.yaml")
        paths[-1].write_bytes(raw)
    return paths


def check_key(config: Config) -> None:
    """Raise CutlistError where there is no key, or what is none."""
    if not config.api_key:
        raise CutlistError(
            f"no API key: DASHSCOPE_API_KEY is not set, and {config.endpoint.name} wants one.",
            hint=(
                "Set it to a key of this region, or try offline with --endpoint mock. Nothing was"
                " sent."
            ),
        )
    if not is_key(config.api_key):
        raise CutlistError(
            "DASHSCOPE_API_KEY is no key: it holds spaces, line ends or characters beyond ASCII.",
            hint="Copy it anew from the vendor's console. Nothing was sent.",
        )


def build_context(
    config: Config,
    store: Store,
    ledger: Ledger,
    clock: Clock,
    *,
    observer: Observer,
    find_file: Callable[[str], File],
    block: RunBlocking,
) -> Context:
    """What attempts work with, as long as nothing has to be asked or sent."""
    return Context(
        connection=None,
        find_file=find_file,
        store=store,
        ledger=ledger,
        clock=clock,
        observer=observer,
        block=block,
        endpoint=config.endpoint.name,
        account=config.account,
        loopback=config.endpoint.loopback,
        settle_s=config.settle_s,
        models=config.models,
        spill=Spill(config.state_dir / "spill"),
        sightings=Sightings(ledger, clock, block),
        questions=None
        if config.endpoint.loopback
        else _pace_questions(config, ledger, clock, block),
        find_limit=lambda work: find_day_limit(
            config.budget, config.prices, config.models, work, clock.now()
        ),
    )


def _pace_questions(
    config: Config, ledger: Ledger, clock: Clock, block: RunBlocking
) -> Pacer | SharedPacer:
    """Turns for looks, pages and downloads, of everybody together."""
    alone = Pacer(clock, QUESTIONS_PER_S, ledger.count_sharers)
    if not ledger.is_shared:
        return alone
    name = f"questions {config.endpoint.name} {config.account}"

    async def take(turns: int) -> float:
        return float(await block(lambda: ledger.take_turn(name, QUESTIONS_PER_S, turns)))

    return SharedPacer(clock, QUESTIONS_PER_S, take, alone)


def connect_context(
    context: Context, config: Config, base_url: str, transport: Transport | None = None
) -> Context:
    """The same, by which requests can be sent to `base_url`."""
    client = Client(
        replace(config.endpoint, base_url=base_url),
        config.api_key,
        workspace=config.workspace,
        result_hosts=config.result_hosts,
        routes=config.routes,
        transport=transport,
    )
    connected = replace(context, connection=client)
    watch = TaskWatch(context.clock, _open_list(connected), context.sightings.write)
    return replace(connected, watch=watch)


def _open_list(context: Context) -> InFlightList:
    """The list of tasks in flight: read by one for all who share the ledger, or for this process
    alone.
    """
    task_list = context.ledger.task_list
    if task_list is None:
        return OwnList(lambda status, number: read_page(context, number, status=status))
    return SharedList(
        context.clock,
        lambda status, number: ask_page(context, number, status=status),
        context.block,
        task_list,
        context.endpoint,
    )
