"""The models that the program knows, read from their files once in a process."""

from __future__ import annotations

from functools import cache

from reconciler.service.models import Models
from reconciler.system import shipped


@cache
def load_models() -> Models:
    """All models of schemas/models, by every name they have."""
    return Models.of(shipped.read_model_documents())
