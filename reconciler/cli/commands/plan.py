"""`cutlist plan`: show what apply would do, and the price."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.exits import choose_exit_code
from reconciler.cli.opening import open_project, warn_of_other_ledgers
from reconciler.errors import UsageError
from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.system.collector import keep_until_exit
from reconciler.system.stages import time_stage

if TYPE_CHECKING:
    from reconciler.plan.decide import PlanOptions
    from reconciler.plan.step import Plan
    from reconciler.project import Project


@click.command("plan", short_help="Show what apply would do, and the price.")
@options.endpoint
@options.as_json
@click.option("--markdown", is_flag=True, help="As a comment for a pull request.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Save the plan for `apply FILE`."
)
@click.option(
    "--from",
    "revision",
    metavar="REV",
    shell_complete=completion.complete_revisions,
    help="Plan what this git revision asks for; nothing is checked out.",
)
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit 2 when there are changes; 6 when `apply` would refuse them for a budget.",
)
@options.max_cost_of_plan
@options.wide
@options.plan_options
@click.pass_context
def run_plan(
    context: click.Context,
    /,
    endpoint: str | None,
    as_json: bool,
    markdown: bool,
    out: Path | None,
    revision: str | None,
    detailed_exitcode: bool,
    max_cost: float | None,
    wide: bool,
    **flags: Unpack[options.PlanFlags],
) -> int:
    """Show what apply would do, why, and what it costs. Nothing is sent, nothing is changed.

    \b
    Example: cutlist plan --json | jq .summary
    """
    with time_stage("program"):
        from reconciler.operations.budget import describe_refusals
        from reconciler.plan.decide import PlanOptions
        from reconciler.report.plan import lay_out_plan

    _check_combination(as_json=as_json, markdown=markdown, revision=revision, out=out)
    project = open_project(context, endpoint)
    file = None if out is None else context.obj / out
    plan = _make_plan(project, PlanOptions(**flags), revision, file)
    keep_until_exit(plan, len(plan.steps))
    warn_of_other_ledgers(project)
    checks = project.check_budgets(plan, max_cost=max_cost)
    with time_stage("show", len(plan.steps)):
        if as_json:
            screen.print_json({**plan.to_json(), "budgets": [check.to_json() for check in checks]})
        elif markdown:
            from reconciler.report.markdown import write_plan_markdown  # lazy: start-up time

            text = write_plan_markdown(plan, [*describe_refusals(checks)])
            screen.print_lines(text.rstrip("\n"))
        else:
            spent = _describe_today(project, plan) if plan.changes else ()
            screen.show([*lay_out_plan(plan), *spent, *describe_refusals(checks)], wide=wide)
            if out is not None:
                command = _quote_apply_command(out, plan, endpoint)
                screen.show(["", f"Saved to {out}. `{command}` does exactly this, once."])
    return choose_exit_code(
        has_changes=bool(plan.changes),
        checks=checks,
        detailed_exitcode=detailed_exitcode,
        max_cost=max_cost,
    )


def _check_combination(
    *, as_json: bool, markdown: bool, revision: str | None, out: Path | None
) -> None:
    """Raises UsageError for options that do not go together."""
    if as_json and markdown:
        raise UsageError("say --json or --markdown, not both.")
    if revision is not None and out is not None:
        raise UsageError(
            "a saved plan is applied from the work tree; --from and --out do not go together.",
            hint="Check the revision out to save its plan. Nothing was sent.",
        )


def _make_plan(
    project: Project, plan_options: PlanOptions, revision: str | None, file: Path | None
) -> Plan:
    """The plan of a revision, or of the work tree, which is also saved where a file is named."""
    if revision is not None:
        commit = project.find_revision(revision)
        plan = project.run_pass_at(commit, plan_options).plan
        screen.note(f"Manifests of {commit}.")
        return plan
    if file is not None:
        return project.save(file, plan_options)
    return project.plan(plan_options)


def _describe_today(project: Project, plan: Plan) -> Iterator[str]:
    """What was spent today of each budget."""
    budgets = project.add_up_today()
    if not budgets:
        return iter(())
    from reconciler.report.cost import describe_today  # lazy: start-up time

    return describe_today(budgets, plan.currency)


def _quote_apply_command(file: Path, plan: Plan, endpoint: str | None) -> str:
    """The command that carries a saved plan out.

    The plan is bound to its environment and its endpoint, so they have to be said again.
    """
    words = ["cutlist", "apply", str(file)]
    if endpoint is not None:
        words += ["--endpoint", endpoint]
    if plan.environment != NO_ENVIRONMENT:
        words += ["--env", plan.environment]
    return shlex.join(words)
