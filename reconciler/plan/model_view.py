"""A model of the service as people and programs look at it: its file's figures, and the project's
prices. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.desired.model_example import build_example
from reconciler.errors import UsageError
from reconciler.formats.names import make_plain, suggest_name
from reconciler.formats.values import value
from reconciler.service.models import MediaLimits, Model, Models, Variant

# by name of a model: what a billable second costs, or what one of each tier does
SecondPrices = Mapping[str, float | Mapping[str, float]]


@value(frozen=True, slots=True)
class ModelView:
    """One model beside what a second of it costs here."""

    model: Model
    prices: SecondPrices
    currency: str  # empty where there are no prices

    def list_prices(self) -> Mapping[str, float]:
        """The price of a billable second by name and tier, as far as the project names it."""
        priced: dict[str, float] = {}
        for name in self.model.names:
            price = self.prices.get(name)
            if isinstance(price, Mapping):
                priced |= {f"{name} {tier}": each for tier, each in price.items()}
            elif price is not None:
                priced[name] = price
        return priced

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        model = self.model
        return {
            "model": model.model,
            "title": model.title,
            "file": model.file or None,
            "names": {name: dict(known) for name, known in model.names.items()},
            "limits": {
                "submits_per_s": model.submits_per_s,
                "running_tasks": model.running_tasks,
            },
            "usual": {
                "duration_s": model.usual_s,
                "shortest_s": model.shortest_s,
                "poll_interval_s": model.poll_interval_s,
            },
            "billing": {"seconds": list(model.billing_seconds), "tier": model.billing_tier},
            "currency": self.currency,
            "prices": dict(self.list_prices()),
            "media": {name: _show_limits(limits) for name, limits in model.media.items()},
            "variants": [_show_variant(model, variant) for variant in model.variants],
        }


def _show_limits(limits: MediaLimits) -> dict[str, Any]:
    """The limits that the vendor states."""
    shown = {
        "kind": limits.kind,
        "formats": list(limits.formats),
        "data_uri": limits.data_uri,
        "mask": limits.mask,
        "alpha": limits.alpha,
        "duration_s": limits.duration_s,
        "side_px": limits.side_px,
        "aspect": limits.aspect,
        "size_bytes": limits.size_bytes,
        "sources": list(limits.sources),
    }
    return {name: each for name, each in shown.items() if each is not None}


def _show_variant(model: Model, variant: Variant) -> dict[str, Any]:
    return {
        "function": variant.function,
        "title": variant.title,
        "input": dict(variant.input),
        "parameters": dict(variant.parameters),
        "output": dict(variant.output),
        "example": build_example(model, variant),
    }


def view_models(models: Models, prices: SecondPrices, currency: str) -> Sequence[ModelView]:
    """Every model once, by name."""
    unique = {model.model: model for model in models.by_name.values()}
    return [ModelView(unique[name], prices, currency) for name in sorted(unique)]


def find_model_view(models: Models, prices: SecondPrices, currency: str, name: str) -> ModelView:
    """The model that has this name in some region. Raises UsageError."""
    model = models.get(name)
    if model is None:
        raise UsageError(
            f'there is no model "{make_plain(name[:100])}".{suggest_name(name, models.by_name)}',
            hint=f"There are {', '.join(map(make_plain, sorted(models.by_name)))}.",
        )
    return ModelView(model, prices, currency)
