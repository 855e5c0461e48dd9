"""The limits of a model on media, in the words and with the codes of the service."""

from __future__ import annotations

from mockserver.catalogue import Doc
from mockserver.errors import MediaError
from mockserver.media.renderer import Probe

_SLACK_S = 0.05  # by which a video or a sound may be shorter or longer than the limits say


def check_limits(role: str, limits: Doc, probe: Probe) -> None:
    """Check a medium against the limits of the model file.

    Raises MediaError with the InvalidFile code of the first limit that it breaks; `role` names the
    medium in the message.
    """
    formats = limits["formats"]
    if probe.format not in formats:
        raise MediaError(
            "InvalidFile.Format", f"{role}: the format should be one of {', '.join(formats)}"
        )
    if probe.alpha and limits.get("alpha") is False:
        raise MediaError("InvalidFile.Format", f"{role}: an alpha channel is not supported")
    if probe.size_bytes > limits.get("size_bytes", 1 << 62):
        raise MediaError(
            "InvalidFile.Size",
            f"{role}: the file should not be larger than {limits['size_bytes']} bytes",
        )
    low, high = limits.get("duration_s", (0, float("inf")))
    if probe.kind != "image" and not low - _SLACK_S <= probe.duration_s <= high + _SLACK_S:
        raise MediaError(
            "InvalidFile.Duration", f"{role}: Duration should be between {low} and {high}"
        )
    if probe.kind == "audio":
        return
    low, high = limits.get("side_px", (1, 1 << 30))
    if not all(low <= side <= high for side in (probe.width, probe.height)):
        raise MediaError(
            "InvalidFile.Resolution", f"{role}: each side should be {low} to {high} pixels"
        )
    low, high = limits.get("aspect", (0, float("inf")))
    if not low <= probe.width / probe.height <= high:
        raise MediaError(
            "InvalidFile.AspectRatio",
            f"{role}: the aspect ratio should be 1:{1 / low:g} to {high:g}:1",
        )
