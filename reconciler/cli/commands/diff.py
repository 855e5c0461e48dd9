"""`cutlist diff`: compare two git revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.exits import _exit_code
from reconciler.cli.opening import _tell_of_others, opened
from reconciler.errors import UsageError

if TYPE_CHECKING:
    pass


@click.command(short_help="Compare two git revisions, priced.")
@click.argument("ends", metavar="REV1..REV2|REV1...REV2|REV1", shell_complete=completing.revisions)
@options.endpoint
@options.as_json
@click.option("--markdown", is_flag=True, help="As a comment for a pull request.")
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit 2 when there is a difference; 6 when `apply` would refuse it for a budget.",
)
@options.would_cost
@options.wide
@click.pass_context
def diff(
    context: click.Context,
    ends: str,
    endpoint: str | None,
    as_json: bool,
    markdown: bool,
    detailed_exitcode: bool,
    max_cost: float | None,
    wide: bool,
) -> int:
    """Show which edits change from one git revision to another, why, and what that costs now.
    Nothing is checked out.

    With three dots from where the two parted: what merging REV2 brings. With one revision, up to
    the work tree.

    \b
    Example: cutlist diff main...HEAD
    """
    from reconciler.operations import budget
    from reconciler.report import diff as report

    if as_json and markdown:
        raise UsageError("say --json or --markdown, not both.")
    project = opened(context, endpoint)
    made = project.diff(ends)
    _tell_of_others(project)
    held = project.check_budgets(made.plan, max_cost=max_cost)
    if as_json:
        screen.document(
            {**report.diff_document(made), "budgets": [check.to_json() for check in held]}
        )
    elif markdown:
        screen.lines(report.diff_markdown(made, [*budget.describe_refusals(held)]).rstrip("\n"))
    else:
        screen.show([*report.diff_blocks(made), *budget.describe_refusals(held)], wide=wide)
    return _exit_code(bool(made.changes), held, detailed_exitcode, max_cost)
