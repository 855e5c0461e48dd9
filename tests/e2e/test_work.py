"""The work on an attempt is plain data: it can be written down, and carried out from there."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from reconciler.apply import items
from reconciler.apply.work import Work, build_work
from tests.e2e.bench import CREATE, Bench, Trouble, write_video
from tests.e2e.shots import drive, shoot


def _write_picture() -> str:
    """A picture as a data URI, which the service takes as it is."""
    content = io.BytesIO()
    Image.new("RGB", (256, 256), "red").save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


async def test_work_survives_json(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the project, the result of another edit and a picture that is written out: what
    was read back from JSON sends the same requests.
    """
    (bench.root / "specs").mkdir()
    write_video(bench.root / "specs" / "clip.mp4", 2.0)
    bench.edit("rain", url="clip.mp4")
    media = [
        {"type": "video", "url": "edit://rain"},
        {"type": "reference_image", "url": _write_picture()},
    ]
    bench.edit("snow", input={"prompt": "let it snow", "media": media})
    works: list[Work] = []
    bodies: list[Any] = []

    async def read_body(request: httpx.Request, send: Callable[..., Any]) -> Any:
        bodies.append(json.loads(request.content))
        return await send(request)

    bench.network.trouble.append(Trouble(*CREATE, read_body, times=2))

    def write_down(*arguments: object, **settings: object) -> Work:
        work = build_work(*arguments, **settings)  # type: ignore[arg-type]
        read = Work.from_json(json.loads(json.dumps(work.to_json())))
        assert read == work
        works.append(read)
        return read

    monkeypatch.setattr(items, "build_work", write_down)
    report = await bench.apply()
    assert report.exit_code == 0
    assert bench.billed_tasks() == 2
    assert [source.origin for work in works for source in work.sources] == ["file", "result"]
    assert str(bench.root) not in json.dumps([work.to_json() for work in works])
    urls = [[medium["url"][:14] for medium in body["input"]["media"]] for body in bodies]
    assert [url[0][:6] for url in urls] == ["oss://", "oss://"]
    assert urls[1][1] == "data:image/png"


async def test_excerpts_are_stored_before_they_are_ordered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who carries out an order elsewhere has the store alone: the frame and the sound lie there
    when the work is written down, and the work names them by their digests.
    """
    shoot(bench, "shot")
    drive(bench, "on", "edit://shot#last-frame", "edit://shot#audio")
    store = bench.project().store
    ordered: list[tuple[str, str, bytes]] = []

    def write_down(*arguments: object, **settings: object) -> Work:
        work = build_work(*arguments, **settings)  # type: ignore[arg-type]
        for source in work.sources:
            with store.open_blob(source.digest) as blob:
                ordered.append((source.origin, source.suffix, blob.read(4)))
        return Work.from_json(json.loads(json.dumps(work.to_json())))

    monkeypatch.setattr(items, "build_work", write_down)
    assert (await bench.apply()).exit_code == 0
    assert ordered == [("result", ".png", b"\x89PNG"), ("result", ".wav", b"RIFF")]
    assert bench.billed_tasks() == 2
