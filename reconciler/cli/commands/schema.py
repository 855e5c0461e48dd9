"""`cutlist schema`: print a JSON Schema."""

from __future__ import annotations

import click

from reconciler.cli import screen


@click.command("schema", short_help="Print a JSON Schema for editors.")
@click.argument(
    "name",
    type=click.Choice(
        ["manifest", "project", "sync", "plan", "saved-plan", "diff", "takes", "result"]
    ),
)
def run_schema(name: str) -> None:
    """Print the JSON Schema of manifests, of the project file and of the controller's documents
    (for editors), of plans, comparisons, takes and results.

    \b
    Example: cutlist schema manifest > manifest.schema.json
    """
    from reconciler.desired.edit_schema import build_editor_schema
    from reconciler.service.model_files import load_models
    from reconciler.system import shipped

    if name == "manifest":
        screen.print_json(build_editor_schema(load_models()))
    else:
        screen.print_json(shipped.read_schema(name))
