"""Request bodies of the shapes that the vendor's pages print, with addresses of our own."""

from __future__ import annotations

from typing import Any

Doc = dict[str, Any]

CLIP = "https://example.com/clip.mp4"
PICTURE = "https://example.com/picture.png"

# What VACE's functions take: (fields of input besides function and prompt, parameters).
VACE: dict[str, tuple[Doc, Doc]] = {
    "image_reference": (
        {"ref_images_url": [PICTURE, "https://example.com/forest.png"]},
        {"prompt_extend": True, "obj_or_bg": ["obj", "bg"], "size": "1280*720"},
    ),
    "video_repainting": (
        {"video_url": CLIP},
        {"prompt_extend": False, "control_condition": "depth", "strength": 0.8},
    ),
    "video_edit": (
        {"video_url": CLIP, "mask_image_url": PICTURE, "mask_frame_id": 1},
        {"prompt_extend": False, "mask_type": "tracking", "expand_ratio": 0.05, "size": "1280*720"},
    ),
    "video_extension": (
        {"first_clip_url": CLIP},
        {"prompt_extend": False},
    ),
    "video_outpainting": (
        {"video_url": CLIP},
        {
            "top_scale": 1.5,
            "bottom_scale": 1.5,
            "left_scale": 1.5,
            "right_scale": 1.5,
            "prompt_extend": False,
        },
    ),
}


def wan(
    media: list[Doc],
    parameters: Doc | None = None,
    prompt: str | None = "make it snow",
    **more: Any,
) -> Doc:
    """A request of wan2.7-videoedit."""
    body: Doc = {"model": "wan2.7-videoedit", "input": {"prompt": prompt, "media": media, **more}}
    return body if parameters is None else {**body, "parameters": parameters}


def vace(function: str) -> Doc:
    """A request of VACE."""
    fields, parameters = VACE[function]
    inputs = {"function": function, "prompt": "A lion in a café", **fields}
    return {"model": "wan2.1-vace-plus", "input": inputs, "parameters": parameters}


_VIDEO = {"type": "video", "url": CLIP}
_LOOK = {"type": "reference_image", "url": PICTURE}

PRINTED: dict[str, Doc] = {
    "an instruction": wan(
        [_VIDEO], {"resolution": "720P", "prompt_extend": True, "watermark": True}
    ),
    "one image": wan(
        [_VIDEO, _LOOK], {"resolution": "1080P", "ratio": "16:9", "duration": 0, "seed": 12345}
    ),
    "four images": wan(
        [_VIDEO, _LOOK, _LOOK, _LOOK, _LOOK], {"resolution": "720P", "audio_setting": "origin"}
    ),
    "no parameters": wan([_VIDEO]),
    "empty parameters": wan([_VIDEO], {}),
    "no prompt": {"model": "wan2.7-videoedit", "input": {"media": [_VIDEO]}},
    "a null prompt": wan([_VIDEO], {}, prompt=None),
    "a negative prompt": wan([_VIDEO], {}, negative_prompt="blurred"),
    "keys of the SDK": wan([_VIDEO], {}, extend_prompt=True, function="video-synthesis"),
    "keys of nobody": {**wan([_VIDEO], {"later": [1]}, later={"a": None}), "later": 1},
    "Chinese": wan([_VIDEO], {}, prompt="将画面转换为黏土风格"),
    **{function: vace(function) for function in VACE},
}
