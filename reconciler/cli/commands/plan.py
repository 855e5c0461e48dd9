"""`cutlist plan`: what apply would do, and the price."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.exits import _exit_code
from reconciler.cli.opening import _tell_of_others, opened
from reconciler.errors import UsageError
from reconciler.formats.names import NO_ENVIRONMENT

if TYPE_CHECKING:
    from reconciler.plan.step import Plan


@click.command(short_help="Show what apply would do, and the price.")
@options.endpoint
@options.as_json
@click.option("--markdown", is_flag=True, help="As a comment for a pull request.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Save the plan for `apply FILE`."
)
@click.option(
    "--from",
    "name",
    metavar="REV",
    shell_complete=completing.revisions,
    help="Plan what this git revision asks for; nothing is checked out.",
)
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit 2 when there are changes; 6 when `apply` would refuse them for a budget.",
)
@options.would_cost
@options.wide
@options.allowances
@click.pass_context
def plan(
    context: click.Context,
    /,
    endpoint: str | None,
    as_json: bool,
    markdown: bool,
    out: Path | None,
    name: str | None,
    detailed_exitcode: bool,
    max_cost: float | None,
    wide: bool,
    **allowed: Any,
) -> int:
    """Show what apply would do, why, and what it costs. Nothing is sent, nothing is changed.

    \b
    Example: cutlist plan --json | jq .summary
    """
    from reconciler.operations import budget
    from reconciler.plan.decide import Options
    from reconciler.report import plan as report
    from reconciler.report.cost import today_lines
    from reconciler.report.markdown import plan_markdown

    if as_json and markdown:
        raise UsageError("say --json or --markdown, not both.")
    if name is not None and out is not None:
        way = "Check the revision out to save its plan. Nothing was sent."
        raise UsageError(
            "a saved plan is applied from the work tree; --from and --out do not go together.",
            hint=way,
        )
    project, wanted = opened(context, endpoint), Options(**allowed)
    if name is not None:
        revision = project.find_revision(name)
        made = project.run_pass_at(revision, wanted).plan
        screen.note(f"Manifests of {revision}.")
    else:
        made = project.plan(wanted) if out is None else project.save(context.obj / out, wanted)
    _tell_of_others(project)
    held = project.check_budgets(made, max_cost=max_cost)
    if as_json:
        screen.document({**made.to_json(), "budgets": [check.to_json() for check in held]})
    elif markdown:
        screen.lines(plan_markdown(made, [*budget.describe_refusals(held)]).rstrip("\n"))
    else:
        spent = today_lines(project.add_up_today(), made.currency) if made.changes else ()
        screen.show([*report.plan_blocks(made), *spent, *budget.describe_refusals(held)], wide=wide)
        if out is not None:
            command = _apply_command(out, made, endpoint)
            screen.show(["", f"Saved to {out}. `{command}` does exactly this, once."])
    return _exit_code(bool(made.changes), held, detailed_exitcode, max_cost)


def _apply_command(file: Path, plan: Plan, endpoint: str | None) -> str:
    """What carries a saved plan out: it is bound to its environment and endpoint, so they have to
    be said again.
    """
    words = ["cutlist", "apply", str(file)]
    words += [] if endpoint is None else ["--endpoint", endpoint]
    words += [] if plan.environment == NO_ENVIRONMENT else ["--env", plan.environment]
    return shlex.join(words)
