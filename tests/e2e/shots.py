"""Edits that make a video of words, and that bring a frame and a sound to life."""

from __future__ import annotations

from typing import Any

from tests.e2e.bench import Bench


def shoot(bench: Bench, name: str, prompt: str = "a lighthouse at dusk", duration: int = 2) -> None:
    """An edit of words alone, whose video has a sound."""
    write_spec(bench, name, "wan2.7-t2v", {"prompt": prompt}, duration=duration)


def drive(bench: Bench, name: str, frame: str, sound: str) -> None:
    """An edit that brings a frame to life, driven by a sound."""
    media = [{"type": "first_frame", "url": frame}, {"type": "driving_audio", "url": sound}]
    write_spec(bench, name, "wan2.7-i2v", {"media": media}, duration=2)


def write_spec(bench: Bench, name: str, model: str, fields: Any, **parameters: Any) -> None:
    """An edit of any model."""
    bench.write_edit(name, {"model": model, "input": fields, "parameters": parameters})
