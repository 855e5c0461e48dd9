"""The command `python -m mockserver`: a server on a port, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from mockserver.clock import RealClock, ScaledClock
from mockserver.errors import ServerError
from mockserver.reports import install_reports, write_report

if TYPE_CHECKING:
    from mockserver.clock import Clock
    from mockserver.recording.modes import Served
    from mockserver.server import MockServer

EXAMPLES = """\b
Examples:
  cutlist mock --port 8788 --state .mock --speed 60
  cutlist mock --record day.jsonl --upstream https://dashscope-intl.aliyuncs.com/api/v1
  cutlist mock --replay day.jsonl
  cutlist mock --compare day.jsonl --json
"""
# What goes with another mode than serving.
MODES = {
    "record": ("upstream", "plain_http", "compare", "as_json", "host", "port", "models"),
    "replay": ("host", "port", "speed"),
    "compare": ("as_json", "strict", "any_model", "models"),
}


@click.command(
    "mock",
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    help="Run the server's clock so many times as fast.",
)
@click.option("--seed", type=int, help="Ids, times and films follow from it; random when unset.")
@click.option(
    "--strict", is_flag=True, help="Refuse bad requests at once with 400, not as failed tasks."
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    help=(
        "Folder that keeps tasks and files, or file (with a suffix, as in day.tar) read at the"
        " start and written at the end; memory when unset."
    ),
)
@click.option(
    "--scenario",
    type=click.Path(path_type=Path),
    help="YAML file of scenarios, faults, accounts, webhooks.",
)
@click.option(
    "--public-url", help="Root of upload and result URLs, when clients use another address."
)
@click.option(
    "--task-seconds",
    nargs=2,
    type=click.FloatRange(min=0),
    metavar="LO HI",
    help="How long tasks take. Default: 2 4, and with --speed each model's usual minutes.",
)
@click.option(
    "--region", help="singapore or beijing: refuse keys and model names of the other one."
)
@click.option(
    "--rate-limits",
    is_flag=True,
    help="Answer 429 to more requests per second than the service takes.",
)
@click.option(
    "--fetch-inputs",
    is_flag=True,
    help="Download media by http(s), and fail tasks whose media is missing.",
)
@click.option(
    "--webhook",
    "webhooks",
    multiple=True,
    help="URL that is told when a task ends; may be repeated.",
)
@click.option(
    "--cors",
    multiple=True,
    metavar="ORIGIN",
    help="Site whose pages may use /_mock/ from a browser, or '*'; may be repeated.",
)
@click.option(
    "--cert", type=click.Path(path_type=Path), help="Serve https with this certificate (PEM)."
)
@click.option(
    "--key", type=click.Path(path_type=Path), help="Its key, unless it stands in the same file."
)
@click.option("--tls", is_flag=True, help="Serve https with a certificate made on the spot.")
@click.option(
    "--models",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help=(
        "Folder with model files of your own, or such a file; may be repeated. Default: those of"
        " the project around."
    ),
)
@click.option(
    "--any-model",
    is_flag=True,
    help="Answer unknown model names with a generic model that gives videos of 5 s.",
)
@click.option("--remote-controls", is_flag=True, help="Let /_mock/ answer other machines too.")
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Pass requests on to --upstream, where they cost money, and keep them in FILE.",
)
@click.option("--upstream", metavar="URL", help="The service to record: its base URL.")
@click.option(
    "--plain-http",
    is_flag=True,
    help="Let --upstream be an http address elsewhere: the key goes there unprotected.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Answer from a recording, and nothing else.",
)
@click.option(
    "--compare",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help=(
        "List what this server would have said otherwise than a recording, and exit: 0 nothing, 2"
        " something. With --record: when that ends."
    ),
)
@click.option("--json", "as_json", is_flag=True, help="Print what --compare finds as JSON.")
@click.pass_context
def serve(context: click.Context, /, **options: Any) -> None:
    """Serve the DashScope video-editing task API on this machine, with real videos and no bill."""
    install_reports()
    mode = find_mode(context)
    try:
        if mode != "replay" and not options["models"]:
            from mockserver.project_models import find_project_models  # lazy for start-up time

            options["models"] = find_project_models(context.obj or Path.cwd())
        if mode is None:
            _serve_api(**{name: options[name] for name in options if name not in _OF_RECORDINGS})
        else:
            _run_mode(mode, options)
    except ServerError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


_OF_RECORDINGS = ("record", "upstream", "plain_http", "replay", "compare", "as_json")


def find_mode(context: click.Context) -> str | None:
    """What is asked for instead of serving; None for serving.

    Raises UsageError for options that do not go together.
    """
    given = {
        parameter.name: parameter.opts[0]
        for parameter in context.command.params
        if parameter.name is not None
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    }
    mode = next((name for name in MODES if name in given), None)
    legal = (*(MODES[mode] if mode else ()), mode)
    illegal = [name for name in given if name not in legal and (mode or name in _OF_RECORDINGS)]
    if illegal:
        words = f"does not go with --{mode}" if mode else "goes with --record or --compare"
        raise click.UsageError(f"{given[illegal[0]]} {words}.")
    if mode == "record" and "upstream" not in given:
        raise click.UsageError("--record needs --upstream, the service to record.")
    if mode == "compare" and not context.params["compare"]:
        raise click.UsageError("--compare needs the FILE of a recording.")
    if mode == "record" and context.params["compare"]:
        raise click.UsageError("With --record, --compare takes no FILE: it compares what was kept.")
    return mode


def _run_mode(mode: str, options: dict[str, Any]) -> None:
    """Record, replay or compare. Raises ServerError."""
    from mockserver.recording import modes  # lazy for start-up time

    address = {"host": options["host"], "port": options["port"]}
    code = 0
    if mode == "replay":
        clock = _build_clock(options["speed"])
        modes.replay(options["replay"], serve_until_stopped, clock=clock, **address)
        return
    file = options["record"] or Path(options["compare"])
    if mode == "record":
        plain_http, upstream = options["plain_http"], options["upstream"]
        modes.record(file, upstream, serve_until_stopped, _say, plain_http=plain_http, **address)
    if options["compare"] is not None:
        code = modes.compare(
            file,
            click.echo,
            as_json=options["as_json"],
            validation="strict" if options["strict"] else "service",
            any_model=options["any_model"],
            models=options["models"],
        )
    sys.exit(code)


def _say(text: str) -> None:
    """Tell a person something while a server runs."""
    click.echo(text, err=True)


def _build_clock(speed: float | None) -> Clock:
    return RealClock() if speed is None else ScaledClock(speed)


def _serve_api(
    speed: float | None,
    seed: int | None,
    strict: bool,
    state: Path | None,
    scenario: Path | None,
    webhooks: tuple[str, ...],
    task_seconds: tuple[float, float] | None,
    **options: Any,
) -> None:
    """Serve the API. Raises ServerError."""
    if task_seconds is None and speed is None:
        task_seconds = (2.0, 4.0)
    from mockserver.orders.scenario_file import read_settings  # lazy for start-up time
    from mockserver.server import MockServer  # lazy for start-up time

    orders: dict[str, Any] = {"webhooks": list(webhooks)}
    if scenario is not None:
        orders = read_settings(scenario, webhooks)
    server = MockServer(
        clock=_build_clock(speed),
        validation="strict" if strict else "service",
        seed=secrets.randbits(32) if seed is None else seed,
        task_seconds=task_seconds,
        **_choose_state(state),
        **orders,
        **options,
    )
    asyncio.run(_serve_with_controls(server))


def _choose_state(state: Path | None) -> dict[str, Any]:
    """The setting for a path: a folder or a file, as it is there.

    What is not there will be a file when it has a suffix, else a folder.
    """
    if state is not None and (state.is_file() or (state.suffix and not state.is_dir())):
        return {"state_file": state}
    return {"state_dir": state}


async def _serve_with_controls(server: MockServer) -> None:
    key = server.accounts[0].keys[0].secret
    await serve_until_stopped(
        server,
        lambda: [
            *([] if server.ca_file is None else [f"trust it with SSL_CERT_FILE={server.ca_file}"]),
            f"key: {key}    controls: {server.url.removesuffix('/api/v1')}/_mock/"
            "    Ctrl-C ends it",
        ],
    )


async def serve_until_stopped(server: Served, list_lines: Callable[[], Sequence[str]]) -> None:
    """Serve until SIGINT or SIGTERM; the first line that is printed tells the URL."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await server.start()
    click.echo(f"listening on {server.url}")
    for line in list_lines():
        click.echo(line)
    sys.stdout.flush()
    await stopped.wait()
    await server.stop()


def main() -> None:
    """Serve, and exit. An error of the server itself is one sentence, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        serve()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        click.echo(write_report(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
