"""Options that several commands share, and the project they are for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from reconciler.cli import completion as completing

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _remember(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    context.meta[completing.ENVIRONMENT] = value


environment: Decorator = click.option(
    "--env",
    metavar="NAME",
    callback=_remember,
    expose_value=False,
    shell_complete=completing.environments,
    help=(
        "An environment of cutlist.yaml, with lock file section and outputs of its own; wins over"
        " CUTLIST_ENV."
    ),
)


def endpoint(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that looks at a project: where to render, and in which
    environment.
    """
    option = click.option(
        "--endpoint",
        metavar="URL|mock|singapore|beijing",
        shell_complete=completing.endpoints,
        help="Where to render; wins over CUTLIST_ENDPOINT and cutlist.yaml.",
    )
    return option(environment(command))


as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="For programs.")
wide: Decorator = click.option(
    "--wide", is_flag=True, help="Names and paths whole, however long the lines get."
)


class _Amount(click.FloatRange):
    """Money, from 0. `nan` is more than no amount, so it would be no limit."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        amount = float(super().convert(value, param, ctx))
        if not math.isfinite(amount):
            self.fail(f"{value} is no amount of money.", param, ctx)
        return amount


max_cost: Decorator = click.option(
    "--max-cost", type=_Amount(min=0), metavar="AMOUNT", help="Refuse to spend more."
)
would_cost: Decorator = click.option(
    "--max-cost",
    type=_Amount(min=0),
    metavar="AMOUNT",
    help="Say, and exit 6, when `apply` would refuse it for this or for a budget.",
)
auto_approve: Decorator = click.option(
    "--auto-approve", is_flag=True, help="Do not ask before money is spent."
)
_FOR_PLANS: tuple[Decorator, ...] = (
    click.option(
        "--target",
        multiple=True,
        metavar="EDIT",
        shell_complete=completing.targets,
        help="Only this edit and what it builds on; may repeat.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="EDIT",
        shell_complete=completing.targets,
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


def allowances(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that `plan` and `apply` have in common: they become plan.diff.Options."""
    for option in reversed(_FOR_PLANS):
        command = option(command)
    return command
