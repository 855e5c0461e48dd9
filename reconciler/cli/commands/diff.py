"""`cutlist diff`: compare two git revisions, and price what changes."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.exits import choose_exit_code
from reconciler.cli.opening import open_alone, open_project, warn_of_other_ledgers
from reconciler.errors import UsageError

_LOCAL = (
    "Prices assume that nothing is stored elsewhere: neither a shared store nor a shared ledger was"
    " asked."
)


@click.command("diff", short_help="Compare two git revisions, priced.")
@click.argument(
    "ends", metavar="REV1..REV2|REV1...REV2|REV1", shell_complete=completion.complete_revisions
)
@options.endpoint
@options.as_json
@click.option("--markdown", is_flag=True, help="As a comment for a pull request.")
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit 2 when there is a difference; 6 when `apply` would refuse it for a budget.",
)
@click.option(
    "--local",
    is_flag=True,
    help="Ask neither a shared store nor a shared ledger, as where no keys for them are.",
)
@options.max_cost_of_plan
@options.wide
@click.pass_context
def run_diff(
    context: click.Context,
    ends: str,
    endpoint: str | None,
    as_json: bool,
    markdown: bool,
    detailed_exitcode: bool,
    local: bool,
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
    from reconciler.operations.budget import describe_refusals
    from reconciler.report.diff import lay_out_diff, write_diff_markdown

    if as_json and markdown:
        raise UsageError("say --json or --markdown, not both.")
    project = open_project(context, endpoint)
    said = []
    if local:
        project = open_alone(context, project.config)
        said = [_LOCAL]
    comparison = project.diff(ends)
    warn_of_other_ledgers(project)
    checks = project.check_budgets(comparison.plan, max_cost=max_cost)
    if as_json:
        screen.print_json(
            {**comparison.to_json(), "budgets": [check.to_json() for check in checks]}
        )
    elif markdown:
        screen.print_lines(
            write_diff_markdown(comparison, [*said, *describe_refusals(checks)]).rstrip("\n")
        )
    else:
        screen.show([*lay_out_diff(comparison), *said, *describe_refusals(checks)], wide=wide)
    return choose_exit_code(
        has_changes=bool(comparison.changes),
        checks=checks,
        detailed_exitcode=detailed_exitcode,
        max_cost=max_cost,
    )
