"""`cutlist apply`: render what is missing or changed."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from reconciler.cli import options
from reconciler.cli.opening import open_project
from reconciler.errors import UsageError


@click.command("apply", short_help="Render what is missing or changed.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@options.endpoint
@options.as_json
@options.auto_approve
@options.max_cost
@click.option(
    "--keep-going/--fail-fast",
    default=True,
    help=(
        "After a failure go on with the others (default), or send nothing more and bring home what"
        " is sent."
    ),
)
@click.option(
    "--cancel-obsolete",
    is_flag=True,
    help=(
        "Cancel tasks that still wait at the service and that no edit asks for any more: they are"
        " free then. Without it they are brought home, and paid."
    ),
)
@options.plan_options
@click.pass_context
def run_apply(
    context: click.Context,
    /,
    file: Path | None,
    endpoint: str | None,
    as_json: bool,
    auto_approve: bool,
    max_cost: float | None,
    keep_going: bool,
    cancel_obsolete: bool,
    **flags: Unpack[options.PlanFlags],
) -> int:
    """Render what is missing or changed, bring the videos home, put them where the manifests say.

    Shows the plan first, and asks before it spends money. What was paid is never paid again: after
    an interruption the same command goes on where it was.

    With FILE, a plan that `plan --out` saved: does exactly that, without asking again, or refuses
    it as stale.

    \b
    Example: cutlist apply --max-cost 5
    """
    from reconciler.apply.request import ApplyRequest
    from reconciler.cli.running import apply_project
    from reconciler.operations.saved_plan import read_plan
    from reconciler.plan.decide import PlanOptions

    saved = None
    if file is not None:
        _check_no_flags(flags)
        saved = read_plan(context.obj / file)
    report = apply_project(
        open_project(context, endpoint),
        ApplyRequest(
            PlanOptions(**flags),
            saved,
            max_cost,
            fail_fast=not keep_going,
            cancel_obsolete=cancel_obsolete,
        ),
        auto_approve=auto_approve,
        as_json=as_json,
    )
    return report.exit_code


def _check_no_flags(flags: options.PlanFlags) -> None:
    """Raises UsageError for options that only an apply without a saved plan can have."""
    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value]
    if given:
        raise UsageError(
            f"a saved plan is applied as it was planned; {', '.join(given)} belongs to `plan"
            " --out`."
        )
