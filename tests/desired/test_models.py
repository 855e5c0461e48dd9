"""schemas/models against the vendor's pages: the figures as the pages give them, typed once more by
hand.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.making import MODELS

VACE = "wan2.1-vace-plus"
SEED = (0, 2147483647)


def field(model: str, function: str | None, section: str, name: str) -> dict[str, Any]:
    """The schema of one field."""
    variant = MODELS.by_name[model].variant(function)
    assert variant is not None
    return dict(variant.section(section)["properties"][name])


def test_names_and_functions() -> None:
    """Fifteen names, eight models; one of them has five functions."""
    assert sorted(MODELS.by_name) == [
        "happyhorse-1.0-i2v",
        "happyhorse-1.0-t2v",
        "happyhorse-1.0-video-edit",
        "happyhorse-1.1-i2v",
        "happyhorse-1.1-t2v",
        "wan2.1-vace-plus",
        "wan2.7-i2v",
        "wan2.7-i2v-2026-04-25",
        "wan2.7-r2v",
        "wan2.7-r2v-2026-06-12",
        "wan2.7-t2v",
        "wan2.7-t2v-2026-04-25",
        "wan2.7-t2v-2026-06-12",
        "wan2.7-videoedit",
        "wanx2.1-vace-plus",
    ]
    functions = (
        "image_reference",
        "video_repainting",
        "video_edit",
        "video_extension",
        "video_outpainting",
    )
    assert (
        MODELS.by_name[VACE].functions == MODELS.by_name["wanx2.1-vace-plus"].functions == functions
    )
    assert MODELS.by_name["wan2.7-videoedit"].functions == ()


@pytest.mark.parametrize(
    ("name", "default", "legal"),
    [
        ("resolution", "1080P", ["720P", "1080P"]),
        ("ratio", None, ["16:9", "9:16", "1:1", "4:3", "3:4"]),
        ("audio_setting", "auto", ["auto", "origin"]),
        ("prompt_extend", True, None),
        ("watermark", False, None),
        ("duration", 0, None),
    ],
)
def test_wan_parameters(name: str, default: Any, legal: list[str] | None) -> None:
    """The values and documented defaults of wan2.7-videoedit's API reference."""
    variant = MODELS.by_name["wan2.7-videoedit"].variants[0]
    assert variant.default("parameters", name) == default
    assert field("wan2.7-videoedit", None, "parameters", name).get("enum") == legal


@pytest.mark.parametrize(
    ("function", "section", "names"),
    [
        ("image_reference", "input", ["function", "prompt", "ref_images_url"]),
        ("image_reference", "parameters", ["obj_or_bg", "prompt_extend", "seed", "size"]),
        ("video_repainting", "input", ["function", "prompt", "ref_images_url", "video_url"]),
        (
            "video_repainting",
            "parameters",
            ["control_condition", "prompt_extend", "seed", "strength"],
        ),
        (
            "video_edit",
            "input",
            [
                "function",
                "mask_frame_id",
                "mask_image_url",
                "mask_video_url",
                "prompt",
                "ref_images_url",
                "video_url",
            ],
        ),
        (
            "video_edit",
            "parameters",
            ["expand_mode", "expand_ratio", "mask_type", "prompt_extend", "seed", "size"],
        ),
        (
            "video_extension",
            "input",
            [
                "first_clip_url",
                "first_frame_url",
                "function",
                "last_clip_url",
                "last_frame_url",
                "prompt",
            ],
        ),
        ("video_extension", "parameters", ["prompt_extend", "seed"]),
        ("video_outpainting", "input", ["function", "prompt", "video_url"]),
        (
            "video_outpainting",
            "parameters",
            ["bottom_scale", "left_scale", "prompt_extend", "right_scale", "seed", "top_scale"],
        ),
    ],
)
def test_vace_fields(function: str, section: str, names: list[str]) -> None:
    """The fields of each function of VACE, as the guide's tables list them."""
    variant = MODELS.by_name[VACE].variant(function)
    assert variant is not None
    assert sorted(variant.section(section)["properties"]) == names


def test_ranges() -> None:
    """Seeds, strengths and scales have the ranges of the pages, in every function."""
    for model in MODELS.by_name.values():
        for variant in model.variants:
            for section, name, schema in variant.fields():
                expected = {"seed": SEED, "strength": (0, 1), "expand_ratio": (0, 1)}.get(name)
                expected = (1, 2) if name.endswith("_scale") else expected
                if expected:
                    assert (section, schema["minimum"], schema["maximum"]) == (
                        "parameters",
                        *expected,
                    )


def test_media_limits() -> None:
    """Lengths, sides and sizes of the inputs that the pages limit."""
    wan, vace = MODELS.by_name["wan2.7-videoedit"].media, MODELS.by_name[VACE].media
    video, image = wan["video"], wan["reference_image"]
    assert (video.duration_s, video.side_px, video.aspect, video.size_bytes) == (
        (2, 10),
        (240, 4096),
        (0.125, 8),
        100 << 20,
    )
    assert (image.side_px, image.aspect, image.size_bytes, image.alpha) == (
        (240, 8000),
        (0.125, 8),
        20 << 20,
        False,
    )
    assert (video.formats, image.formats) == (("mp4", "mov"), ("jpeg", "png", "bmp", "webp"))
    assert (vace["repaint_video"].duration_s, vace["repaint_video"].size_bytes) == (
        (0, 5),
        50 << 20,
    )
    assert vace["clip"].duration_s == (0, 3)


def test_billing_and_rates() -> None:
    """wan2.7 bills input and output, VACE its output; what the account may send at once."""
    wan, vace = MODELS.by_name["wan2.7-videoedit"], MODELS.by_name[VACE]
    assert (wan.billing_seconds, vace.billing_seconds) == (("input", "output"), ("output",))
    assert (wan.submits_per_s, wan.running_tasks, vace.submits_per_s, vace.running_tasks) == (
        5,
        5,
        2,
        2,
    )
