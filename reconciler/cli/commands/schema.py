"""`cutlist schema`: print a JSON Schema."""

from __future__ import annotations

import click

from reconciler.cli import screen


@click.command("schema", short_help="Print a JSON Schema for editors.")
@click.argument(
    "name",
    type=click.Choice(
        ["manifest", "project", "sync", "model", "plan", "saved-plan", "diff", "takes", "result"]
    ),
)
@click.pass_context
def run_schema(context: click.Context, name: str) -> None:
    """Print the JSON Schema of manifests, of the project file and of the controller's documents
    (for editors), of model files, plans, comparisons, takes and results. Inside a project,
    manifests may name the models of its own.

    \b
    Example: cutlist schema manifest > manifest.schema.json
    """
    from reconciler.cli.opening import open_models
    from reconciler.desired.edit_schema import build_editor_schema
    from reconciler.system import shipped

    if name == "manifest":
        screen.print_json(build_editor_schema(open_models(context)[0]))
    else:
        screen.print_json(shipped.read_schema(name))
