"""What comes of a request that is accepted: the video's size, length and look, its usage and its
price. Pure.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from mockserver.catalogue import Doc, Model, Variant
from mockserver.digest import canonical, compact, read, sha256

FILM_VERSION = 3  # raise it when the same plan gives another picture


@dataclass(frozen=True)
class Source:
    """A medium of a request as the renderer sees it: bytes by their digest, or a made-up clip by
    its URL's hash.
    """

    role: str  # the field it came in, or its `type` for wan2.7
    kind: str  # video or image
    digest: str  # "sha256:…" of stored bytes, "url:…" of the URL of a medium that was not fetched
    width: int
    height: int
    duration_s: float  # 0 for an image
    audio: bool = False
    # degrees clockwise by which its pictures are turned to be upright: 0, 90, 180 or 270
    turn: int = 0

    @property
    def stored(self) -> bool:
        """Whether its bytes are there; else a clip is made from the digest."""
        return self.digest.startswith("sha256:")


@dataclass(frozen=True)
class Plan:
    """All that a film depends on: equal plans give equal bytes."""

    function: str | None
    width: int
    height: int
    fps: int
    frames: int
    look: str  # hexadecimal digest that decides how the film looks
    watermark: bool
    audio: bool
    # parameters that the picture shows: scales, control_condition, obj_or_bg …
    settings: dict[str, Any]
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """File name of its film: the same for equal plans."""
        return film_name(compact(self).decode())

    @classmethod
    def from_text(cls, text: str) -> Plan:
        """The plan that an outcome laid down."""
        doc = read(text)
        return cls(**{**doc, "sources": tuple(Source(**source) for source in doc["sources"])})

    def first(self, *roles: str) -> Source | None:
        """The first source in the first of the roles that has one."""
        return next((s for role in roles for s in self.sources if s.role == role), None)

    def all(self, role: str) -> list[Source]:
        """The sources of a role, in the order of the request."""
        return [s for s in self.sources if s.role == role]


class Outcome(NamedTuple):
    """What a task gives when it succeeds."""

    plan: str  # a Plan as JSON
    film: str  # name of the film's file
    usage: Doc
    billed_s: float
    orig_prompt: str | None


MAIN_ROLES = (
    "video",
    "video_url",
    "first_clip_url",
    "first_frame_url",
    "last_clip_url",
    "last_frame_url",
)
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


def foresee(
    model: Model, variant: Variant, request: Doc, sources: tuple[Source, ...], nth: int
) -> Outcome:
    """The outcome of a request without faults; `nth` tasks of the same job came before it."""
    rule, known = variant.output, variant.parameters["properties"]
    parameters = {
        name: value for name, value in request.get("parameters", {}).items() if name in known
    }
    by_role = {source.role: source for source in reversed(sources)}
    main = next((by_role[role] for role in MAIN_ROLES if role in by_role), None)
    width, height = frame_size(rule, parameters, main)
    input_s = _input_seconds(main, parameters)
    frames = max(1, math.floor(_output_seconds(rule, input_s) * rule["fps"] + 0.5))
    prompt = request["input"].get("prompt")
    plan = {  # the fields of Plan
        "function": variant.function,
        "width": width,
        "height": height,
        "fps": rule["fps"],
        "frames": frames,
        "look": _look(model, variant, request["input"], parameters.get("seed"), nth),
        "watermark": parameters.get("watermark") is True,
        "audio": bool(rule["audio"] and main and main.audio),
        "settings": {name: parameters[name] for name in _SETTINGS if name in parameters},
        "sources": sources,
    }
    text = compact(plan).decode()
    seconds = {"input": round(input_s, 2), "output": round(frames / rule["fps"], 2)}
    figures = _figures(seconds, variant, parameters)
    return Outcome(
        plan=text,
        film=film_name(text),
        usage={name: figures[name] for name in rule["usage"]},
        billed_s=round(sum([seconds[part] for part in model.billed]), 2),
        orig_prompt=_as_read(prompt, variant) if rule["orig_prompt"] else None,
    )


def film_name(plan_text: str) -> str:
    """File name of the film of a plan."""
    return sha256(f"{FILM_VERSION} {plan_text}".encode()) + ".mp4"


def frame_size(rule: Doc, parameters: Doc, main: Source | None) -> tuple[int, int]:
    """Width and height of the output in pixels, both even, by the model file's `output.size` rule."""
    if rule["size"] == "by-size":
        return _pair(parameters.get("size", "1280*720"))
    width, height = (main.width, main.height) if main else (1280, 720)
    if rule["size"] == "by-ratio":
        sizes = rule["sizes"][parameters.get("resolution", "1080P")]
        return _pair(sizes[parameters.get("ratio") or nearest_ratio(width / height, tuple(sizes))])
    width = round(
        width * (parameters.get("left_scale", 1.0) + parameters.get("right_scale", 1.0) - 1)
    )
    height = round(
        height * (parameters.get("top_scale", 1.0) + parameters.get("bottom_scale", 1.0) - 1)
    )
    return capped(width, height, math.prod(_pair(rule["max_size"])))


@functools.lru_cache(maxsize=1024)
def nearest_ratio(aspect: float, ratios: tuple[str, ...]) -> str:
    """The "W:H" whose aspect is nearest to a given one, on a logarithmic scale (assumption)."""

    def distance(ratio: str) -> float:
        wide, high = map(int, ratio.split(":"))
        return abs(math.log(aspect * high / wide))

    nearest: str = min(ratios, key=distance)
    return nearest


def capped(width: int, height: int, pixels: int) -> tuple[int, int]:
    """A size scaled down to at most so many pixels, keeping its aspect, with even sides of at least
    2.
    """
    scale = min(1.0, math.sqrt(pixels / (width * height)))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def _pair(size: str) -> tuple[int, int]:
    width, height = size.split("*")
    return int(width), int(height)


def _input_seconds(main: Source | None, parameters: Doc) -> float:
    """The part of the input that is used and billed: cut to `duration`, which never lengthens it
    (assumption).
    """
    whole = main.duration_s if main else 0.0
    cut_s = float(parameters.get("duration") or whole)
    return min(whole, cut_s)


def _output_seconds(rule: Doc, input_s: float) -> float:
    if rule["duration"] != "like-input":
        return float(rule["duration"])
    return min(input_s, float(rule.get("longest_s", input_s)))


def _figures(seconds: dict[str, float], variant: Variant, parameters: Doc) -> Doc:
    output = seconds["output"]
    resolution = parameters.get(
        "resolution", variant.parameters["properties"].get("resolution", {}).get("default", "0P")
    )
    return {
        "duration": round(seconds["input"] + output, 2),
        "input_video_duration": seconds["input"],
        "output_video_duration": output,
        "video_duration": int(output) if output == int(output) else output,
        "video_count": 1,
        "SR": int(resolution[:-1]),
    }


def _as_read(text: str | None, variant: Variant) -> str | None:
    if text is None:
        return None
    return text[: variant.input["properties"]["prompt"].get("x-truncated-at", len(text))]


def _look(model: Model, variant: Variant, fields: Doc, seed: int | None, nth: int) -> str:
    """By prompts and seed alone, so that a draft and a final of the same edit look alike; without a
    seed by `nth`.
    """
    chance = ["seed", seed] if seed is not None else ["nth", nth]
    return sha256(
        canonical(
            [
                model.name,
                _as_read(fields.get("prompt"), variant),
                fields.get("negative_prompt"),
                chance,
            ]
        )
    )
