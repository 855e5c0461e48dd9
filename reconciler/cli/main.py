"""The command line as a whole: the group of all commands, and the one place where errors become
exit codes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler import __version__
from reconciler.cli import asking, crash, doing, looking_back, screen
from reconciler.cli.terminal import never_fail
from reconciler.errors import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    CutlistError,
    UsageError,
)

# Project and all that is slow to load is imported inside the commands: `--version` loads click and
# nothing else.


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
    sys.exit(screen.finished(code))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code. Every error of ours becomes words here, and
    nowhere else. Raises what is none of ours.
    """
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


class _Commands(click.Group):
    """Lists the commands in the order in which people meet them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(self.commands)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "directory",
    default=".",
    metavar="DIR",
    help="Work as if started in DIR.",
    type=click.Path(path_type=Path),
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


for _each in (
    doing.init, asking.validate, asking.plan, asking.diff, looking_back.show, doing.apply, asking.status, doing.watch,
    doing.retake, doing.resolve, looking_back.explain, looking_back.graph, looking_back.log, looking_back.cost,
    doing.import_, doing.verify, doing.gc, asking.schema, doing.mock, doing.demo, asking.completion,
):  # fmt: skip
    cutlist.add_command(_each)
