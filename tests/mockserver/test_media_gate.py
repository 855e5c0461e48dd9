"""Media of strangers at the server: what cannot be decoded is InvalidFile.Openerror, and nothing
else is opened.
"""

import io
import logging
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest

from mockserver.errors import MediaError
from mockserver.media.probe.client import probe_file
from mockserver.media.references import read_data_uri
from reconciler.system.probe import client as keeper
from tests import phones

VIDEO = {"type": "video", "url": "https://example.com/clip.mp4"}


async def fault_of(api, request):
    """The code of the refusal of a request; None when it is accepted."""
    return (await api.post(request)).json().get("code")


def wan(*media):
    return {
        "model": "wan2.7-videoedit",
        "input": {"media": list(media)},
        "parameters": {"resolution": "720P"},
    }


@pytest.fixture
async def strict(serve):
    """A server that refuses at once."""
    async with serve(validation="strict") as api:
        yield api


@pytest.fixture
def on_disk(tmp_path):
    """Puts bytes into a file."""

    def put(content, name="medium"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return put


@pytest.mark.parametrize("name", phones.CLIPS)
def test_both_sides_see_the_same_clip(tmp_path, name):
    """Form, sides and length at the server are those of the client's preflight."""
    path = phones.write_clip(tmp_path / name, **phones.CLIPS[name][0])
    seen = probe_file(path, "video")
    with path.open("rb") as file:
        facts = keeper.probe_file(file, "video", seen.size_bytes)
    assert (seen.format, seen.width, seen.height, seen.duration_s) == tuple(
        facts[field] for field in ("format", "width", "height", "duration_s")
    )
    assert seen.audio == ("sounds" in phones.CLIPS[name][0])


@pytest.mark.parametrize(
    ("content", "form"),
    [
        *((phones.make_picture(form), form.lower()) for form in ("JPEG", "PNG", "BMP", "WEBP")),
        (phones.make_phone_picture(), "jpeg"),
    ],
)
def test_both_sides_see_the_same_picture(on_disk, content, form):
    """A JPEG of two pictures is JPEG on both sides."""
    seen = probe_file(on_disk(content), "image")
    facts = keeper.probe_file(io.BytesIO(content), "image", len(content))
    assert (seen.format, seen.width, seen.alpha) == (form, 256, False)
    assert (facts["format"], facts["width"], facts["alpha"]) == (form, 256, False)


def test_a_film_without_a_brand_is_mov(tmp_path, on_disk):
    """On the client's side too."""
    clip = phones.write_clip(tmp_path / "clip.mov").read_bytes()
    assert probe_file(on_disk(phones.drop_brand(clip)), "video").format == "mov"


@pytest.mark.parametrize("name", phones.HOSTILE)
@pytest.mark.parametrize("kind", ["video", "image"])
def test_what_would_open_something_is_not_opened(monkeypatch, on_disk, name, kind):
    """Session descriptions, scripts and playlists never reach a demuxer."""
    monkeypatch.setattr("mockserver.media.probe.client.ProbeClient._ask", None)
    with pytest.raises(MediaError) as told:
        probe_file(on_disk(phones.HOSTILE[name]), kind)
    assert told.value.failure.code == "InvalidFile.Openerror"


async def test_half_files_are_refused_without_a_trace(strict, tmp_path, caplog):
    """Half a clip and half a picture are the client's fault, not the service's."""
    clip = phones.write_clip(tmp_path / "clip.mp4", movflags="faststart").read_bytes()
    url = await strict.upload("half.mp4", clip[:-200])
    with caplog.at_level(logging.DEBUG):
        assert await fault_of(strict, wan({**VIDEO, "url": url})) == "InvalidFile.Openerror"
        for form in ("JPEG", "PNG", "WEBP"):
            half = b64encode(phones.make_picture(form)[:-100]).decode()
            image = {
                "type": "reference_image",
                "url": f"data:image/{form.lower()};base64,{half}",
            }
            assert await fault_of(strict, wan(VIDEO, image)) == "InvalidFile.Openerror"
    assert "Traceback" not in caplog.text


async def test_a_clip_that_breaks_in_the_middle_is_not_the_services_fault(
    filming, tmp_path, caplog
):
    """Damage behind the first frame makes a film or InvalidFile.Openerror, never InternalError."""
    clip = bytearray(phones.write_clip(tmp_path / "clip.mp4", sounds=1).read_bytes())
    start, end = clip.index(b"mdat") + 1200, clip.index(b"moov") - 4
    clip[start:end] = bytes(end - start)
    url = await filming.upload("broken.mp4", bytes(clip))
    output = (await filming.finished(wan({**VIDEO, "url": url})))["output"]
    assert output["task_status"] == "SUCCEEDED" or output["code"] == "InvalidFile.Openerror"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "spell",
    [
        lambda raw: f"data:image/jpeg;base64,{b64encode(raw).decode()}",
        lambda raw: f"data:image/jpg;base64,{b64encode(raw).decode()}",
        lambda raw: f"DATA:Image/JPEG;charset=utf-8;BASE64,{b64encode(raw).decode()}",
        lambda raw: f"data:image/jpeg;base64,{b64encode(raw).decode().replace('+', '%2B')}%0A",
        lambda raw: f"data:image/jpeg,{quote_from_bytes(raw)}",
    ],
)
async def test_data_uris_in_every_spelling(strict, spell):
    """RFC 2397 leaves room, and image/jpg is what many write."""
    raw = phones.make_picture("JPEG")
    mime, data = read_data_uri(spell(raw))
    assert mime.startswith("image/jp")
    assert data == raw
    image = {"type": "reference_image", "url": spell(raw)}
    assert await fault_of(strict, wan(VIDEO, image)) is None


def test_a_process_that_ended_is_replaced(tmp_path):
    """A decoder that dies takes one medium with it, and the server goes on."""
    from mockserver.media.probe.client import ProbeClient

    client, path = ProbeClient(), phones.write_clip(tmp_path / "clip.mp4")
    first = client.probe(path, "video")
    assert client._process is not None
    client._process.kill()
    client._process.wait()
    assert client.probe(path, "video") == first  # remembered, and nobody was asked
    other = Path(path.rename(tmp_path / "other.mp4"))
    assert client.probe(other, "video") == first
    client.close()
