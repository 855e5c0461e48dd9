"""The command line as a whole: the group of all commands, and the one place where errors become
exit codes.
"""

from __future__ import annotations

import importlib
import keyword
import sys
from pathlib import Path

import click

from reconciler import __version__
from reconciler.cli import completion, crash, screen
from reconciler.cli.terminal import never_fail
from reconciler.errors import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    CutlistError,
    UsageError,
)
from reconciler.system.collector import collect_seldom, leave

# They go on for as long as something runs; all others end as soon as they have answered.
_LASTING = ("apply", "watch", "ui", "sync", "worker", "mock", "demo")
# In the order in which people meet them. Each is `reconciler/cli/commands/NAME.py`, which is loaded
# when it is asked for: `--version` loads click and nothing else.
COMMANDS = (
    "init", "validate", "plan", "diff", "show", "apply", "status", "watch", "ui", "sync", "worker",
    "takes", "open", "extract", "pick", "sheet", "retake", "resolve", "explain", "graph", "log",
    "cost", "import", "verify", "gc", "move", "bundle", "unbundle", "models", "schema",
    "mock", "demo", "completion",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit, with the exit code of the work, whatever became of its output.
    A fault of the program itself is told in one sentence, and its traceback goes into a file.
    """
    crash.install()
    never_fail()
    try:
        code = run(arguments)
    except Exception as error:
        crash.tell(error)
        code = EXIT_ERROR
    except KeyboardInterrupt:  # while the last lines were written
        code = EXIT_INTERRUPTED
    leave(screen.settle_exit_code(code))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code. Every error of ours becomes words here, and
    nowhere else. Raises what is none of ours.
    """
    completion.register_shells()
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
    except SystemExit:  # click's way to end when nobody reads a help text any more
        if type(sys.stdout).__name__.endswith("PacifyFlushWrapper"):
            return EXIT_OK
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        screen.complain(
            CutlistError(f"{where}{error.strerror or error}.", hint="Run it again after that.")
        )
        return EXIT_ERROR
    return code if isinstance(code, int) else EXIT_OK


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        screen.say(f"cutlist {__version__}")
        context.exit()


def _tell_stages(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from reconciler.cli.timings import tell_stages  # lazy: start-up time

        context.with_resource(tell_stages())


def _write_profile(context: click.Context, _parameter: click.Parameter, file: Path | None) -> None:
    if file is not None and not context.resilient_parsing:
        from reconciler.cli.timings import write_profile  # lazy: start-up time

        context.with_resource(write_profile(context.params["directory"] / file))


class _LazyGroup(click.Group):
    """A group that loads the module of a command when the command is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first argument; a name that is none is told the nearest."""
        if args[0] not in COMMANDS:
            self.commands.update({name: load_command(name) for name in COMMANDS})
        elif args[0] not in _LASTING:
            ctx.with_resource(collect_seldom())
        return super().resolve_command(ctx, args)


def load_command(name: str) -> click.Command:
    """Load a command of COMMANDS: `run_NAME` in its module."""
    module_name = f"{name}_" if keyword.iskeyword(name) else name
    module = importlib.import_module(f"reconciler.cli.commands.{module_name}")
    command: click.Command = getattr(module, f"run_{name}")
    return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "directory",
    default=".",
    metavar="DIR",
    is_eager=True,  # the others may name files in it
    help="Work as if started in DIR.",
    type=click.Path(path_type=Path),
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    callback=_tell_stages,
    help="Tell how long each stage took.",
)
@click.option(
    "--profile",
    metavar="FILE",
    type=click.Path(path_type=Path),
    expose_value=False,
    callback=_write_profile,
    help="Write where time went, for python -m pstats.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version.",
)
@click.pass_context
def cutlist(context: click.Context, directory: Path) -> None:
    """Edits as code for AI video: commit YAML edit manifests, render only what is missing, never
    pay twice.

    \b
    cutlist init my-film        a project that renders at once, offline
    cutlist -C my-film plan     what would be rendered, and what it costs
    cutlist -C my-film apply    render it
    """
    if not directory.is_dir():
        raise UsageError(f"-C: there is no folder {directory}.")
    context.obj = directory
