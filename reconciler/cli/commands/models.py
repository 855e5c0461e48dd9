"""`cutlist models`: which models there are, and what one takes, makes and costs."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_models


@click.command("models", short_help="List models; show what one takes.")
@click.argument("name", required=False, shell_complete=completion.complete_models)
@options.as_json
@options.wide
@click.pass_context
def run_models(context: click.Context, name: str | None, as_json: bool, wide: bool) -> None:
    """List the models that edits can name, with the prices of the project around here, if there is
    one. With NAME show its limits, its fields with their defaults and sources, and a manifest to
    paste. Nothing is asked of the service.

    \b
    Example: cutlist models wan2.7-videoedit
    """
    from reconciler.plan.model_view import find_model_view, view_models
    from reconciler.report.models import lay_out_model, lay_out_models

    models, prices = open_models(context)
    if name is None:
        views = view_models(models, prices.models, prices.currency)
        if as_json:
            screen.print_json({"models": [view.to_json() for view in views]})
        else:
            screen.show(lay_out_models(views), wide=wide)
        return
    view = find_model_view(models, prices.models, prices.currency, name)
    if as_json:
        screen.print_json(view.to_json())
    else:
        screen.show(lay_out_model(view), wide=wide)
