"""The probe: what phones and cameras write is understood, what is broken is refused with its place,
and what is hostile opens nothing.
"""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reconciler.system.probe import client as client
from reconciler.system.probe.client import ProbeClient, ProbeUnavailable
from reconciler.system.probe.refusal import Foreign, Unreadable
from tests import phones


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every clip of tests.phones."""
    folder = tmp_path_factory.mktemp("phones")
    return {
        name: phones.write_clip(folder / name, **how).read_bytes()
        for name, (how, _) in phones.CLIPS.items()
    }


@pytest.fixture
def gate() -> Iterator[ProbeClient]:
    """A gate of its own."""
    gate = ProbeClient()
    yield gate
    gate.close()


def look(content: bytes, kind: str = "video", **more: Any) -> dict[str, Any]:
    return client.probe_file(io.BytesIO(content), kind, len(content), **more)


def refused(content: bytes, kind: str = "video") -> str:
    with pytest.raises(Unreadable) as told:
        look(content, kind)
    return str(told.value)


@pytest.mark.parametrize("name", phones.CLIPS)
def test_clips_of_phones(clips: dict[str, bytes], name: str) -> None:
    """Form, sides as one sees them, and the length that is played, whatever a phone does."""
    facts = look(clips[name])
    form, width, height, length_s = phones.CLIPS[name][1]
    assert (facts["format"], facts["width"], facts["height"]) == (form, width, height)
    assert facts["duration_s"] == pytest.approx(length_s, abs=0.2)


def test_a_film_without_a_brand_is_mov(clips: dict[str, bytes]) -> None:
    """Old QuickTime files have no ftyp."""
    assert look(phones.drop_brand(clips["upright.mov"]))["format"] == "mov"


@pytest.mark.parametrize("name", ["index-last.mp4", "index-first.mp4", "fragments.mp4"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_half_clips(clips: dict[str, bytes], name: str, share: float) -> None:
    """A clip that was cut short is refused, with the byte at which it ends, wherever its
    index is.
    """
    whole = clips[name]
    cut = whole[: int(len(whole) * share)]
    assert "cut short" in refused(cut)


def test_a_clip_that_lacks_its_last_byte(clips: dict[str, bytes]) -> None:
    """The last packet counts."""
    whole = clips["index-first.mp4"]
    assert f"{len(whole) - 1:,}" in refused(whole[:-1])


@pytest.mark.parametrize(
    ("box", "at", "form", "value", "nth", "said"),
    [
        (b"mvhd", 16, ">I", 1 << 30, 0, "its header says 1,073,741.8 s"),
        (b"tkhd", 20, ">I", 1 << 30, 0, "its header says 1,073,741.8 s"),
        (b"mdhd", 16, ">I", 1 << 30, 0, "its header says"),
        (b"mdhd", 12, ">I", 1, 0, "contradicts itself"),
        (b"mdhd", 12, ">I", 1 << 30, 0, "frames a second"),
        (b"tkhd", 76, ">I", 60000 << 16, 0, "its header says 60,000x240"),
        (b"avc1", 24, ">H", 60000, 1, "its header says 60,000x240"),
        (b"stts", 12, ">I", 1 << 26, 0, "contradicts itself"),
        (b"stsz", 4, ">I", 1 << 24, 0, "cut short or damaged: frame 1 of 12"),
        (b"stco", 8, ">I", 1 << 28, 0, "cut short or damaged: frame 1 of 12"),
        (b"avc1", -4, ">I", 0x41414141, 1, "a codec that nobody knows"),
        (b"avcC", 0, ">I", 0xFFFFFFFF, 0, "first frame cannot be decoded"),
    ],
)
def test_facts_that_contradict_each_other(
    clips: dict[str, bytes], box: bytes, at: int, form: str, value: int, nth: int, said: str
) -> None:
    """An absurd number in a header is told, and not believed."""
    assert said in refused(phones.patch_box(clips["index-last.mp4"], box, at, form, value, nth))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP"])
def test_half_pictures(form: str) -> None:
    """A picture is decoded whole: half of one is refused, and says how long it is."""
    whole = phones.make_picture(form)
    facts = look(whole, "image")
    assert (facts["format"], facts["width"], facts["height"]) == (form.lower(), 256, 256)
    half = whole[: len(whole) // 2]
    assert "cut short" in refused(half, "image")
    assert f"{len(half):,} bytes" in refused(half, "image")


def test_a_picture_of_several_is_its_first() -> None:
    """Phones and cameras write JPEG files with a second picture behind the first."""
    facts = look(phones.make_phone_picture(), "image")
    assert (facts["format"], facts["width"]) == ("jpeg", 256)


def _png_header(width: int, height: int) -> bytes:
    import struct
    import zlib

    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"IDAT" + zlib.compress(b"")
    chunks = [
        struct.pack(">I", len(x) - 4) + x + struct.pack(">I", zlib.crc32(x)) for x in (head, end)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + struct.pack(">I", 0) + b"IEND\xaeB`\x82"


def test_very_large_pictures_are_measured_by_their_header(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Beyond a decoder's guard nothing is decoded, and nothing is warned of."""
    facts = look(_png_header(20_000, 15_000), "image")
    assert (facts["width"], facts["height"]) == (20_000, 15_000)
    whole = io.BytesIO()
    Image.new("RGB", (6_000, 2_000), "white").save(whole, "JPEG")
    assert look(whole.getvalue(), "image")["width"] == 6_000
    assert "cut short" in refused(whole.getvalue()[:-2_000], "image")
    webp = io.BytesIO()
    Image.new("RGB", (6_000, 4_100)).save(webp, "WEBP", quality=1, method=0)
    facts = look(webp.getvalue(), "image")
    assert (facts["width"], facts["height"], facts["alpha"]) == (6_000, 4_100, False)
    assert "cut short" in refused(webp.getvalue()[:-100], "image")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("lossless", [False, True])
def test_the_header_of_a_webp(monkeypatch: pytest.MonkeyPatch, alpha: bool, lossless: bool) -> None:
    """Every kind of WebP is measured by its header as its decoder measures it."""
    from reconciler.system.probe import image as pictures

    content = io.BytesIO()
    mode, colour = ("RGBA", (9, 9, 9, 9)) if alpha else ("RGB", (9, 9, 9))
    Image.new(mode, (300, 41), colour).save(content, "WEBP", lossless=lossless)
    size_bytes = len(content.getvalue())
    decoded = pictures.read_picture(content, "webp", size_bytes, mask=False)
    monkeypatch.setattr(pictures, "WHOLE_PX", 1)
    assert pictures.read_picture(content, "webp", size_bytes, mask=False) == decoded
    assert (decoded["width"], decoded["height"], decoded["alpha"]) == (300, 41, alpha)


@pytest.mark.parametrize("name", phones.HOSTILE)
@pytest.mark.parametrize("kind", ["video", "image"])
def test_nothing_else_is_opened_at_all(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    """Session descriptions, scripts, playlists and drawings are known by their first bytes: no
    process is even asked.
    """
    monkeypatch.setattr(client.ProbeClient, "_ask", None)
    assert refused(phones.HOSTILE[name], kind)


def test_a_clip_that_names_a_neighbour_is_not_followed(
    clips: dict[str, bytes], tmp_path: Path
) -> None:
    """A film whose frames are said to lie in another file gets none of it: nobody opens
    the pipe.
    """
    neighbour = tmp_path / "neighbour"
    os.mkfifo(neighbour)
    hostile = phones.add_neighbour(clips["index-last.mp4"], str(neighbour))
    assert "no frames" in refused(hostile) or "decoded" in refused(hostile)
    with pytest.raises(OSError) as told:
        os.open(neighbour, os.O_WRONLY | os.O_NONBLOCK)
    assert told.value.errno == errno.ENXIO  # no reader was ever there


ALONE = """
import io, os, socket, sys
from reconciler.system.probe.worker import _limit_process
file = os.open(sys.argv[1], os.O_RDONLY)
refused = []
with _limit_process(file, 1):
    for attempt in (lambda: open(sys.argv[1]), socket.socket, os.pipe, lambda: os.dup(0)):
        try:
            attempt()
        except OSError as error:
            refused.append(error.errno)
print(refused)
os.close(file)
open(sys.argv[1]).close()
"""


def test_the_kernel_gives_no_other_file_and_no_socket(tmp_path: Path) -> None:
    """While a stranger's file is open the process cannot have anything else, whoever asks."""
    (tmp_path / "clip").write_bytes(b"x")
    command = [sys.executable, "-c", ALONE, str(tmp_path / "clip")]
    said = subprocess.run(
        command, capture_output=True, text=True, check=True, stdin=subprocess.PIPE
    )
    assert said.stdout.strip() == str([errno.EMFILE] * 4)


def test_the_key_of_the_service_does_not_reach_the_decoders(
    gate: ProbeClient, clips: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process has no environment of ours, where a decoder that is taken over could read."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("this system does not show the environment of a process")
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-secret")
    content = clips["index-last.mp4"]
    gate.probe(io.BytesIO(content), "video", len(content))
    assert gate._worker is not None
    assert b"sk-secret" not in Path(f"/proc/{gate._worker.pid}/environ").read_bytes()


def test_a_decoder_that_dies_takes_nothing_with_it(
    gate: ProbeClient, clips: dict[str, bytes]
) -> None:
    """A process that ended is replaced, and one that ends over a medium refuses that medium."""
    content = clips["index-last.mp4"]
    first = gate.probe(io.BytesIO(content), "video", len(content))
    assert gate._worker is not None
    gate._worker.kill()
    gate._worker.wait()
    assert gate.probe(io.BytesIO(content), "video", len(content)) == first


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its decoder breaks down over it"),
        ("while True: pass", "more computing time"),
        ("bytearray(1 << 40)", "MB of memory"),
    ],
)
def test_what_a_medium_may_take(
    gate: ProbeClient,
    clips: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    ends: str,
    said: str,
) -> None:
    """A crash, a loop without end and a flood of memory are told of that medium alone."""
    monkeypatch.setattr(
        client,
        "_START",
        "import sys; sys.path += sys.argv[1:]\n"
        "import os, signal\n"
        "from reconciler.system.probe import worker\n"
        "worker.CPU_S = 0.2\n"
        f"def facts(asked, file):\n    {ends}\n"
        "worker._read_facts = facts\n"
        "worker.serve()",
    )
    content = clips["index-last.mp4"]
    with pytest.raises(Unreadable, match=said):
        gate.probe(io.BytesIO(content), "video", len(content))
    monkeypatch.undo()
    gate.close()
    assert gate.probe(io.BytesIO(content), "video", len(content))["width"] == 320


def test_a_gate_that_cannot_be_opened_blames_no_medium(
    gate: ProbeClient, clips: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process cannot begin, the installation is at fault, and the error says so."""
    monkeypatch.setattr(client, "_START", "raise SystemExit(7)")
    content = clips["index-last.mp4"]
    with pytest.raises(ProbeUnavailable, match="exit code 7"):
        gate.probe(io.BytesIO(content), "video", len(content))


@pytest.mark.parametrize(
    ("content", "kind", "form"),
    [
        (b"\0\0\0\x18ftypheic", "image", "heic"),
        (b"\0\0\0\x18ftypavif", "video", "avif"),
        (b"GIF89a", "image", "gif"),
        (b"RIFF\0\0\0\0AVI LIST", "video", "avi"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "video", "webp"),
        (b"version https://git-lfs.github.com/spec/v1\n", "video", "a Git LFS pointer"),
    ],
)
def test_other_forms_are_named(content: bytes, kind: str, form: str) -> None:
    """People are told what they have, such as the HEIC of a phone."""
    with pytest.raises(Foreign) as told:
        look(content, kind)
    assert told.value.form == form


@pytest.mark.parametrize(
    ("colour", "tone"),
    [("black", "black"), ("white", "white"), ((200, 40, 40), "coloured"), (None, None)],
)
def test_the_tone_of_a_mask(tmp_path: Path, colour: Any, tone: str | None) -> None:
    """What makes a mask doubtful is found in its pixels, of a picture and of a clip."""
    drawn = Image.new("RGB", (64, 64), colour or "black")
    if colour is None:
        drawn.paste("white", (8, 8, 24, 24))
    content = io.BytesIO()
    drawn.save(content, "PNG")
    assert look(content.getvalue(), "image", mask=True)["tone"] == tone
    if colour is not None:
        shades = drawn.getpixel((0, 0))
        clip = phones.write_clip(tmp_path / "mask.mp4", shades=shades, frames=6)
        assert look(clip.read_bytes(), mask=True)["tone"] == tone
