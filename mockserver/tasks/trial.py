"""A trial of model files of one's own: what requests by them come to, before anybody sends one.

A file that keeps the schema may still contradict itself. Here it is found by what the server would
do: requests with each choice of each parameter are thought through to their outcome.
"""

from __future__ import annotations

from collections.abc import Iterator

from mockserver.catalogue import Doc, Model, Variant
from mockserver.errors import ServerError
from mockserver.media.reader import make_up_source
from mockserver.media.references import MediaReference
from mockserver.tasks.outcome import foresee_outcome
from mockserver.tasks.validation import check_request


def try_model(model: Model, file: str) -> None:
    """Think through what a model's requests come to. Raises ServerError when one cannot be."""
    for variant in model.variants:
        where = f"{file}: variant {variant.function}" if variant.function else file
        try:
            check_request(model, {"input": {"function": variant.function}, "parameters": {}})
            _refuse_unknown_media(variant, model, where)
            sources = tuple(
                make_up_source(MediaReference(name, name, f"https://media.example/{name}"), limits)
                for name, limits in model.media.items()
            )
            for parameters in _list_parameters(variant):
                request = {"input": {}, "parameters": parameters}
                foresee_outcome(model, variant, request, sources, 0)
        except (KeyError, IndexError, TypeError, ValueError, ArithmeticError) as error:
            words = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise ServerError(f"{where} contradicts itself: {words[:200]}") from error


def _list_parameters(variant: Variant) -> Iterator[Doc]:
    """Parameters of requests: none, and each choice of each that has choices, by itself."""
    yield {}
    fields = variant.parameters["properties"]
    choices = {name: field.get("enum", ()) for name, field in fields.items()}
    for name, values in choices.items():
        for value in values:
            yield {name: value}
    # The size follows from two together.
    for resolution in choices.get("resolution", ()):
        for ratio in choices.get("ratio", ()):
            yield {"resolution": resolution, "ratio": ratio}


def _refuse_unknown_media(variant: Variant, model: Model, where: str) -> None:
    """Refuse fields that name media of which the file says nothing."""
    for name, field in variant.media_fields:
        items = field.get("items", {})
        kinds = {field.get("x-media"), items.get("x-media")} - {None}
        by = items.get("properties", {}).get("url", {}).get("x-media-by")
        if by is not None:
            kinds |= set(items["properties"][by]["enum"])
        if unknown := sorted(kinds - model.media.keys()):
            raise ServerError(f"{where}: {name} takes {unknown[0]}, of which `media` says nothing")
