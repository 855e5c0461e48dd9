"""What comes of an accepted request: the video's size, length and look, its usage and its price.

Only computed here, from the model file's rules; nothing is rendered.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from mockserver.catalogue import Doc, Model, Variant
from mockserver.digest import compute_sha256, encode_canonical, encode_compact, load_json
from mockserver.media.plan import MAIN_ROLES, SOUND_ROLES, Source, name_film


class Outcome(NamedTuple):
    """What a task gives when it succeeds."""

    plan: str  # a FilmPlan as JSON
    film: str  # name of the film's file
    usage: str  # as JSON
    billed_s: float
    orig_prompt: str | None


class OutcomeDraft(NamedTuple):
    """What the outcomes of many requests have in common: all but the look of the film."""

    plan: tuple[str, str]  # a FilmPlan as JSON: what comes before the look and what after it
    usage: str  # as JSON
    billed_s: float


_LOOK = "{look}"  # stands in a plan for the digest; what comes before it is names and figures

# The parameters that the picture shows.
_SETTINGS = (
    "top_scale",
    "bottom_scale",
    "left_scale",
    "right_scale",
    "control_condition",
    "strength",
    "obj_or_bg",
    "mask_type",
    "expand_ratio",
    "expand_mode",
)


def foresee_outcome(
    model: Model, variant: Variant, request: Doc, sources: tuple[Source, ...], nth: int
) -> Outcome:
    """The outcome of a request without faults; `nth` tasks of the same job came before it."""
    fields, known = request["input"], variant.parameters["properties"]
    parameters = {
        name: value for name, value in request.get("parameters", {}).items() if name in known
    }
    seed = parameters.pop("seed", None)
    draft = _draft_outcome(model, variant, sources, encode_compact(parameters))
    look = _choose_look(model, variant, fields, seed, nth)
    text = look.join(draft.plan)
    return Outcome(
        plan=text,
        film=name_film(text),
        usage=draft.usage,
        billed_s=draft.billed_s,
        orig_prompt=(
            _truncate_prompt(fields.get("prompt"), variant)
            if variant.output["orig_prompt"]
            else None
        ),
    )


@functools.lru_cache(maxsize=1024)
def _draft_outcome(
    model: Model, variant: Variant, sources: tuple[Source, ...], parameters_json: bytes
) -> OutcomeDraft:
    """What follows from the media and from the parameters but the seed."""
    rule, parameters = variant.output, load_json(parameters_json)
    asked = {**variant.defaults, **parameters}
    main, heard = _find_first(sources, MAIN_ROLES), _find_first(sources, SOUND_ROLES)
    follows = _find_first(sources, rule.get("follows", ()))
    width, height = compute_frame_size(rule, asked, main, follows)
    input_s = _compute_input_seconds(rule, asked, sources, main)
    output_s = _compute_output_seconds(rule, asked, input_s)
    frames = max(1, math.floor(output_s * rule["fps"] + 0.5))
    seconds = {"input": round(input_s, 2), "output": round(frames / rule["fps"], 2)}
    figures = _compute_figures(seconds, asked)
    plan = {
        "function": variant.function,
        "width": width,
        "height": height,
        "fps": rule["fps"],
        "frames": frames,
        "look": _LOOK,
        "watermark": asked.get("watermark") is True,
        "audio": _has_sound(rule, main, heard),
        "settings": {name: parameters[name] for name in _SETTINGS if name in parameters},
        "sources": sources,
    }
    before, _, after = encode_compact(plan).decode().partition(_LOOK)
    return OutcomeDraft(
        plan=(before, after),
        usage=encode_compact({name: figures[name] for name in rule["usage"]}).decode(),
        billed_s=round(sum([seconds[part] for part in model.billed]), 2),
    )


def _has_sound(rule: Doc, main: Source | None, heard: Source | None) -> bool:
    """Whether a film has sound: one that went in, or one that its model makes."""
    goes_in = any(each is not None and each.audio for each in (main, heard))
    return bool(rule["audio"] and (goes_in or rule.get("makes_sound", False)))


def _find_first(sources: tuple[Source, ...], roles: Iterable[str]) -> Source | None:
    """The first medium of the first of these roles that has one."""
    by_role = {source.role: source for source in reversed(sources)}
    return next((by_role[role] for role in roles if role in by_role), None)


def compute_frame_size(
    rule: Doc, parameters: Doc, main: Source | None, follows: Source | None = None
) -> tuple[int, int]:
    """Width and height of the output in pixels, both even, by the rule `output.size` of the model.

    `main` is the medium that the film is made of, `follows` one that sets the aspect whatever the
    parameters say.
    """
    if follows is not None:
        main, parameters = follows, {**parameters, "ratio": None}
    if rule["size"] == "by-size":
        return _split_size(parameters.get("size", "1280*720"))
    width, height = (main.width, main.height) if main else (1280, 720)
    if rule["size"] == "by-tier":
        return limit_size(width, height, rule["areas"][parameters["resolution"]], grow=True)
    if rule["size"] == "by-ratio":
        sizes = rule["sizes"][parameters.get("resolution", "1080P")]
        ratio = parameters.get("ratio") or find_nearest_ratio(width / height, tuple(sizes))
        return _split_size(sizes[ratio])
    left, right, top, bottom = (
        parameters.get(f"{side}_scale", 1.0) for side in ("left", "right", "top", "bottom")
    )
    width, height = round(width * (left + right - 1)), round(height * (top + bottom - 1))
    return limit_size(width, height, math.prod(_split_size(rule["max_size"])))


@functools.lru_cache(maxsize=1024)
def find_nearest_ratio(aspect: float, ratios: tuple[str, ...]) -> str:
    """The "W:H" whose aspect is nearest to a given one, on a logarithmic scale (assumption)."""

    def measure_distance(ratio: str) -> float:
        wide, high = map(int, ratio.split(":"))
        return abs(math.log(aspect * high / wide))

    nearest: str = min(ratios, key=measure_distance)
    return nearest


def limit_size(width: int, height: int, pixels: int, *, grow: bool = False) -> tuple[int, int]:
    """A size scaled down to at most so many pixels, or with `grow` up to them; it keeps its aspect.

    Its sides are even and at least 2.
    """
    scale = math.sqrt(pixels / (width * height))
    scale = scale if grow else min(1.0, scale)
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def _split_size(size: str) -> tuple[int, int]:
    width, height = size.split("*")
    return int(width), int(height)


def _compute_input_seconds(
    rule: Doc, parameters: Doc, sources: tuple[Source, ...], main: Source | None
) -> float:
    """The part of the input that is used and billed.

    A video that is edited is cut to the parameter `duration`, which never lengthens it
    (assumption). Where that parameter is the length of the output, all videos together are cut to
    `output.uses_s`.
    """
    if rule["duration"] == "by-parameter":
        whole_s = sum([source.duration_s for source in sources if source.kind == "video"])
        return float(min(whole_s, rule.get("uses_s", 0.0)))
    whole_s = main.duration_s if main else 0.0
    cut_s = float(parameters.get("duration") or whole_s)
    return min(whole_s, cut_s, float(rule.get("uses_s", whole_s)))


def _compute_output_seconds(rule: Doc, parameters: Doc, input_s: float) -> float:
    if rule["duration"] == "by-parameter":
        return float(parameters["duration"])
    if rule["duration"] != "like-input":
        return float(rule["duration"])
    return min(input_s, float(rule.get("longest_s", input_s)))


def _compute_figures(seconds: dict[str, float], parameters: Doc) -> Doc:
    """Every figure that the usage of a model may hold, by its name in `usage`."""
    output = seconds["output"]
    return {
        "duration": round(seconds["input"] + output, 2),
        "input_video_duration": seconds["input"],
        "output_video_duration": output,
        "video_duration": int(output) if output == int(output) else output,
        "video_count": 1,
        "SR": int(parameters.get("resolution", "0P")[:-1]),
    }


def _truncate_prompt(prompt: Any, variant: Variant) -> Any:
    """The part of a prompt that the model reads; the generic model takes more than text."""
    most = variant.input["properties"].get("prompt", {}).get("x-truncated-at")
    return prompt[:most] if isinstance(prompt, str) else prompt


def _choose_look(model: Model, variant: Variant, fields: Doc, seed: int | None, nth: int) -> str:
    """The digest that decides how a film looks: by prompts and seed, without a seed by `nth`.

    Nothing else counts, so that a draft and a final of the same edit look alike.
    """
    chance = ["nth", nth] if seed is None else ["seed", seed]
    prompt = _truncate_prompt(fields.get("prompt"), variant)
    text = encode_canonical([model.name, prompt, fields.get("negative_prompt"), chance])
    return compute_sha256(text)
