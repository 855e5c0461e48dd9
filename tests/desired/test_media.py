"""Local media: looked at once, recognised by their bytes, never mistaken for what they were."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from reconciler.desired.job import Facts
from reconciler.desired.media import (
    _PROBE_VERSION,
    MediaExaminer,
    check_limits,
    probe_media,
    probe_output,
)
from reconciler.desired.source.folder import FolderTree
from reconciler.service.models import MediaLimits
from reconciler.system.cache import Digests, open_cache
from reconciler.system.probe.refusal import Foreign, Unreadable
from tests import making
from tests.clock import FakeClock
from tests.making import MODELS, SIGNATURES
from tests.media import make_clip

VIDEO = MODELS.by_name["wan2.7-videoedit"].media["video"]
IMAGE = MODELS.by_name["wan2.7-videoedit"].media["reference_image"]


@pytest.mark.parametrize(
    ("name", "format_", "size", "duration_s"),
    [
        ("ok.mp4", "mp4", (320, 240), 2.0),
        ("ok.mov", "mov", (320, 240), 2.0),
        ("eleven-seconds.mp4", "mp4", (320, 240), 11.0),
        ("wide.mp4", "mp4", (2400, 240), 2.0),
    ],
)
def test_videos(
    media: Path, name: str, format_: str, size: tuple[int, int], duration_s: float
) -> None:
    """Container, sides and length of a video, from a path or from an open file."""
    path = media / name
    facts = probe_output(path, path.stat().st_size)
    assert (facts.kind, facts.format, (facts.width, facts.height)) == ("video", format_, size)
    assert facts.duration_s == pytest.approx(duration_s, abs=0.01)
    with path.open("rb") as file:
        assert probe_media(file, "video", path.stat().st_size) == facts


@pytest.mark.parametrize(
    ("name", "format_", "alpha"),
    [
        ("ok.png", "png", False),
        ("alpha.png", "png", True),
        ("grey-alpha.png", "png", True),
        ("ok.jpg", "jpeg", False),
        ("ok.webp", "webp", False),
    ],
)
def test_pictures(media: Path, name: str, format_: str, alpha: bool) -> None:
    """Format and transparency of a picture, by its bytes and not by its name."""
    with (media / name).open("rb") as file:
        facts = probe_media(file, "image", 1)
    assert (facts.kind, facts.format, facts.alpha, (facts.width, facts.height)) == (
        "image",
        format_,
        alpha,
        (256, 256),
    )


def test_a_palette_with_a_transparent_colour_is_transparent() -> None:
    """PNG knows transparency without an alpha channel; the service refuses both."""
    raw = io.BytesIO()
    Image.new("P", (256, 256), 0).save(raw, "PNG", transparency=0)
    assert probe_media(raw, "image", 1).alpha


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text.mp4", "video"),
        ("cut-short.mp4", "video"),
        ("empty.mp4", "video"),
        ("sound.mp4", "video"),
        ("ok.png", "video"),
        ("text.png", "image"),
        ("ok.mp4", "image"),
    ],
)
def test_unreadable(media: Path, name: str, kind: str) -> None:
    """What is no such medium is told in words, whatever its name says."""
    with (media / name).open("rb") as file, pytest.raises(Unreadable):
        probe_media(file, kind, 1)


@pytest.mark.parametrize(
    ("name", "kind", "form"),
    [
        ("ok.mkv", "video", "matroska/webm"),
        ("ok.webm", "video", "matroska/webm"),
        ("ok.gif", "image", "gif"),
        ("ok.png", "video", "png"),
    ],
)
def test_foreign(media: Path, name: str, kind: str, form: str) -> None:
    """What is of a form that no model takes is named, and not opened."""
    with (media / name).open("rb") as file, pytest.raises(Foreign) as told:
        probe_media(file, kind, 1)
    assert told.value.form == form


def facts(
    kind: str = "video",
    format_: str = "mp4",
    size_bytes: int = 1,
    width: int = 640,
    height: int = 480,
    duration_s: float | None = 5.0,
    alpha: bool = False,
) -> Facts:
    return Facts(kind, format_, size_bytes, width, height, duration_s, alpha)


@pytest.mark.parametrize(
    ("limits", "seen", "broken"),
    [
        (VIDEO, facts(), 0),
        (VIDEO, facts(duration_s=2.0), 0),
        (VIDEO, facts(duration_s=10.04), 0),
        (VIDEO, facts(duration_s=10.1), 1),
        (VIDEO, facts(duration_s=1.9), 1),
        (VIDEO, facts(width=240, height=240), 0),
        (VIDEO, facts(width=239, height=240), 1),
        (VIDEO, facts(width=4096, height=512), 0),
        (VIDEO, facts(width=4096, height=511), 1),
        (VIDEO, facts(width=4097, height=4096), 1),
        (VIDEO, facts(size_bytes=100 << 20), 0),
        (VIDEO, facts(size_bytes=(100 << 20) + 1), 1),
        (VIDEO, facts(format_="avi", duration_s=11, width=100, height=2000), 4),
        (IMAGE, facts("image", "png", duration_s=None), 0),
        (IMAGE, facts("image", "png", duration_s=None, alpha=True), 1),
        (IMAGE, facts("image", "jpeg", width=8000, height=1000), 0),
        (IMAGE, facts("image", "tiff", width=8001, height=8000), 2),
        (
            MediaLimits("any", "video", ("mp4",), False),
            facts(duration_s=9999, width=1, height=9999),
            0,
        ),
    ],
)
def test_limits(limits: MediaLimits, seen: Facts, broken: int) -> None:
    """Each limit holds to its last legal value, and every broken one is told."""
    assert len(list(check_limits(seen, limits))) == broken


# ------------------------------------------------------------------ what is remembered


class Bench:
    """A project with one clip, looked at as each run of the program does: with what the last run
    remembered.
    """

    def __init__(self, root: Path, clock: FakeClock) -> None:
        self.root, self.clock = root, clock
        self.clip = make_clip(root / "clip.mp4")
        self.limits, self.edit = VIDEO, making.make_edit("a")
        self.edit_medium = making.make_wanted(self.edit).inputs[0].medium

    def identity(self) -> str | None:
        """The identity of the clip, as a new run finds it."""
        cache = open_cache(self.root / "cache")
        examiner = MediaExaminer(
            FolderTree(self.root, Digests(cache, self.clock, "media")), cache, SIGNATURES
        )
        seen, faults = examiner.examine(self.edit, self.edit_medium, self.limits)
        assert faults == []
        cache.save()
        return seen.identity


@pytest.fixture
def bench(tmp_path: Path, clock: FakeClock) -> Bench:
    """The clip lies there for long, so that its times can be trusted."""
    (tmp_path / "specs").mkdir()
    bench = Bench(tmp_path, clock)
    (tmp_path / "clip.mp4").rename(tmp_path / "specs" / "clip.mp4")
    bench.clip = tmp_path / "specs" / "clip.mp4"
    clock.advance(bench.clip.stat().st_ctime - clock.now() + 3600)
    return bench


def test_a_touched_clip_is_the_same(bench: Bench) -> None:
    """New times on old bytes change nothing."""
    before = bench.identity()
    os.utime(bench.clip, (0, 0))
    assert bench.identity() == before
    os.utime(bench.clip)
    assert bench.identity() == before


def test_other_bytes_of_the_same_size_and_age_are_noticed(bench: Bench) -> None:
    """Bytes of the same number put in place with the old times are a new input: nobody sets ctime
    back.
    """
    before, was = bench.identity(), bench.clip.stat()
    raw = bytearray(bench.clip.read_bytes())
    raw[-1] ^= 1
    bench.clip.write_bytes(raw)
    os.utime(bench.clip, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert bench.clip.stat().st_size == was.st_size
    assert bench.identity() != before


def test_an_older_file_moved_into_its_place_is_noticed(bench: Bench) -> None:
    """A file with an older mtime, renamed over the clip, is a new input."""
    before = bench.identity()
    other = make_clip(bench.root / "other.mp4", shade=7)
    other.write_bytes(
        other.read_bytes().ljust(bench.clip.stat().st_size, b"\0")[: bench.clip.stat().st_size]
    )
    os.utime(other, (1, 1))
    other.rename(bench.clip)
    assert bench.identity() != before


def test_what_changed_just_now_is_not_remembered(bench: Bench) -> None:
    """A file may change twice within one tick of its times: a fresh one is read again by the next
    run.
    """
    bench.clock.advance(-3600)
    bench.identity()
    cache = open_cache(bench.root / "cache")
    assert cache.get("media", str(bench.clip.parent)) is None
    assert b"clip.mp4" not in (bench.root / "cache" / "cache.db").read_bytes()
    bench.clock.advance(3600)
    bench.identity()
    assert open_cache(bench.root / "cache").get("media", str(bench.clip.parent)) is not None


def test_a_known_clip_is_not_opened(bench: Bench) -> None:
    """What is known of a file is used: with its digest known, bytes that only its times could
    betray are not read.
    """
    before = bench.identity()
    digest = before.removeprefix("sha256:") if before else ""
    with open_cache(bench.root / "cache") as cache:
        [*stamp, _] = cache.get("media", str(bench.clip.parent))[bench.clip.name]
        cache.put("media", str(bench.clip.parent), {bench.clip.name: [*stamp, "0" * 64]})
        facts = f"{_PROBE_VERSION}:video:"
        cache.put("facts", facts + "0" * 64, cache.get("facts", facts + digest))
    assert bench.identity() == "sha256:" + "0" * 64
