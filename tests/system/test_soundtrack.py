"""Sounds of videos: cut out whole, the same bytes each time, and read where strangers' bytes can do
no harm.
"""

from __future__ import annotations

import io
import itertools
import struct
import wave
from pathlib import Path

import av
import pytest

from reconciler.system.probe import client, refusal, soundtrack
from reconciler.system.probe.client import ProbeClient
from reconciler.system.probe.refusal import Refusal, Unreadable
from tests.media import make_clip

RATE, SECONDS = 8000, 2


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds with a tone of 250 Hz."""
    path = tmp_path_factory.mktemp("sound") / "clip.mp4"
    return make_clip(path, seconds=SECONDS, sound=True).read_bytes()


def cut(content: bytes) -> bytes:
    return client.cut_sound(io.BytesIO(content), len(content))


def test_what_is_heard_is_cut_out(clip: bytes) -> None:
    """The whole sound, at its pace and with its channels; the tone is still that tone."""
    with wave.open(io.BytesIO(cut(clip))) as sound:
        assert sound.getparams()[:3] == (1, 2, RATE)
        assert sound.getnframes() / RATE == pytest.approx(SECONDS, abs=0.15)
        raw = sound.readframes(RATE)
    samples = struct.unpack(f"<{RATE}h", raw)
    crossings = sum(a < 0 <= b for a, b in itertools.pairwise(samples))
    assert crossings == pytest.approx(250, abs=5)


def test_the_bytes_are_the_same_in_every_process(clip: bytes) -> None:
    """No date, no name of an encoder: 44 bytes, then samples. Both sides probe it as a sound."""
    other = ProbeClient()
    try:
        again = other.cut_sound(io.BytesIO(clip), len(clip))
    finally:
        other.close()
    made = cut(clip)
    assert made == again
    (length,) = struct.unpack_from("<I", made, 40)
    assert (made[:4], made[8:16], made[36:40]) == (b"RIFF", b"WAVEfmt ", b"data")
    assert len(made) == 44 + length
    facts = client.probe_file(io.BytesIO(made), "audio", len(made))
    assert (facts["format"], facts["duration_s"]) == ("wav", round(length / 2 / RATE, 3))


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2), ("5.1", 2)])
def test_channels(tmp_path: Path, layout: str, channels: int) -> None:
    """Mono stays mono; what has more than two channels is mixed down to them."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=48_000, layout=layout)
        for _ in range(20):
            frame = av.AudioFrame(format="fltp", layout=layout, samples=1024)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate = 48_000
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    with wave.open(io.BytesIO(cut(path.read_bytes()))) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (channels, 48_000)


def test_what_has_no_sound(clip: bytes, tmp_path: Path) -> None:
    """A silent clip, text, the half of a clip: refused, and the next one is cut."""
    silent = make_clip(tmp_path / "silent.mp4").read_bytes()
    with pytest.raises(Unreadable, match="it has no sound"):
        cut(silent)
    for content in (b"no film\n" * 100, clip[: len(clip) // 2]):
        with pytest.raises(Unreadable):
            cut(content)
    assert cut(clip)


def test_a_sound_that_is_too_large(clip: bytes) -> None:
    """What is more than one answer may hold is refused in words, and no half of it is taken."""
    assert refusal.MOST_MADE_BYTES == 16 << 20
    with pytest.raises(Refusal, match="has more than 0 MB as WAV"):
        soundtrack.cut_sound(io.BytesIO(clip), 16_000)


@pytest.mark.parametrize("made", [b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt " + bytes(40), b"\x89PNG"])
def test_a_worker_that_lies(clip: bytes, monkeypatch: pytest.MonkeyPatch, made: bytes) -> None:
    """Who was taken over by a medium can hand over nothing but samples behind their header."""
    monkeypatch.setattr(ProbeClient, "_ask", lambda *_: ({}, made))
    with pytest.raises(Unreadable):
        cut(clip)
    with pytest.raises(Unreadable):
        client.cut_frame(io.BytesIO(clip), len(clip), 0.0)
