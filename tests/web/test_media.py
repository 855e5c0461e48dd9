"""Videos in parts, small ones that are made once, and bytes that are not what they should be."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import av
import pytest
from PIL import Image

from reconciler.project import Project
from reconciler.state.store.folder import FolderStore
from reconciler.system.files import hash_file
from reconciler.web.streams import find_part
from tests.web.stage import Page, serve


async def _read(page: Page, path: str, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
    async with page.session.get(f"{page.origin}{path}", headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def _ask_until_made(page: Page, path: str) -> bytes:
    """What a browser does: it asks again where it is told to."""
    while True:
        status, body, headers = await _read(page, path)
        if status != 202:
            assert status == 200, body
            return body
        assert headers["Retry-After"] == "1"


def find_blob(project: Path, digest: str) -> Path:
    """Where the store of a project has a video."""
    store = Project.open(project).store
    assert isinstance(store, FolderStore)
    return store.blob_path(digest)


async def _find_digest(page: Page, name: str = "rain") -> str:
    cards = (await page.get("/api/v1/board"))["cards"]
    return next(str(card["digest"]) for card in cards if card["name"] == name)


async def test_video_is_sent_whole_and_in_parts(rendered: Path) -> None:
    """Every part that a player asks for, by the bytes of the output."""
    whole = (rendered / "renders" / "rain.mp4").read_bytes()
    async with serve(rendered) as page:
        path = f"/media/{await _find_digest(page)}"
        status, body, headers = await _read(page, path)
        assert (status, body) == (200, whole)
        assert headers["Content-Type"] == "video/mp4" and "immutable" in headers["Cache-Control"]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        status, body, told = await _read(page, path, Range="bytes=100-199")
        assert (status, body) == (206, whole[100:200])
        assert told["Content-Range"] == f"bytes 100-199/{len(whole)}"
        assert (await _read(page, path, Range="bytes=-50"))[1] == whole[-50:]
        assert (await _read(page, path, Range="bytes=50-", **{"If-Range": '"other"'}))[0] == 200
        assert (await _read(page, path, Range=f"bytes={len(whole)}-"))[0] == 416
        tag = {"If-None-Match": headers["ETag"]}
        assert (await _read(page, path, **tag))[0] == 304
        async with page.session.head(f"{page.origin}{path}") as answer:
            assert answer.headers["Content-Length"] == str(len(whole))


@pytest.mark.parametrize(
    ("text", "part"),
    [("", None), ("bytes=0-", (0, 10)), ("bytes=2-3", (2, 4)), ("bytes=2-99", (2, 10)),
     ("bytes=-3", (7, 10)), ("bytes=-99", (0, 10)), ("bytes=10-", (0, 0)), ("bytes=-0", (0, 0)),
     ("bytes=5-2", (0, 0)), ("bytes=-", None), ("bytes=0-1,3-4", None), ("lines=1-2", None)],
)  # fmt: skip
def test_parts_are_read_as_the_standard_says(text: str, part: tuple[int, int] | None) -> None:
    """What cannot be read is no wish for a part; what is not there is refused."""
    assert find_part(text, 10) == part


async def test_small_ones_are_made_once(project: Path) -> None:
    """A poster, a film and a strip, from the video; asked for again they are on the shelf."""
    async with serve(project) as page:
        digest = await _find_digest(page)
        poster = Image.open(BytesIO(await _ask_until_made(page, f"/media/{digest}/poster.webp")))
        assert max(poster.size) == 640
        strip = Image.open(BytesIO(await _ask_until_made(page, f"/media/{digest}/filmstrip.webp")))
        assert strip.height == 90 and strip.width % 10 == 0
        film = await _ask_until_made(page, f"/media/{digest}/preview.mp4")
        with av.open(BytesIO(film)) as container:
            assert max(container.streams.video[0].width, container.streams.video[0].height) <= 480
        made = sorted((project / ".cutlist").rglob(f"{digest}.*"))
        assert [path.name.split(".", 1)[1] for path in made] == [
            "filmstrip.webp",
            "poster.webp",
            "preview.mp4",
        ]
        (project / "renders" / "rain.mp4").unlink()
        made[1].write_bytes(b"from the shelf")
        assert (await _read(page, f"/media/{digest}/poster.webp"))[1] == b"from the shelf"


async def test_inputs_are_kept_small(project: Path) -> None:
    """The clip that an edit had is still to be seen when the file is another one."""
    clip = project / "specs" / "media" / "ok.mp4"
    digest = hash_file(clip)
    async with serve(project) as page:
        assert (await _read(page, f"/inputs/{digest}"))[1] == clip.read_bytes()
        before = await _ask_until_made(page, f"/inputs/{digest}/preview.mp4")
        await page.watched.media.keep_inputs()
        clip.write_bytes((project / "renders" / "rain.mp4").read_bytes())
        await page.watched.look()
        assert (await _read(page, f"/inputs/{digest}"))[0] == 404
        assert (await _read(page, f"/inputs/{digest}/preview.mp4"))[1] == before


async def test_damaged_and_missing_videos_are_told(project: Path) -> None:
    """Replaced, cut or gone: words, and not the wrong bytes."""
    async with serve(project) as page:
        digest = await _find_digest(page)
        blob = find_blob(project, digest)
        assert (await _read(page, f"/media/{digest}"))[0] == 200
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[:-1] + b"x")
        answer = await page.get(f"/media/{digest}", status=404)
        assert answer["code"] == "no_medium" and "verify" in answer["message"]
        assert (await _read(page, f"/media/{digest}/poster.webp"))[0] == 404
        blob.unlink()
        assert (await _read(page, f"/media/{digest}"))[0] == 404


async def test_paths_that_leave_the_store_find_nothing(rendered: Path) -> None:
    """Only a digest names a medium."""
    async with serve(rendered) as page:
        for name in ("..%2f..%2fcutlist.yaml", "0" * 63, "G" * 64, "0" * 64, "a%00b"):
            for kind in ("media", "inputs"):
                assert (await _read(page, f"/{kind}/{name}"))[0] == 404
                assert (await _read(page, f"/{kind}/{name}/poster.webp"))[0] == 404
        digest = await _find_digest(page)
        assert (await _read(page, f"/media/{digest}/..%2fposter.webp"))[0] == 404


async def test_full_disk_hides_no_poster(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown, and made again the next time."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reconciler.system.stills.shelf.write_atomic", refuse)
    async with serve(project) as page:
        digest = await _find_digest(page)
        assert await _ask_until_made(page, f"/media/{digest}/poster.webp")
        assert not list((project / ".cutlist").rglob(f"{digest}.poster.webp"))


async def test_large_video_takes_little_memory(project: Path, tmp_path: Path) -> None:
    """100 MB pass through in pieces, however slowly they are read."""
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.write(b"\0\0\0\x18ftypisom")
        file.truncate(100 << 20)
    digest = hash_file(large)
    async with serve(project) as page:
        await page.get("/api/v1/board")
        blob = find_blob(project, digest)
        blob.parent.mkdir(exist_ok=True)
        os.link(large, blob)
        await _read(page, f"/media/{digest}", Range="bytes=0-0")
        tracemalloc.start()
        try:
            async with page.session.get(f"{page.origin}/media/{digest}") as answer:
                size = 0
                async for piece in answer.content.iter_chunked(64 << 10):
                    size += len(piece)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert size == 100 << 20
        assert peak_bytes < 2 << 20  # the reader of this test is in it too
