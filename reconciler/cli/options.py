"""The options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypedDict

import click

from reconciler.cli import completion
from reconciler.errors import UsageError
from reconciler.formats.hosts import is_loopback
from reconciler.formats.names import make_plain
from reconciler.formats.spans import parse_span

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class PlanFlags(TypedDict):
    """What `plan_options` give to a command: each is a setting of a plan."""

    target: tuple[str, ...]
    exclude: tuple[str, ...]
    refresh_only: bool
    verify: bool
    force: bool
    repay: bool
    retry_failed: bool


class _Amount(click.FloatRange):
    """An amount of money, from 0. `nan` is a number to click, and would be no limit."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        amount = float(super().convert(value, param, ctx))
        if not math.isfinite(amount):
            self.fail(f"{value} is no amount of money.", param, ctx)
        return amount


def read_span(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    """The seconds of a span of time such as `10m`: the callback of an option."""
    if value is None:
        return None
    try:
        return parse_span(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no span of time; {error}.", param=parameter
        ) from None


def read_address(text: str, option: str) -> tuple[str, int]:
    """Host and port of `[HOST:]PORT`, which an option says. Raises UsageError."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise UsageError(
            f'{option} is "{make_plain(text)}"; legal is PORT or HOST:PORT, such as 8080 or'
            " 0.0.0.0:8080."
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def read_page_address(text: str, option: str, auth: str | None) -> tuple[str, int]:
    """Where a page is served; others can reach it only where `auth` says who may. Raises
    UsageError.
    """
    host, port = read_address(text, option)
    if auth is None and not is_loopback(host):
        raise UsageError(
            f"{option} is {make_plain(text)}, which others can reach; say with --auth who may.",
            hint="Such as --auth tokens:FILE with a line `NAME TOKEN` for each person.",
        )
    return host, port


def _combine(*decorators: Decorator) -> Decorator:
    """One decorator for several options, which `--help` shows in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def _remember_environment(
    context: click.Context, _parameter: click.Parameter, value: str | None
) -> None:
    """Keep what --env names where both the command and its completion find it."""
    context.meta[completion.ENVIRONMENT] = value


# what a person says of a request of which nobody else can tell whether it arrived
decision = _combine(
    click.option(
        "--adopt",
        metavar="TASK_ID",
        shell_complete=completion.complete_tasks,
        help="This task of the account is it.",
    ),
    click.option(
        "--retry",
        is_flag=True,
        help="It did not arrive; the next apply that asks for it sends it again, and pays.",
    ),
    click.option(
        "--abandon", is_flag=True, help="Leave it; it is not sent again unless asked for."
    ),
)


def check_decision(adopt: str | None, retry: bool, abandon: bool) -> None:
    """Raises UsageError unless exactly one thing is said."""
    if (adopt is not None) + retry + abandon != 1:
        raise UsageError("say exactly one of --adopt TASK_ID, --retry, --abandon.")


# where to render, and in which environment: of every command that looks at a project
endpoint = _combine(
    click.option(
        "--endpoint",
        metavar="URL|mock|singapore|beijing",
        shell_complete=completion.complete_endpoints,
        help="Where to render; wins over CUTLIST_ENDPOINT and cutlist.yaml.",
    ),
    click.option(
        "--env",
        metavar="NAME",
        callback=_remember_environment,
        expose_value=False,
        shell_complete=completion.complete_environments,
        help=(
            "An environment of cutlist.yaml, with lock file section and outputs of its own; wins"
            " over CUTLIST_ENV."
        ),
    ),
)
take = click.option(
    "--take",
    type=click.IntRange(min=1),
    metavar="N",
    help="The number of a take; without it the one that counts now.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")
wide = click.option(
    "--wide", is_flag=True, help="Names and paths whole, however long the lines get."
)
auto_approve = click.option(
    "--auto-approve", is_flag=True, help="Do not ask before money is spent."
)
max_cost = click.option(
    "--max-cost", type=_Amount(min=0), metavar="AMOUNT", help="Refuse to spend more."
)
session_budget = click.option(
    "--session-budget",
    type=_Amount(min=0),
    metavar="AMOUNT",
    help="What the whole watch may spend; one yes stands for all of it.",
)
max_cost_of_plan = click.option(
    "--max-cost",
    type=_Amount(min=0),
    metavar="AMOUNT",
    help="Say, and exit 6, when `apply` would refuse it for this or for a budget.",
)
# what `plan` and `apply` have in common: see PlanFlags
plan_options = _combine(
    click.option(
        "--target",
        multiple=True,
        metavar="EDIT",
        shell_complete=completion.complete_targets,
        help="Only this edit and what it builds on; may repeat.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="EDIT",
        shell_complete=completion.complete_targets,
        help="Not this edit nor what builds on it; may repeat.",
    ),
    click.option(
        "--refresh-only",
        is_flag=True,
        help="Only bring home what is at the service; send and write nothing.",
    ),
    click.option("--verify", is_flag=True, help="Read every clip, output and stored video again."),
    click.option("--force", is_flag=True, help="Overwrite files that cutlist did not write."),
    click.option(
        "--repay",
        is_flag=True,
        help="Pay again for what was paid and cannot be collected any more.",
    ),
    click.option("--retry-failed", is_flag=True, help="Send again what the service refused."),
)
