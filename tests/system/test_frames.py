"""Frames of media: those that are shown at the moments asked for, small, upright, and read where
strangers' bytes can do no harm.
"""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from PIL import Image

from reconciler.system.probe import client
from reconciler.system.probe.client import ProbeClient
from reconciler.system.probe.refusal import Unreadable
from tests import phones

COLOURS = ((200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 200))
BOX = (80, 45)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A second of each colour."""
    path = tmp_path_factory.mktemp("frames") / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for colour in COLOURS:
            frame = av.VideoFrame.from_image(Image.new("RGB", (320, 240), colour))
            for _ in range(10):
                out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path.read_bytes()


def read(content: bytes, *moments_s: float) -> list[tuple[int, int, tuple[int, ...]]]:
    """Sides, and the colour in the middle."""
    found = client.read_small_frames(io.BytesIO(content), len(content), moments_s, BOX)
    middles = [3 * (one.width * (one.height // 2) + one.width // 2) for one in found]
    return [
        (one.width, one.height, tuple(one.rgb[at : at + 3]))
        for one, at in zip(found, middles, strict=True)
    ]


def test_what_is_shown_at_a_moment(clip: bytes) -> None:
    """The frame that is on the screen then, whole in the box; after the end the last one."""
    found = read(clip, 0.0, 0.95, 1.05, 2.5, 3.5, 60.0)
    assert {one[:2] for one in found} == {(60, 45)}
    for (_, _, seen), number in zip(found, (0, 0, 1, 2, 3, 3), strict=True):
        assert seen == pytest.approx(COLOURS[number], abs=12)


def test_a_picture_is_its_only_frame() -> None:
    """Whole in the box, whatever number of moments is asked for."""
    content = io.BytesIO()
    Image.new("RGB", (400, 400), COLOURS[1]).save(content, "PNG")
    assert read(content.getvalue(), 0.0, 1.0) == [(45, 45, COLOURS[1])]


def test_films_of_phones(tmp_path: Path) -> None:
    """Every one gives its frames, upright where it is shown upright."""
    for name, (how, (_, width, height, _)) in phones.CLIPS.items():
        content = phones.write_clip(tmp_path / name, **how).read_bytes()
        (first, *_) = read(content, 0.1, 0.2)
        assert (first[0] > first[1]) == (width > height), name


def test_what_has_no_frames(clip: bytes) -> None:
    """Text, the half of a clip, a picture that is cut short: refused, and the next one is read."""
    picture = io.BytesIO()
    Image.effect_noise((200, 200), 90).convert("RGB").save(picture, "PNG")
    for content in (b"no film\n" * 100, clip[: len(clip) // 2], picture.getvalue()[:2000]):
        with pytest.raises(Unreadable):
            read(content, 0.5)
    assert len(read(clip, 0.5)) == 1
    assert client.probe_file(io.BytesIO(clip), "video", len(clip))["width"] == 320


@pytest.mark.parametrize(
    "answer",
    [
        {"width": 81, "height": 1, "rgb": "AAAA" * 81},
        {"width": 2, "height": 1, "rgb": "AAAA"},
        {"width": 0, "height": 0, "rgb": ""},
    ],
)
def test_a_worker_that_lies(
    clip: bytes, monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]
) -> None:
    """Who was taken over by a medium can hand over no more than pixels of the box."""
    monkeypatch.setattr(ProbeClient, "_ask", lambda *_: ({"facts": {"frames": [answer]}}, b""))
    with pytest.raises(Unreadable):
        read(clip, 0.5)
