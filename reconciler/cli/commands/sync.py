"""`cutlist sync`: what a team commits is rendered, by a controller that follows its repositories.

The commands below it ask the running controller, through a socket in its state folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options, screen
from reconciler.cli.serving import run_controller
from reconciler.errors import EXIT_NEEDS_PERSON, EXIT_OK, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.controller.conditions import SyncStatus
    from reconciler.controller.documents import Sync

_STATE = Path(".cutlist") / "sync"

state_option = click.option(
    "--state",
    metavar="DIR",
    default=_STATE,
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Where the controller keeps clones, results and ledgers. Default: {_STATE}.",
)


@click.group("sync", invoke_without_command=True, short_help="Render what is committed.")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    metavar="FILE|DIR",
    type=click.Path(path_type=Path),
    help="Sync documents, or a folder of them; may be given more than once.",
)
@click.option("--repo", metavar="URL", help="Follow one repository, without a document.")
@click.option("--ref", default="main", help="Its branch. Default: main.")
@click.option("--path", "folder", default=".", help="The folder of cutlist.yaml in it.")
@click.option("--name", default="", help="How the Sync is called. Default: as the repository.")
@click.option("--env", "environment", help="The environment that is rendered.")
@click.option(
    "--endpoint",
    default="mock",
    metavar="URL|mock|singapore|beijing",
    help="Where to render; a commit cannot change it. Default: mock, a rehearsal.",
)
@click.option("--interval", default="", metavar="SPAN", help="How often to look. Default: 60s.")
@click.option(
    "--mode",
    default="auto",
    type=click.Choice(["auto", "approve", "never"]),
    help="Render at once, after a person's yes, or only plan. Default: auto.",
)
@click.option("--outputs", default="", metavar="DIR", help="Where videos are put.")
@state_option
@click.option("--once", is_flag=True, help="One pass for each Sync, then end: for cron and CI.")
@click.option(
    "--listen",
    metavar="[HOST:]PORT",
    help="Serve /status, /metrics and /hooks/NAME there; on 127.0.0.1 unless HOST says more.",
)
@click.option(
    "--page-token-from",
    default="",
    metavar="VARIABLE",
    help="The variable with the token that lets readers from elsewhere see /status.",
)
@click.option(
    "--ui",
    "page",
    metavar="[HOST:]PORT",
    help="Serve the page there, for whoever has the address that is printed, or as --auth says.",
)
@click.option(
    "--auth",
    metavar="tokens:FILE|proxy:ADDRESS,header=NAME",
    help="With --ui: people with a token in FILE, or those whom the proxy at ADDRESS names.",
)
@click.option(
    "--log",
    "log_form",
    default="text",
    type=click.Choice(["text", "json"]),
    help="How the log is written, to standard error. Default: text.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log every step of every edit.")
@click.pass_context
def run_sync(
    context: click.Context,
    /,
    files: tuple[Path, ...],
    repo: str | None,
    state: Path,
    once: bool,
    listen: str | None,
    page_token_from: str,
    page: str | None,
    auth: str | None,
    log_form: str,
    verbose: bool,
    **flags: str | None,
) -> int:
    """Follow git repositories and render what is committed, until Ctrl-C or SIGTERM. SIGHUP has
    the documents read anew; one with a fault holds up no other. Nothing of a repository is
    executed.

    \b
    Example: cutlist sync -f syncs/
             cutlist sync --repo https://git.example.com/films.git --endpoint singapore
             cutlist sync -f syncs/ --ui 8080
    """
    if context.invoked_subcommand is not None:
        return EXIT_OK
    page_address = _read_page(page, auth, once=once)
    load, load_whole = _choose_loaders(context, files, repo, flags)
    return run_controller(
        load,
        load_whole,
        context.obj / state,
        once=once,
        listen=None if listen is None else options.read_address(listen, "--listen"),
        page_token_from=page_token_from,
        log_form="json" if log_form == "json" else "text",
        verbose=verbose,
        page=page_address,
        auth=auth,
        folder=context.obj,
    )


def _read_page(page: str | None, auth: str | None, *, once: bool) -> tuple[str, int] | None:
    """Where the page is served; None where it is not. Raises UsageError."""
    if page is None:
        if auth is not None:
            raise UsageError("--auth says who may look at the page; give --ui [HOST:]PORT too.")
        return None
    if once:
        raise UsageError("--ui is for a controller that goes on, and not for --once.")
    return options.read_page_address(page, "--ui", auth)


def _choose_loaders(
    context: click.Context,
    files: tuple[Path, ...],
    repo: str | None,
    flags: Mapping[str, str | None],
) -> tuple[Callable[[], Sequence[Sync]], Callable[[], Sequence[Sync]]]:
    """What reads all Syncs, and what reads those without a fault: from documents, or from the flags
    of the simple case.
    """
    from reconciler.controller.loading import build_sync, load_syncs, load_whole_syncs

    if bool(files) == (repo is not None):
        raise UsageError(
            "say exactly one of --file FILE and --repo URL.",
            hint="`cutlist sync --help` shows both; docs/gitops.md begins from nothing.",
        )
    if repo is None:
        paths = [context.obj / file for file in files]
        return lambda: load_syncs(paths), lambda: load_whole_syncs(paths)[0]
    sync = build_sync(
        repo,
        str(flags["ref"]),
        name=flags["name"] or "",
        path=flags["folder"] or ".",
        environment=flags["environment"],
        interval=flags["interval"] or "",
        endpoint=flags["endpoint"] or "mock",
        outputs=flags["outputs"] or "",
        mode=flags["mode"] or "auto",
    )
    return lambda: (sync,), lambda: (sync,)


# ------------------------------------------------------------------ asking the running one


@run_sync.command("status", short_help="How every Sync is.")
@click.argument("name", required=False)
@state_option
@options.as_json
@click.pass_context
def show_status(context: click.Context, name: str | None, state: Path, as_json: bool) -> int:
    """Show every Sync of the running controller, or one. Exit 5 where a person is needed.

    \b
    Example: cutlist sync status films
    """
    from reconciler.controller.conditions import ConditionType, SyncStatus
    from reconciler.controller.overview import lay_out_syncs
    from reconciler.system.clock import SystemClock

    answer = _ask(context, state, "status")
    assert isinstance(answer, dict)
    chosen = [one for one in answer["syncs"] if name in (None, one["name"])]
    if name is not None and not chosen:
        known = ", ".join(one["name"] for one in answer["syncs"])
        raise UsageError(f'there is no Sync "{name}"; this controller has {known}.')
    statuses: list[SyncStatus] = [SyncStatus.from_json(one) for one in chosen]
    if as_json:
        screen.print_json({**answer, "syncs": chosen})
    else:
        screen.show(lay_out_syncs(statuses, SystemClock().now()))
    stalled = any(status.find(ConditionType.STALLED) is not None for status in statuses)
    return EXIT_NEEDS_PERSON if stalled else EXIT_OK


@run_sync.command("plan", short_help="Show the plan that waits.")
@click.argument("name")
@state_option
@options.as_json
@click.pass_context
def show_plan(context: click.Context, name: str, state: Path, as_json: bool) -> int:
    """Show the plan of a Sync that waits for a person, as `cutlist plan` shows one.

    \b
    Example: cutlist sync plan films
    """
    from reconciler.operations.saved_plan import read_plan
    from reconciler.report.plan import lay_out_plan

    saved = read_plan(str(_ask(context, state, "plan", name=name)))
    if as_json:
        screen.print_json(saved.plan_to_json())
    else:
        screen.show(lay_out_plan(saved.plan))
        screen.say(f"\n`cutlist sync approve {name} {saved.id}` carries it out.")
    return EXIT_OK


@run_sync.command("approve", short_help="Say yes to the plan that waits.")
@click.argument("name")
@click.argument("plan", required=False, default="")
@state_option
@click.pass_context
def approve_plan(context: click.Context, name: str, plan: str, state: Path) -> int:
    """Carry out the plan of a Sync that waits for a person; PLAN is its id, to be sure that it is
    the one you have seen.

    \b
    Example: cutlist sync approve films 5f1c9a
    """
    approved = _ask(context, state, "approve", name=name, plan=plan)
    screen.say(f"{name}: the plan {approved} is carried out now.")
    return EXIT_OK


@run_sync.command("resolve", short_help="Decide about a lost request.")
@click.argument("name")
@click.argument("edit", metavar="EDIT|KEY")
@options.decision
@state_option
@click.pass_context
def resolve_request(
    context: click.Context,
    name: str,
    edit: str,
    adopt: str | None,
    retry: bool,
    abandon: bool,
    state: Path,
) -> int:
    """Decide about a request of a Sync, of which nobody but you can tell whether it reached the
    service, as `cutlist resolve` does in a project.

    \b
    Example: cutlist sync resolve films clothes-swap --retry
    """
    options.check_decision(adopt, retry, abandon)
    arguments = {"edit": edit, "retry": "yes" if retry else "no"}
    if adopt is not None:
        arguments["adopt"] = adopt
    screen.say(str(_ask(context, state, "resolve", name=name, **arguments)))
    return EXIT_OK


@run_sync.command("suspend", short_help="Begin nothing more.")
@click.argument("name")
@state_option
@click.pass_context
def suspend_sync(context: click.Context, name: str, state: Path) -> int:
    """Begin nothing more for a Sync, and end the pass that runs. What is at the service goes on.

    \b
    Example: cutlist sync suspend films
    """
    _ask(context, state, "suspend", name=name)
    screen.say(f"{name} is suspended. `cutlist sync resume {name}` has it go on.")
    return EXIT_OK


@run_sync.command("resume", short_help="Go on.")
@click.argument("name")
@state_option
@click.pass_context
def resume_sync(context: click.Context, name: str, state: Path) -> int:
    """Have a suspended Sync go on.

    \b
    Example: cutlist sync resume films
    """
    _ask(context, state, "resume", name=name)
    screen.say(f"{name} goes on.")
    return EXIT_OK


@run_sync.command("reconcile", short_help="Look now, and try again what failed.")
@click.argument("name")
@state_option
@click.pass_context
def reconcile_sync(context: click.Context, name: str, state: Path) -> int:
    """Have a pass now. What the service refused before is sent again.

    \b
    Example: cutlist sync reconcile films
    """
    _ask(context, state, "reconcile", name=name)
    screen.say(f"{name} is looked at now.")
    return EXIT_OK


def _ask(context: click.Context, state: Path, verb: str, **arguments: str) -> object:
    from reconciler.controller.control import ask_controller
    from reconciler.controller.places import find_socket

    return ask_controller(find_socket(context.obj / state), verb, arguments)
