"""The commands. Each opens a Project, asks it, and shows the answer."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler import __version__
from reconciler.cli import screen
from reconciler.errors import (
    EXIT_CHANGES,
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_NEEDS_PERSON,
    EXIT_OK,
    EXIT_USAGE,
    CutlistError,
    UsageError,
)

if TYPE_CHECKING:
    from reconciler.project import Project

# Project and all that is slow to load is imported inside the commands: `--version` loads click and nothing else.


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code. Every error of ours becomes words here, and nowhere else."""
    try:
        code = cutlist.main(arguments, prog_name="cutlist", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_OK
    except click.UsageError as error:
        error.show()
        return EXIT_USAGE
    except click.ClickException as error:
        error.show()
        return EXIT_ERROR
    except (click.Abort, KeyboardInterrupt):
        screen.note("interrupted.")
        return EXIT_INTERRUPTED
    except CutlistError as error:
        screen.complain(error)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_ERROR
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        screen.complain(CutlistError(f"{where}{error.strerror or error}.", hint="Run it again after that."))
        return EXIT_ERROR
    return code if isinstance(code, int) else EXIT_OK


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        screen.say(f"cutlist {__version__}")
        context.exit()


_endpoint = click.option(
    "--endpoint",
    metavar="URL|mock|singapore|beijing",
    help="Where to render; wins over CUTLIST_ENDPOINT and cutlist.yaml.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")
_force = click.option("--force", is_flag=True, help="Overwrite files that cutlist did not write.")
_repay = click.option("--repay", is_flag=True, help="Pay again for what was paid and cannot be collected any more.")
_retry = click.option("--retry-failed", is_flag=True, help="Send again what the service refused.")
_max_cost = click.option("--max-cost", type=click.FloatRange(min=0), metavar="AMOUNT", help="Refuse to spend more.")
_approve = click.option("--auto-approve", is_flag=True, help="Do not ask before money is spent.")


class _Commands(click.Group):
    """Lists the commands in the order in which people meet them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(self.commands)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C", "directory", default=".", metavar="DIR", help="Work as if started in DIR.", type=click.Path(path_type=Path)
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def cutlist(context: click.Context, directory: Path) -> None:
    """Edits as code for AI video: commit YAML edit manifests, render only what is missing, never pay twice.

    \b
    cutlist init my-film        a project that renders at once, offline
    cutlist -C my-film plan     what would be rendered, and what it costs
    cutlist -C my-film apply    render it
    """
    if not directory.is_dir():
        raise UsageError(f"-C: there is no folder {directory}.")
    context.obj = directory


def _open(context: click.Context, endpoint: str | None = None) -> Project:
    from reconciler.project import Project

    return Project.open(context.obj, endpoint=endpoint)


@cutlist.command(short_help="Start a project that renders at once, offline.")
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
    where = "" if folder == Path() and context.obj == Path() else f" -C {shlex.quote(str(context.obj / folder))}"
    screen.say(
        f"\nReady. See what it would do, then do it (offline, free):\n  cutlist{where} plan\n  cutlist{where} apply"
    )


@cutlist.command(short_help="Check every manifest; show all faults.")
@_endpoint
@click.pass_context
def validate(context: click.Context, endpoint: str | None) -> None:
    """Check every manifest and every local clip; show all faults in one run. Nothing is sent.

    \b
    Example: cutlist validate
    """
    desired = _open(context, endpoint).load()
    for warning in desired.warnings:
        screen.note(str(warning))
    edits, files = len(desired.edits), desired.files
    screen.say(f"{edits} edit{'' if edits == 1 else 's'} in {files} manifest{'' if files == 1 else 's'}: all valid.")


@cutlist.command(short_help="Show what apply would do, and the price.")
@_endpoint
@_as_json
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes, and only then.")
@_force
@_repay
@_retry
@click.pass_context
def plan(
    context: click.Context, /, endpoint: str | None, as_json: bool, detailed_exitcode: bool, **allowed: bool
) -> int:
    """Show what apply would do, why, and what it costs. Nothing is sent, nothing is changed.

    \b
    Example: cutlist plan --json | jq .summary
    """
    from reconciler.plan import report
    from reconciler.plan.diff import Options

    made = _open(context, endpoint).plan(Options(**allowed))
    if as_json:
        screen.document(report.plan_document(made))
    else:
        screen.say(report.plan_text(made).rstrip("\n"))
    return EXIT_CHANGES if detailed_exitcode and made.changes else EXIT_OK


@cutlist.command(short_help="Render what is missing or changed.")
@_endpoint
@_as_json
@_approve
@_max_cost
@_force
@_repay
@_retry
@click.pass_context
def apply(
    context: click.Context,
    /,
    endpoint: str | None,
    as_json: bool,
    auto_approve: bool,
    max_cost: float | None,
    **allowed: bool,
) -> int:
    """Render what is missing or changed, bring the videos home, put them where the manifests say.

    Shows the plan first, and asks before it spends money. What was paid is never paid again: after an interruption the
    same command goes on where it was.

    \b
    Example: cutlist apply --max-cost 5
    """
    from reconciler.cli.applying import run_apply
    from reconciler.plan.diff import Options

    project = _open(context, endpoint)
    return run_apply(project, Options(**allowed), as_json=as_json, auto_approve=auto_approve, max_cost=max_cost)


@cutlist.command(short_help="Show how every edit is.")
@_endpoint
@_as_json
@click.pass_context
def status(context: click.Context, endpoint: str | None, as_json: bool) -> int:
    """Show every edit: in sync or not, healthy or not, and what waits for a person. Asks nobody, changes nothing.

    \b
    Example: cutlist status
    """
    from reconciler.plan import status as health

    seen = _open(context, endpoint).status()
    if as_json:
        screen.document(health.status_document(seen))
    else:
        screen.say(health.status_text(seen).rstrip("\n"))
    return EXIT_NEEDS_PERSON if seen.needs_person else EXIT_OK


@cutlist.command(short_help="Apply at every save.")
@_endpoint
@_approve
@_max_cost
@click.pass_context
def watch(context: click.Context, endpoint: str | None, auto_approve: bool, max_cost: float | None) -> int:
    """Plan and apply again whenever a manifest, or a clip that one names, is saved. Ctrl-C ends it.

    \b
    Example: cutlist watch
    """
    from reconciler.cli.applying import run_watch

    project = _open(context, endpoint)
    return run_watch(project, endpoint, auto_approve=auto_approve, max_cost=max_cost)


@cutlist.command(short_help="Decide about a lost request.")
@click.argument("edit", metavar="EDIT|KEY")
@click.option("--adopt", metavar="TASK_ID", help="This task of the account is it.")
@click.option("--retry", is_flag=True, help="It did not arrive; the next apply sends it again, and pays.")
@click.option("--abandon", is_flag=True, help="Leave it; it is not sent again unless asked for.")
@_endpoint
@click.pass_context
def resolve(
    context: click.Context, edit: str, adopt: str | None, retry: bool, abandon: bool, endpoint: str | None
) -> None:
    """Decide about a request of which nobody but you can tell whether it reached the service.

    \b
    Example: cutlist resolve clothes-swap --adopt 0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11
    """
    if (adopt is not None) + retry + abandon != 1:
        raise UsageError("say exactly one of --adopt TASK_ID, --retry, --abandon.")
    screen.say(_open(context, endpoint).decide(edit, adopt=adopt, retry=retry))


@cutlist.command(short_help="Check what is stored, byte by byte if asked.")
@click.option("--read-data", is_flag=True, help="Hash every stored video again.")
@click.option("--repair", is_flag=True, help="Move what is damaged into quarantine; the next plan heals.")
@click.pass_context
def verify(context: click.Context, read_data: bool, repair: bool) -> int:
    """Check that store and ledger are what they should be. Only reports, unless --repair is given.

    \b
    Example: cutlist verify --read-data
    """
    damages = _open(context).verify(read_data=read_data, repair=repair)
    for path, words in damages:
        screen.say(f"{words}{f' ({path})' if path else ''}")
    if not damages:
        screen.say("Everything is what it is named for.")
        return EXIT_OK
    moved = sum(path is not None for path, _ in damages)
    healed = f"{moved} moved into quarantine; run cutlist plan to see what heals, and how."
    screen.note(healed if repair else "Nothing was changed. `cutlist verify --repair` moves it into quarantine.")
    return EXIT_ERROR


@cutlist.command(short_help="Show, and delete, results that nothing names.")
@click.option("--delete", is_flag=True, help="Delete them. Wanting one again means paying again.")
@click.option("--commits", default=20, show_default=True, help="Keep what the last N lock files in git name.")
@click.pass_context
def gc(context: click.Context, delete: bool, commits: int) -> None:
    """Show results that no manifest, output or lock file names, here or in the last commits. Deletes only when told.

    \b
    Example: cutlist gc --commits 50
    """
    garbage = _open(context).gc(commits=commits, delete=delete)
    for result in garbage.results:
        screen.say(f"  {result.edit}  {result.key[:12]}…  {result.duration_s:.1f} s  {result.stored_at[:10]}")
    count, size = len(garbage.results), garbage.size_bytes / 2**20
    what = f"{count} result{'' if count == 1 else 's'}, {size:.1f} MB"
    if not count:
        screen.say("Nothing to delete.")
    elif delete:
        screen.say(f"Deleted {what}.")
    else:
        screen.say(f"{what} could go; `cutlist gc --delete` deletes them. Wanting one again means paying again.")


@cutlist.command(short_help="Print a JSON Schema for editors.")
@click.argument("name", type=click.Choice(["manifest", "project", "plan"]))
def schema(name: str) -> None:
    """Print the JSON Schema of manifests, of the project file (for editors) or of plans (for programs).

    \b
    Example: cutlist schema manifest > manifest.schema.json
    """
    from reconciler import shipped
    from reconciler.desired.models import Models, manifest_schema

    made = manifest_schema(Models.of(shipped.model_documents())) if name == "manifest" else shipped.schema(name)
    screen.document(made)


@cutlist.command(
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


@cutlist.command(short_help="Render the sample edits, offline.")
@click.option(
    "--dir", "folder", default="cutlist-demo", type=click.Path(path_type=Path), help="Where the demo project is put."
)
@click.pass_context
def demo(context: click.Context, folder: Path) -> int:
    """Render the eight sample edits against the bundled server: offline, free, in less than a minute.

    \b
    Example: cutlist demo
    """
    from reconciler.cli.applying import run_demo

    return run_demo(context.obj / folder)


@cutlist.command(short_help="Print the completion of your shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of your shell.

    \b
    Example: eval "$(cutlist completion bash)"
    """
    from click.shell_completion import get_completion_class

    made: Callable[..., Any] | None = get_completion_class(shell)
    assert made is not None
    screen.say(made(cutlist, {}, "cutlist", "_CUTLIST_COMPLETE").source())
