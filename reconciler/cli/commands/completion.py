"""`cutlist completion`: print the completion of a shell."""

from __future__ import annotations

import click

from reconciler.cli import screen


@click.command("completion", short_help="Print the completion of your shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def run_completion(context: click.Context, shell: str) -> None:
    """Print the completion script of your shell.

    \b
    Example: eval "$(cutlist completion bash)"
    """
    from click.shell_completion import get_completion_class

    group = context.find_root().command
    shell_class = get_completion_class(shell)
    assert shell_class is not None  # click knows each of the choices
    screen.print_script(shell_class(group, {}, "cutlist", "_CUTLIST_COMPLETE").source())
