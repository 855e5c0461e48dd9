"""The vendor's Python SDK asks each of the newer models for a video."""

from __future__ import annotations

import io
import urllib.request
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from tests.compat.conftest import Sdk
from tests.media import make_clip, make_sound

FRAME = {"type": "first_frame", "url": "https://example.com/start.png"}
LAST = {"type": "last_frame", "url": "https://example.com/end.png"}
CLIP = {"type": "first_clip", "url": "https://example.com/clip.mp4"}
VOICE = {"type": "driving_audio", "url": "https://example.com/voice.mp3"}
VIDEO = {"type": "video", "url": "https://example.com/clip.mp4"}
PERSON = {"type": "reference_image", "url": "https://example.com/her.png"}
DANCE = {"type": "reference_video", "url": "https://example.com/dance.mp4"}

ASKED: dict[str, tuple[str, dict[str, Any], tuple[float, float, int]]] = {
    # what is asked, and of its usage: seconds of input and of output, tier
    "a frame": ("wan2.7-i2v", {"media": [FRAME]}, (0, 5, 1080)),
    "a frame and a sound": (
        "wan2.7-i2v-2026-04-25",
        {"media": [FRAME, VOICE], "duration": 10, "resolution": "720P"},
        (0, 10, 720),
    ),
    "two frames": ("wan2.7-i2v", {"media": [FRAME, LAST], "duration": 2}, (0, 2, 1080)),
    "a clip to a frame": ("wan2.7-i2v", {"media": [CLIP, LAST], "duration": 15}, (0, 15, 1080)),
    "words": ("wan2.7-t2v", {"ratio": "9:16", "duration": 3}, (0, 3, 1080)),
    "pictures": ("wan2.7-r2v", {"media": [PERSON, PERSON], "duration": 12}, (0, 12, 1080)),
    "clips": ("wan2.7-r2v", {"media": [DANCE, DANCE, PERSON], "duration": 8}, (5, 8, 1080)),
    "a frame of HappyHorse": (
        "happyhorse-1.1-i2v",
        {"media": [FRAME], "duration": 3, "resolution": "720P"},
        (0, 3, 720),
    ),
    "words of HappyHorse": ("happyhorse-1.0-t2v", {"ratio": "1:1"}, (0, 5, 1080)),
    "an edit": (
        "happyhorse-1.0-video-edit",
        {"media": [VIDEO, PERSON], "resolution": "720P", "audio_setting": "origin"},
        (5, 5, 720),
    ),
}
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a frame and a clip": (
        "wan2.7-i2v",
        {"media": [FRAME, CLIP]},
        "input.media: the combination of first_frame, first_clip is not supported",
    ),
    "a frame and a sound of HappyHorse": (
        "happyhorse-1.0-i2v",
        {"media": [FRAME, VOICE]},
        "Input should be 'first_frame': input.media.1.type",
    ),
    "16 s": (
        "wan2.7-i2v",
        {"media": [FRAME], "duration": 16},
        "Input should be less than or equal to 15: parameters.duration",
    ),
    "a clip and 12 s": (
        "wan2.7-r2v",
        {"media": [DANCE], "duration": 12},
        "Input should be less than or equal to 10: parameters.duration",
    ),
    "no reference": (
        "wan2.7-r2v",
        {"media": [FRAME]},
        "input.media should have 1 to 5 of reference_image and reference_video, not 0",
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_each_model_is_asked(sdk: Sdk, name: str) -> None:
    """The task succeeds; its usage tells seconds and tier, and the bill what the model bills."""
    model, options, (input_s, output_s, tier) = ASKED[name]
    done = sdk.finished(model, "Go on", **options)
    assert done.output.task_status == "SUCCEEDED", done
    usage = done.usage
    told = (usage["input_video_duration"], usage["output_video_duration"], usage["SR"])
    assert told == (input_s, output_s, tier)
    assert usage["duration"] == input_s + output_s


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_model_refuses(sdk: Sdk, name: str) -> None:
    """The task fails in the words of the service's checks, and costs nothing."""
    model, options, message = REFUSED[name]
    done = sdk.finished(model, "Go on", **options)
    assert (done.output.task_status, done.output.code) == ("FAILED", "InvalidParameter")
    assert done.output.message == message
    assert not done.usage


@pytest.mark.dashscope_server(task_seconds=(0, 0), renderer=None)
def test_the_videos_are_made_of_what_went_in(sdk: Sdk, tmp_path: Path) -> None:
    """A clip is continued with the last frame at its end, and a frame moves to the sound that was
    given: size, length, frames and sound of the files.
    """
    red = tmp_path / "red.png"
    Image.new("RGB", (400, 300), (220, 20, 20)).save(red)
    clip = make_clip(tmp_path / "clip.mp4", width=400, height=300, shade=230)
    voice = make_sound(tmp_path / "voice.mp3", seconds=2.5)
    media = [{"type": "first_clip", "url": str(clip)}, {"type": "last_frame", "url": str(red)}]
    film = fetch(sdk, "wan2.7-i2v", media=media, duration=4, resolution="720P")
    assert (film.width, film.height, film.seconds) == (1108, 830, 4.0)
    assert min(film.first) > 200 and film.last[0] > 180 > 60 > film.last[1]
    assert film.heard  # the model makes a sound where none goes in
    media = [{"type": "first_frame", "url": str(red)}, {"type": "driving_audio", "url": str(voice)}]
    film = fetch(sdk, "wan2.7-i2v", media=media, duration=3, resolution="720P")
    assert film.first[0] > 180 > 60 > film.first[1]
    assert film.seconds == 3.0 and film.heard


class Film:
    """What is seen and heard of a video."""

    def __init__(self, content: bytes) -> None:
        with av.open(io.BytesIO(content)) as container:
            stream = container.streams.video[0]
            self.width, self.height = stream.width, stream.height
            self.seconds = float((stream.duration or 0) * (stream.time_base or 0))
            self.heard = bool(container.streams.audio)
            frames = [frame.to_image() for frame in container.decode(video=0)]
        middle = (self.width // 2, self.height // 3)
        self.first: Any = frames[0].getpixel(middle)
        self.last: Any = frames[-1].getpixel(middle)


def fetch(sdk: Sdk, model: str, **options: Any) -> Film:
    """The video of a request, whose local media the SDK uploads."""
    done = sdk.call(model, "Go on", **options)
    assert done.output.task_status == "SUCCEEDED", done
    with urllib.request.urlopen(done.output.video_url, timeout=60) as film:
        return Film(film.read())
