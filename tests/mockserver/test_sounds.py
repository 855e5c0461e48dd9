"""Sounds as media: both sides see the same ones, and refuse the same ones."""

from pathlib import Path

import pytest

from mockserver.errors import MediaError
from mockserver.media.limits import check_limits
from mockserver.media.probe.client import probe_file
from reconciler.desired import media
from reconciler.desired.media import probe_media
from reconciler.service.models import MediaLimits
from reconciler.system.probe.refusal import Foreign, Unreadable
from tests.media import make_clip, make_sound

LIMITS = {"formats": ["wav", "mp3"], "duration_s": [2, 15], "size_bytes": 1 << 20}


def ask_both(path: Path):
    """What each side says of a file that should be a sound: facts, or its refusal in words."""
    try:
        with path.open("rb") as file:
            facts = probe_media(file, "audio", path.stat().st_size)
            ours = (facts.format, facts.duration_s, facts.width)
    except (Unreadable, Foreign) as error:
        ours = str(error)
    try:
        seen = probe_file(path, "audio")
        theirs = (seen.format, seen.duration_s, seen.width)
    except MediaError as error:
        theirs = error.failure.code
    return ours, theirs


@pytest.mark.parametrize("form", ["wav", "mp3"])
def test_both_sides_see_the_same_sound(tmp_path, form):
    """Form and length, whatever the name; a sound has no sides."""
    path = make_sound(tmp_path / f"voice.{form}", seconds=4.2).rename(tmp_path / "voice")
    ours, theirs = ask_both(path)
    assert ours == theirs
    assert (ours[0], ours[2]) == (form, 0)
    assert ours[1] == pytest.approx(4.2, abs=0.05)


@pytest.mark.parametrize("form", ["wav", "mp3"])
@pytest.mark.parametrize("share", [0.2, 0.6])
def test_sounds_that_are_cut_short(tmp_path, form, share):
    """A sound that ends before its header says so is refused, with what there is of it."""
    whole = make_sound(tmp_path / f"voice.{form}").read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(whole[: int(len(whole) * share)])
    ours, theirs = ask_both(cut)
    assert "cut short" in ours
    assert theirs == "InvalidFile.Openerror"


def test_a_hole_in_a_sound(tmp_path):
    """Bytes that are no sound, in the middle of one, do not make it shorter unseen."""
    whole = bytearray(make_sound(tmp_path / "voice.mp3").read_bytes())
    whole[5000:15000] = b"\x55" * 10_000
    (tmp_path / "hole.mp3").write_bytes(whole)
    ours, theirs = ask_both(tmp_path / "hole.mp3")
    assert "damaged" in ours
    assert theirs == "InvalidFile.Openerror"


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF\0\0\0\0WAVE", b"ID3" + b"x" * 500])
def test_what_is_no_sound(tmp_path, content):
    """Headers without a sound behind them are refused, and nothing breaks."""
    (tmp_path / "voice.mp3").write_bytes(content)
    assert ask_both(tmp_path / "voice.mp3") == (
        "it is no sound that can be opened",
        "InvalidFile.Openerror",
    )


def test_a_film_is_no_sound(tmp_path):
    """The form is told, and nothing is opened."""
    ours, theirs = ask_both(make_clip(tmp_path / "clip.mp4"))
    assert "mp4" in ours.lower()
    assert theirs == "InvalidFile.Format"


def test_limits(tmp_path):
    """A sound of 40 s where 15 are legal, and one that is too large, on both sides."""
    path = make_sound(tmp_path / "long.wav", seconds=40)
    with path.open("rb") as file:
        facts = probe_media(file, "audio", path.stat().st_size)
    limits = MediaLimits(
        "voice", "audio", ("wav", "mp3"), False, duration_s=(2, 15), size_bytes=1 << 20
    )
    told = list(media.check_limits(facts, limits))
    assert told == [
        "has 3.4 MB; at most 1 MB are legal.",
        "lasts 40.0 s; 2 to 15 s are legal. Cut it first; no parameter shortens an input.",
    ]
    with pytest.raises(MediaError) as refused:
        check_limits("voice", {**LIMITS, "size_bytes": 1 << 30}, probe_file(path, "audio"))
    assert refused.value.failure.code == "InvalidFile.Duration"
