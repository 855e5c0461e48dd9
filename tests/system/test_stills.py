"""Stills of clips as phones write them, of pictures, and of what is neither."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import pytest
from PIL import Image

from reconciler.system.probe.client import ProbeClient
from reconciler.system.probe.refusal import Unreadable
from reconciler.system.stills.kinds import StillKind
from reconciler.system.stills.shelf import StillShelf
from tests.phones import make_picture, write_clip


@pytest.fixture(scope="module")
def client() -> Iterator[ProbeClient]:
    """One worker for all of them."""
    client = ProbeClient()
    yield client
    client.close()


def make(client: ProbeClient, path: Path, kind: StillKind) -> bytes:
    """A still of a file."""
    with path.open("rb") as file:
        return client.make(file, kind.value, path.stat().st_size)


def test_upright_film_stands_upright(client: ProbeClient, tmp_path: Path) -> None:
    """Phones store it lying down."""
    clip = write_clip(tmp_path / "clip.mp4", turn=90)
    assert Image.open(BytesIO(make(client, clip, StillKind.POSTER))).size == (240, 320)
    with av.open(BytesIO(make(client, clip, StillKind.PREVIEW))) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (240, 320)


def test_small_film_has_length_and_sound_of_the_clip(client: ProbeClient, tmp_path: Path) -> None:
    """It stands for the clip when that is gone, also to be heard."""
    clip = write_clip(tmp_path / "clip.mp4", sounds=1, size=(1920, 1080))
    with av.open(BytesIO(make(client, clip, StillKind.PREVIEW))) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (480, 270)
        assert [sound.codec.name for sound in film.streams.audio] == ["aac"]
        assert (film.duration or 0) / av.time_base == pytest.approx(2.0, abs=0.2)
        assert sum(1 for _ in film.decode(video=0)) == 12


def test_strip_shows_the_film_in_the_order_of_time(client: ProbeClient, tmp_path: Path) -> None:
    """Ten pictures, also of fewer frames; these clips grow redder."""
    for frames in (12, 3):
        clip = write_clip(tmp_path / f"{frames}.mp4", frames=frames)
        strip = Image.open(BytesIO(make(client, clip, StillKind.FILMSTRIP))).convert("RGB")
        assert strip.size == (1200, 90)
        reds = [strip.getpixel((120 * tile + 60, 45))[0] for tile in range(10)]  # type: ignore[index]
        assert all(one <= other + 6 for one, other in pairwise(reds))
        assert reds[-1] > reds[0]


def test_picture_has_a_poster_and_no_film(client: ProbeClient, tmp_path: Path) -> None:
    """A mask or a reference picture."""
    path = tmp_path / "large.png"
    Image.new("RGB", (2000, 1000), (200, 10, 10)).save(path)
    assert Image.open(BytesIO(make(client, path, StillKind.POSTER))).size == (640, 320)
    for kind in (StillKind.PREVIEW, StillKind.FILMSTRIP):
        with pytest.raises(Unreadable, match="no film"):
            make(client, path, kind)


@pytest.mark.parametrize("kind", list(StillKind))
def test_what_is_broken_is_refused_and_ends_nothing(
    client: ProbeClient, tmp_path: Path, kind: StillKind
) -> None:
    """The next one is made."""
    clip = write_clip(tmp_path / "clip.mp4")
    for name, content in (
        ("cut.mp4", clip.read_bytes()[:300]),
        ("text.mp4", b"no video at all\n" * 40),
        ("empty.mp4", b""),
        ("noise.mp4", b"\0\0\0\x18ftypisom" + bytes(range(256)) * 20),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(Unreadable):
            make(client, path, kind)
    assert make(client, clip, kind)


def test_shelf_keeps_within_its_bounds(tmp_path: Path) -> None:
    """What was asked for the longest ago goes first."""
    shelf = StillShelf(tmp_path / "stills", 2_500)
    digests = [f"{number:064x}" for number in range(3)]
    for number, digest in enumerate(digests[:2]):
        shelf.put(digest, StillKind.POSTER, bytes(1_000), tmp_name="t")
        path = next((tmp_path / "stills").rglob(f"{digest}.*"))
        os.utime(path, (number + 1, number + 1))
    assert shelf.read(digests[0], StillKind.POSTER)  # is the younger one now
    shelf.put(digests[2], StillKind.POSTER, bytes(1_000), tmp_name="t")
    assert [shelf.has(digest, StillKind.POSTER) for digest in digests] == [True, False, True]
    assert shelf.read(digests[1], StillKind.POSTER) is None


def test_a_worker_that_has_made_stills_opens_pictures(tmp_path: Path) -> None:
    """Whatever it did first, it knows every kind of medium."""
    client = ProbeClient()
    try:
        make(client, write_clip(tmp_path / "clip.mp4"), StillKind.POSTER)
        for form in ("WEBP", "BMP", "JPEG"):
            picture = make_picture(form)
            facts = client.probe(BytesIO(picture), "image", len(picture))
            assert facts["format"] == form.lower()
    finally:
        client.close()
