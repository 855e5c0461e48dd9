"""What a model makes is read from its file: kind, suffix, and what its bill says of it."""

from __future__ import annotations

import pytest

from reconciler.service.model_files import load_models
from reconciler.service.models import OutputForm

MODELS = load_models()


@pytest.mark.parametrize(
    ("request_", "length_field", "billed_field"),
    [
        ({"model": "wan2.7-videoedit"}, "output_video_duration", "duration"),
        (
            {"model": "wan2.1-vace-plus", "input": {"function": "video_repainting"}},
            "video_duration",
            "video_duration",
        ),
    ],
)
def test_output_form_of_a_model(
    request_: dict[str, object], length_field: str, billed_field: str
) -> None:
    """Its file says what is made and where the bill tells its length and what is charged."""
    form = OutputForm("video", ".mp4", (length_field,), (billed_field,))
    assert MODELS.find_output_form(request_) == form


def test_unknown_model_has_no_form() -> None:
    """A task of a model that is gone is still collected; nobody guesses what its bill means."""
    assert MODELS.find_output_form({"model": "wan9"}) is None
    assert set(MODELS.length_fields) == {"output_video_duration", "video_duration"}


def test_an_image_is_no_video() -> None:
    """The container decides as what a file is probed."""
    form = OutputForm.of({"container": "png", "usage": ["image_count"]})
    assert form == OutputForm("image", ".png", (), ())
