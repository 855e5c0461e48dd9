"""The commands that ask: nothing is changed and nothing is sent."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.options import opened
from reconciler.errors import EXIT_BUDGET, EXIT_CHANGES, EXIT_NEEDS_PERSON, EXIT_OK, UsageError
from reconciler.formats.names import NO_ENVIRONMENT, made_plain
from reconciler.formats.words import count
from reconciler.state.roster import meaning

if TYPE_CHECKING:
    from reconciler.operations.budget import Verdict
    from reconciler.plan.step import Plan
    from reconciler.project import Project


@click.command(short_help="Check every manifest; show all faults.")
@options.endpoint
@click.pass_context
def validate(context: click.Context, endpoint: str | None) -> None:
    """Check every manifest and every local clip; show all faults in one run. Nothing is sent.

    \b
    Example: cutlist validate
    """
    desired = opened(context, endpoint).load()
    for warning in desired.warnings:
        screen.note(made_plain(str(warning)))
    edits, files = len(desired.edits), desired.files
    screen.say(f"{count(edits, 'edit')} in {count(files, 'manifest')}: all valid.")


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
    from reconciler.plan.document import plan_document
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
        revision = project.revision(name)
        made = project.look_at(revision, wanted).plan
        screen.note(f"Manifests of {revision}.")
    else:
        made = project.plan(wanted) if out is None else project.save(context.obj / out, wanted)
    _tell_of_others(project)
    held = project.budgets(made, max_cost=max_cost)
    if as_json:
        screen.document({**plan_document(made), "budgets": budget.documents(held)})
    elif markdown:
        screen.lines(plan_markdown(made, [*budget.lines(held)]).rstrip("\n"))
    else:
        spent = today_lines(project.today(), made.currency) if made.changes else ()
        screen.show([*report.plan_blocks(made), *spent, *budget.lines(held)], wide=wide)
        if out is not None:
            command = _apply_command(out, made, endpoint)
            screen.show(["", f"Saved to {out}. `{command}` does exactly this, once."])
    return _exit_code(bool(made.changes), held, detailed_exitcode, max_cost)


def _tell_of_others(project: Project) -> None:
    """On standard error, since it is about the store and no part of what was asked."""
    others = project.other_ledgers()
    if others:
        screen.note(f"warning: {meaning(others)}.")


def _exit_code(
    changes: bool, held: Sequence[Verdict], detailed_exitcode: bool, max_cost: float | None
) -> int:
    """6 for what would be refused, where `--max-cost` or `--detailed-exitcode` asks for it; 2 for
    changes, where the latter does.
    """
    asked = detailed_exitcode or max_cost is not None
    if asked and any(verdict.refusal for verdict in held):
        return EXIT_BUDGET
    return EXIT_CHANGES if detailed_exitcode and changes else EXIT_OK


def _apply_command(file: Path, plan: Plan, endpoint: str | None) -> str:
    """What carries a saved plan out: it is bound to its environment and endpoint, so they have to
    be said again.
    """
    words = ["cutlist", "apply", str(file)]
    words += [] if endpoint is None else ["--endpoint", endpoint]
    words += [] if plan.environment == NO_ENVIRONMENT else ["--env", plan.environment]
    return shlex.join(words)


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
    made = project.compare(ends)
    _tell_of_others(project)
    held = project.budgets(made.plan, max_cost=max_cost)
    if as_json:
        screen.document({**report.diff_document(made), "budgets": budget.documents(held)})
    elif markdown:
        screen.lines(report.diff_markdown(made, [*budget.lines(held)]).rstrip("\n"))
    else:
        screen.show([*report.diff_blocks(made), *budget.lines(held)], wide=wide)
    return _exit_code(bool(made.changes), held, detailed_exitcode, max_cost)


@click.command(short_help="Show how every edit is.")
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def status(context: click.Context, endpoint: str | None, as_json: bool, wide: bool) -> int:
    """Show every edit: in sync or not, healthy or not, and what waits for a person. Asks nobody,
    changes nothing.

    \b
    Example: cutlist status
    """
    from reconciler.report import status as health

    project = opened(context, endpoint)
    seen = project.status()
    _tell_of_others(project)
    if as_json:
        screen.document(health.status_document(seen))
    else:
        screen.show(health.status_blocks(seen), wide=wide)
    return EXIT_NEEDS_PERSON if seen.needs_person else EXIT_OK


@click.command(short_help="Print a JSON Schema for editors.")
@click.argument(
    "name", type=click.Choice(["manifest", "project", "plan", "saved-plan", "diff", "result"])
)
def schema(name: str) -> None:
    """Print the JSON Schema of manifests and of the project file (for editors), of plans,
    comparisons and results.

    \b
    Example: cutlist schema manifest > manifest.schema.json
    """
    from reconciler.desired.edit_schema import editor_schema
    from reconciler.service.models import Models
    from reconciler.system import shipped

    made = (
        editor_schema(Models.of(shipped.model_documents()))
        if name == "manifest"
        else shipped.schema(name)
    )
    screen.document(made)


@click.command(short_help="Print the completion of your shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of your shell.

    \b
    Example: eval "$(cutlist completion bash)"
    """
    from click.shell_completion import get_completion_class

    made: Callable[..., Any] | None = get_completion_class(shell)
    assert made is not None
    screen.script(made(context.find_root().command, {}, "cutlist", "_CUTLIST_COMPLETE").source())
