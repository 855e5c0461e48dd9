"""The commands that look back: what was spent, what was tried, and why. Nothing is changed and
nothing is sent.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.options import opened
from reconciler.errors import ProjectNotFound, UsageError

if TYPE_CHECKING:
    from reconciler.plan.step import Step
    from reconciler.planner import Pass

_GROUPS = ("day", "edit", "label", "model", "commit", "environment")


def _is_day(text: str) -> bool:
    """Whether it is a day of the calendar, as YYYY-MM-DD and in no other way."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@click.command(short_help="Show what was spent, saved and wasted.")
@click.option(
    "--by", type=click.Choice(_GROUPS), default="day", show_default=True, help="What to add up by."
)
@click.option("--since", metavar="YYYY-MM-DD", help="Only from this day (UTC) on.")
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def cost(
    context: click.Context,
    by: str,
    since: str | None,
    endpoint: str | None,
    as_json: bool,
    wide: bool,
) -> None:
    """Show what was spent so far, what became of it, what reuse saved, and what is left of
    today's budget.

    \b
    Example: cutlist cost --by label
    """
    from reconciler.report.cost import cost_blocks, cost_document

    if since is not None and not _is_day(since):
        raise UsageError(f'--since is "{since}"; write a day as YYYY-MM-DD, such as 2026-11-21.')
    account = opened(context, endpoint).cost()
    if since is not None:
        account = replace(account, spending=account.spending.since(since))
    if as_json:
        screen.document(cost_document(account))
    else:
        screen.show(cost_blocks(account, by), wide=wide)


@click.command(short_help="Show what happened, newest first.")
@click.argument("edit", required=False, shell_complete=completing.edits)
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="At most so many lines.",
)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def log(
    context: click.Context,
    edit: str | None,
    count: int,
    endpoint: str | None,
    as_json: bool,
    wide: bool,
) -> None:
    """Show what happened to all edits, or to one (or to a matrix) with what had changed, who
    asked and who agreed.

    \b
    Example: cutlist log clothes-swap
    """
    from reconciler.report.log import log_blocks, log_document

    records = opened(context, endpoint).log(edit)
    if as_json:
        screen.document(log_document(records))
        return
    screen.show(log_blocks(records[:count], full=edit is not None), wide=wide)
    if len(records) > count:
        screen.note(
            f"{len(records) - count} older lines are not shown; -n {len(records)} shows all."
        )


@click.command(short_help="Show an edit, or a saved plan.")
@click.argument("what", metavar="EDIT|FILE", shell_complete=completing.edits_or_files)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def show(
    context: click.Context, what: str, endpoint: str | None, as_json: bool, wide: bool
) -> None:
    """Show an edit: what it asks for, how it is, and every result it has had.

    Where a file of that name is there, shows it as a plan that `plan --out` saved; that needs no
    project.

    \b
    Example: cutlist show clothes-swap
    """
    if (context.obj / what).exists():
        _show_plan(context.obj / what, as_json=as_json, wide=wide)
        return
    from reconciler.report.show import portrait, portrait_blocks, portrait_document

    try:
        seen, step = _seen(context, endpoint, what)
    except (ProjectNotFound, UsageError) as error:
        raise UsageError(f'there is no file "{what}", and {error}', hint=error.hint) from error
    made = portrait(seen.resolved[step.name], step, seen.resolved, seen.observed)
    if as_json:
        screen.document(portrait_document(made))
    else:
        screen.show(portrait_blocks(made), wide=wide)


def _show_plan(file: Path, *, as_json: bool, wide: bool) -> None:
    from reconciler.plan.saved import plan_of
    from reconciler.project import read_plan
    from reconciler.report import plan as report

    saved = read_plan(file)
    if as_json:
        screen.document(saved["plan"])
        return
    head = f"Saved plan of the project {saved['project']['name']}."
    screen.show([head, "", *report.plan_blocks(plan_of(saved))], wide=wide)


@click.command(short_help="Show why an edit will or will not render.")
@click.argument("edit", shell_complete=completing.edits)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def explain(
    context: click.Context, edit: str, endpoint: str | None, as_json: bool, wide: bool
) -> None:
    """Show why an edit will or will not be rendered: each part of its key beside the nearest
    earlier result.

    \b
    Example: cutlist explain clothes-swap
    """
    from reconciler.report.explain import explain as explained
    from reconciler.report.explain import explain_blocks, explain_document

    seen, step = _seen(context, endpoint, edit)
    made = explained(seen.resolved[step.name], seen.observed, step, seen.plan.currency)
    if as_json:
        screen.document(explain_document(made))
    else:
        screen.show(explain_blocks(made), wide=wide)


@click.command(short_help="Show which edit builds on which.")
@click.option("--dot", is_flag=True, help="For Graphviz.")
@options.endpoint
@click.pass_context
def graph(context: click.Context, dot: bool, endpoint: str | None) -> None:
    """Show every edit under those it builds on, with what a plan says of it.

    \b
    Example: cutlist graph --dot | dot -Tsvg > edits.svg
    """
    from reconciler.report.graph import graph_blocks, graph_dot

    seen = opened(context, endpoint).look()
    if dot:
        screen.lines(graph_dot(seen.desired, seen.plan).rstrip("\n"))
    else:
        screen.show(graph_blocks(seen.desired, seen.plan))


def _seen(context: click.Context, endpoint: str | None, name: str) -> tuple[Pass, Step]:
    """One pass, and the step of the edit that is named. Raises UsageError when there is none."""
    from reconciler.plan.chains import told
    from reconciler.plan.selection import the_edit

    seen = opened(context, endpoint).look()
    found = the_edit(list(seen.desired.edits), name)
    step = next(step for step in seen.plan.steps if step.name == found)
    return seen, replace(step, details=told(seen.plan, step))
