"""The commands that look back: what was spent, what was tried, and why. Nothing is changed and
nothing is sent.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options, screen
from reconciler.cli.options import opened
from reconciler.errors import ProjectNotFound, UsageError

if TYPE_CHECKING:
    from reconciler.plan.step import Step
    from reconciler.reconcile import Pass

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
@click.pass_context
def cost(
    context: click.Context, by: str, since: str | None, endpoint: str | None, as_json: bool
) -> None:
    """Show what was spent so far, what became of it, what reuse saved, and what is left of
    today's budget.

    \b
    Example: cutlist cost --by label
    """
    from dataclasses import replace

    from reconciler.history.cost_report import cost_document, cost_text

    if since is not None and not _is_day(since):
        raise UsageError(f'--since is "{since}"; write a day as YYYY-MM-DD, such as 2026-11-21.')
    account = opened(context, endpoint).cost()
    if since is not None:
        account = replace(account, spending=account.spending.since(since))
    if as_json:
        screen.document(cost_document(account))
    else:
        screen.say(cost_text(account, by).rstrip("\n"))


@click.command(short_help="Show what happened, newest first.")
@click.argument("edit", required=False)
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
@click.pass_context
def log(
    context: click.Context, edit: str | None, count: int, endpoint: str | None, as_json: bool
) -> None:
    """Show what happened to all edits, or to one (or to a matrix) with what had changed, who
    asked and who agreed.

    \b
    Example: cutlist log clothes-swap
    """
    from reconciler.history.log import log_document, log_text

    records = opened(context, endpoint).log(edit)
    if as_json:
        screen.document(log_document(records))
        return
    screen.say(log_text(records[:count], full=edit is not None).rstrip("\n"))
    if len(records) > count:
        screen.note(
            f"{len(records) - count} older lines are not shown; -n {len(records)} shows all."
        )


@click.command(short_help="Show an edit, or a saved plan.")
@click.argument("what", metavar="EDIT|FILE")
@options.endpoint
@options.as_json
@click.pass_context
def show(context: click.Context, what: str, endpoint: str | None, as_json: bool) -> None:
    """Show an edit: what it asks for, how it is, and every result it has had.

    Where a file of that name is there, shows it as a plan that `plan --out` saved; that needs no
    project.

    \b
    Example: cutlist show clothes-swap
    """
    if (context.obj / what).exists():
        _show_plan(context.obj / what, as_json=as_json)
        return
    from reconciler.plan.portrait import portrait, portrait_document, portrait_text

    try:
        seen, step = _seen(context, endpoint, what)
    except (ProjectNotFound, UsageError) as error:
        raise UsageError(f'there is no file "{what}", and {error}', hint=error.hint) from error
    made = portrait(seen.resolved[step.name], step, seen.resolved, seen.observed)
    if as_json:
        screen.document(portrait_document(made))
    else:
        screen.say(portrait_text(made).rstrip("\n"))


def _show_plan(file: Path, *, as_json: bool) -> None:
    from reconciler.plan import report
    from reconciler.plan.saved import plan_of
    from reconciler.project import read_plan

    saved = read_plan(file)
    if as_json:
        screen.document(saved["plan"])
        return
    screen.say(f"Saved plan of the project {saved['project']['name']}.\n")
    screen.say(report.plan_text(plan_of(saved)).rstrip("\n"))


@click.command(short_help="Show why an edit will or will not render.")
@click.argument("edit")
@options.endpoint
@options.as_json
@click.pass_context
def explain(context: click.Context, edit: str, endpoint: str | None, as_json: bool) -> None:
    """Show why an edit will or will not be rendered: each part of its key beside the nearest
    earlier result.

    \b
    Example: cutlist explain clothes-swap
    """
    from reconciler.plan.explain import explain as explained
    from reconciler.plan.explain import explain_document, explain_text

    seen, step = _seen(context, endpoint, edit)
    made = explained(seen.resolved[step.name], seen.observed, step, seen.plan.currency)
    if as_json:
        screen.document(explain_document(made))
    else:
        screen.say(explain_text(made).rstrip("\n"))


@click.command(short_help="Show which edit builds on which.")
@click.option("--dot", is_flag=True, help="For Graphviz.")
@options.endpoint
@click.pass_context
def graph(context: click.Context, dot: bool, endpoint: str | None) -> None:
    """Show every edit under those it builds on, with what a plan says of it.

    \b
    Example: cutlist graph --dot | dot -Tsvg > edits.svg
    """
    from reconciler.plan.graph import graph_dot, graph_text

    seen = opened(context, endpoint).look()
    screen.say((graph_dot if dot else graph_text)(seen.desired, seen.plan).rstrip("\n"))


def _seen(context: click.Context, endpoint: str | None, name: str) -> tuple[Pass, Step]:
    """One pass, and the step of the edit that is named. Raises UsageError when there is none."""
    from reconciler.plan.selection import the_edit

    seen = opened(context, endpoint).look()
    found = the_edit(list(seen.desired.edits), name)
    return seen, next(step for step in seen.plan.steps if step.name == found)
