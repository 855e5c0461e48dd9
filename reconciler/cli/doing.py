"""The commands that change something: files, the store, the ledger, or what is at the service."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.options import opened
from reconciler.errors import EXIT_ERROR, EXIT_OK, UsageError
from reconciler.formats.words import count
from reconciler.report.page import Paragraph
from reconciler.report.table import Column, Fit, Row, Table


@click.command(short_help="Start a project that renders at once, offline.")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option("--name", help="The project's name. Default: the name of its folder.")
@click.pass_context
def init(context: click.Context, folder: Path, name: str | None) -> None:
    """Start a project that renders at once against the bundled server.

    \b
    Example: cutlist init my-film && cutlist -C my-film apply
    """
    from reconciler.cli.scaffold import scaffold

    written = scaffold(context.obj / folder, name)
    for path in written:
        screen.say(f"  wrote {path}")
    where = (
        ""
        if folder == Path() and context.obj == Path()
        else f" -C {shlex.quote(str(context.obj / folder))}"
    )
    screen.say(
        f"\nReady. See what it would do, then do it (offline, free):\n  cutlist{where} plan\n "
        f" cutlist{where} apply"
    )


@click.command(short_help="Render what is missing or changed.")
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
@options.allowances
@click.pass_context
def apply(
    context: click.Context,
    /,
    file: Path | None,
    endpoint: str | None,
    as_json: bool,
    auto_approve: bool,
    max_cost: float | None,
    keep_going: bool,
    **allowed: Any,
) -> int:
    """Render what is missing or changed, bring the videos home, put them where the manifests say.

    Shows the plan first, and asks before it spends money. What was paid is never paid again: after
    an interruption the same command goes on where it was.

    With FILE, a plan that `plan --out` saved: does exactly that, without asking again, or refuses
    it as stale.

    \b
    Example: cutlist apply --max-cost 5
    """
    from reconciler.cli.applying import run_apply
    from reconciler.plan.decide import Options
    from reconciler.project import read_plan

    saved = None
    if file is not None:
        given = [f"--{name.replace('_', '-')}" for name, value in allowed.items() if value]
        if given:
            raise UsageError(
                f"a saved plan is applied as it was planned; {', '.join(given)} belongs to `plan"
                " --out`."
            )
        saved = read_plan(context.obj / file)
    project = opened(context, endpoint)
    return run_apply(
        project,
        Options(**allowed),
        as_json=as_json,
        auto_approve=auto_approve,
        max_cost=max_cost,
        saved=saved,
        fail_fast=not keep_going,
    )


@click.command(short_help="Apply at every save.")
@options.endpoint
@options.auto_approve
@options.max_cost
@click.pass_context
def watch(
    context: click.Context, endpoint: str | None, auto_approve: bool, max_cost: float | None
) -> int:
    """Plan and apply again whenever a manifest, or a clip that one names, is saved. Ctrl-C ends it.

    \b
    Example: cutlist watch
    """
    from reconciler.cli.applying import run_watch

    project = opened(context, endpoint)
    return run_watch(project, endpoint, auto_approve=auto_approve, max_cost=max_cost)


@click.command(short_help="Ask for the same request once more.")
@click.argument("name", nargs=-1, required=True, shell_complete=completing.edits)
@options.endpoint
@click.pass_context
def retake(context: click.Context, name: tuple[str, ...], endpoint: str | None) -> None:
    """Raise `take` of edits in their manifests: the next apply renders the same request again,
    and pays for it.

    \b
    Example: cutlist retake clothes-swap
    """
    project = opened(context, endpoint)
    raised = project.retake(*name)
    for each in raised:
        screen.show(
            [
                f"{each.place}: take of {each.name} was {each.before}, and is {each.after} now",
                Paragraph(f"with the next apply: {each.cost}", "    "),
            ]
        )
    if project.config.realm == "mock":
        screen.say("The mock spends nothing: this is what it would cost.")
    free = "Taking it back (git checkout, git revert) is free: the old results stay stored."
    screen.show([Paragraph(f"Nothing was sent. {free}", rest="")])


@click.command(short_help="Decide about a lost request.")
@click.argument("edit", metavar="EDIT|KEY", shell_complete=completing.edits)
@click.option(
    "--adopt",
    metavar="TASK_ID",
    shell_complete=completing.tasks,
    help="This task of the account is it.",
)
@click.option(
    "--retry", is_flag=True, help="It did not arrive; the next apply sends it again, and pays."
)
@click.option("--abandon", is_flag=True, help="Leave it; it is not sent again unless asked for.")
@options.endpoint
@click.pass_context
def resolve(
    context: click.Context,
    edit: str,
    adopt: str | None,
    retry: bool,
    abandon: bool,
    endpoint: str | None,
) -> None:
    """Decide about a request of which nobody but you can tell whether it reached the service.

    \b
    Example: cutlist resolve clothes-swap --adopt 0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11
    """
    if (adopt is not None) + retry + abandon != 1:
        raise UsageError("say exactly one of --adopt TASK_ID, --retry, --abandon.")
    screen.say(opened(context, endpoint).decide(edit, adopt=adopt, retry=retry))


@click.command("import", short_help="Take what was rendered by hand.")
@click.argument("edit", shell_complete=completing.edits)
@click.option(
    "--task", "task_id", metavar="TASK_ID", help="A task of the account, not older than 24 h."
)
@click.option(
    "--file",
    "video",
    metavar="VIDEO",
    type=click.Path(path_type=Path),
    help="A video on this machine.",
)
@options.endpoint
@click.pass_context
def import_(
    context: click.Context, edit: str, task_id: str | None, video: Path | None, endpoint: str | None
) -> int | None:
    """Make what was rendered by hand the result of an edit, as if it had been rendered by it.
    Spends nothing.

    The manifest has to ask for what was sent: a result belongs to the request it was made from.

    \b
    Example: cutlist import clothes-swap --task 0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11
    """
    from reconciler.cli.applying import run_import

    if (task_id is None) == (video is None):
        raise UsageError("say exactly one of --task TASK_ID and --file VIDEO.")
    project = opened(context, endpoint)
    if task_id is not None:
        return run_import(project, edit, task_id)
    result = project.import_file(edit, context.obj / video)
    shown = f"{result.duration_s:.1f} s, {result.width}x{result.height}"
    screen.say(
        f"{result.edit}: {video} is its result now ({shown})."
        f" {project.fate(result.edit, result.digest)}"
    )
    return EXIT_OK


@click.command(short_help="Check what is stored, byte by byte if asked.")
@click.option("--read-data", is_flag=True, help="Hash every stored video again.")
@click.option(
    "--repair", is_flag=True, help="Move what is damaged into quarantine; the next plan heals."
)
@click.pass_context
def verify(context: click.Context, read_data: bool, repair: bool) -> int:
    """Check that store and ledger are what they should be. Only reports, unless --repair is given.

    \b
    Example: cutlist verify --read-data
    """
    damages = opened(context).verify(read_data=read_data, repair=repair)
    for path, words in damages:
        screen.say(f"{words}{f' ({path})' if path else ''}")
    if not damages:
        screen.say("Everything is what it is named for.")
        return EXIT_OK
    moved = sum(path is not None for path, _ in damages)
    healed = f"{moved} moved into quarantine; run cutlist plan to see what heals, and how."
    way = " `cutlist verify --repair` moves it into quarantine." if moved else ""
    screen.note(healed if repair and moved else f"Nothing was changed.{way}")
    return EXIT_ERROR


@click.command(short_help="Show, and delete, results that nothing names.")
@click.option("--delete", is_flag=True, help="Delete them. Wanting one again means paying again.")
@click.option(
    "--commits", default=20, show_default=True, help="Keep what the last N lock files in git name."
)
@click.pass_context
def gc(context: click.Context, delete: bool, commits: int) -> None:
    """Show results that no manifest, output or lock file names, here, in the last commits, or on
    another branch.

    Deletes only when told.

    \b
    Example: cutlist gc --commits 50
    """
    garbage = opened(context).gc(commits=commits, delete=delete)
    rows = [
        Row([each.edit, f"{each.key[:12]}…", f"{each.duration_s:.1f} s", each.stored_at[:10]])
        for each in garbage.results
    ]
    columns = [Column(fit=Fit.MIDDLE), Column(drop=2), Column(right=True), Column(drop=1)]
    what = f"{count(len(garbage.results), 'result')}, {garbage.size_bytes / 2**20:.1f} MB"
    if not garbage.results:
        last = "Nothing to delete."
    elif delete:
        last = f"Deleted {what}."
    else:
        last = (
            f"{what} could go; `cutlist gc --delete` deletes them. Wanting one again means paying"
            " again."
        )
    screen.show([Table(columns, rows, indent="  "), Paragraph(last, rest="")])


@click.command(
    short_help="Run the bundled server on a port.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def mock(arguments: tuple[str, ...]) -> Any:
    """Run the bundled server on a port, for your own tests of DashScope clients (key sk-mock).

    \b
    Example: cutlist mock --port 8080 --speed 60
    """
    from mockserver.__main__ import serve  # lazy: aiohttp

    return serve.main(list(arguments), prog_name="cutlist mock", standalone_mode=False)


@click.command(short_help="Render the sample edits, offline.")
@click.option(
    "--dir",
    "folder",
    default="cutlist-demo",
    type=click.Path(path_type=Path),
    help="Where the demo project is put.",
)
@click.pass_context
def demo(context: click.Context, folder: Path) -> int:
    """Render the eight sample edits against the bundled server: offline, free, in less than a
    minute.

    \b
    Example: cutlist demo
    """
    from reconciler.cli.applying import run_demo

    return run_demo(context.obj / folder)
