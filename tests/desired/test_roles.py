"""Which media may stand together, and what follows of it: the fault stands where the repair is."""

from __future__ import annotations

from typing import Any

import pytest

from tests import making

FRAME = {"type": "first_frame", "url": "./start.png"}
LAST = {"type": "last_frame", "url": "./end.png"}
CLIP = {"type": "first_clip", "url": "./clip.mp4"}
VOICE = {"type": "driving_audio", "url": "./voice.mp3"}
PERSON = {"type": "reference_image", "url": "./her.png"}
DANCE = {"type": "reference_video", "url": "./dance.mp4"}
LEGAL = (
    "legal are first_frame; first_frame and driving_audio; first_frame and last_frame; first_frame"
    " and last_frame and driving_audio; first_clip; first_clip and last_frame"
)


def faults(model: str, media: list[dict[str, str]], **parameters: Any) -> list[tuple[int, str]]:
    """(line, message) of the faults of an edit with these media."""
    spec: dict[str, Any] = {"model": model, "input": {"prompt": "Go on", "media": media}}
    text = making.write_text("film", {**spec, "parameters": parameters})
    return [(fault.place.line, fault.message) for fault in making.read_text(text).faults]


@pytest.mark.parametrize(
    "media",
    [
        [FRAME],
        [FRAME, VOICE],
        [VOICE, FRAME],
        [LAST, FRAME],
        [FRAME, LAST, VOICE],
        [CLIP],
        [CLIP, LAST],
    ],
)
def test_what_goes_together(media: list[dict[str, str]]) -> None:
    """Each set of roles that the pages name is legal, in any order."""
    assert faults("wan2.7-i2v", media) == []


@pytest.mark.parametrize(
    ("media", "message"),
    [
        (
            [FRAME, CLIP],
            f"input.media has first_frame and first_clip, which do not go together; {LEGAL}",
        ),
        (
            [CLIP, VOICE],
            f"input.media has first_clip and driving_audio, which do not go together; {LEGAL}",
        ),
        ([VOICE], f"input.media has driving_audio alone; {LEGAL}"),
        ([LAST], f"input.media has last_frame alone; {LEGAL}"),
    ],
)
def test_what_does_not_go_together(media: list[dict[str, str]], message: str) -> None:
    """One fault, with what is there and what is legal."""
    assert [told for _, told in faults("wan2.7-i2v", media)] == [message]


def test_references_are_counted_together() -> None:
    """Of pictures and clips together there are one to five; a first frame is none of them."""
    assert faults("wan2.7-r2v", [PERSON] * 3 + [DANCE] * 2) == []
    words = "of reference_image and reference_video; together 1 to 5 are legal"
    for media, count in (([PERSON] * 3 + [DANCE] * 3, 6), ([FRAME], 0)):
        told = [message for _, message in faults("wan2.7-r2v", media)]
        assert told == [f"input.media has {count} {words}"]


def test_a_length_that_depends_on_media() -> None:
    """15 s are legal with pictures, and 10 s with a clip among them."""
    assert faults("wan2.7-r2v", [PERSON], duration=15) == []
    assert faults("wan2.7-r2v", [PERSON, DANCE], duration=10) == []
    told = [message for _, message in faults("wan2.7-r2v", [PERSON, DANCE], duration=12)]
    assert told == ["parameters.duration is 12; with a reference_video at most 10 is legal"]


def test_a_voice_is_a_medium() -> None:
    """The voice of a reference is a sound, and no edit makes one."""
    media = [{**PERSON, "reference_voice": "edit://shot"}]
    told = [message for _, message in faults("wan2.7-r2v", media)]
    assert len(told) == 1 and "an edit makes a video, and a sound is wanted here" in told[0]
