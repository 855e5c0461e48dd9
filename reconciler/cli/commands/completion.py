"""`cutlist completion`: print the completion of a shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import screen

if TYPE_CHECKING:
    pass


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
