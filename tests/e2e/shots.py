"""Edits that make a video of words, and that bring a frame and a sound to life."""

from __future__ import annotations

from typing import Any

from tests.e2e.bench import Bench


def shoot(bench: Bench, name: str, prompt: str = "a lighthouse at dusk", duration: int = 2) -> None:
    """An edit of words alone, whose video has a sound."""
    bench.write_edit(name, describe_shot(prompt, duration))


def drive(bench: Bench, name: str, frame: str, sound: str) -> None:
    """An edit that brings a frame to life, driven by a sound."""
    bench.write_edit(name, describe_drive(frame, sound))


def write_spec(bench: Bench, name: str, model: str, fields: Any, **parameters: Any) -> None:
    """An edit of any model."""
    bench.write_edit(name, describe_edit(model, fields, **parameters))


def describe_shot(prompt: str = "a lighthouse at dusk", duration: int = 2) -> dict[str, Any]:
    """The `spec` of what `shoot` writes."""
    return describe_edit("wan2.7-t2v", {"prompt": prompt}, duration=duration)


def describe_drive(frame: str, sound: str) -> dict[str, Any]:
    """The `spec` of what `drive` writes."""
    media = [{"type": "first_frame", "url": frame}, {"type": "driving_audio", "url": sound}]
    return describe_edit("wan2.7-i2v", {"media": media}, duration=2)


def describe_edit(model: str, fields: Any, **parameters: Any) -> dict[str, Any]:
    """The `spec` of an edit of any model."""
    return {"model": model, "input": fields, "parameters": parameters}
